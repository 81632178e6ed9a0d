#include "text/width.h"

#include "base/macros.h"
#include "text/width_tables.h"

static int is_in(const struct range *table, size_t count, uint32_t code_point)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (code_point > table[middle].last)
			low = middle + 1;
		else if (code_point < table[middle].first)
			high = middle;
		else
			return 1;
	}
	return 0;
}

/* The number of bytes of a character whose first byte is LEAD, or 0. */
static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

size_t width_decode(const char *text, size_t len, uint32_t *code_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	size_t need = sequence_length(bytes[0]);
	uint32_t value;
	*code_point = UINT32_MAX;
	if (need == 0 || need > len)
		return 1;
	value = need == 1 ? bytes[0] : bytes[0] & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | (bytes[i] & 0x3fU);
	}
	if (value < smallest[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 1;
	*code_point = value;
	return need;
}

static size_t columns_of(uint32_t code_point)
{
	if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
		return 0;
	/* All lower code points have the width one: most text ends here. */
	if (code_point < 0x300 || code_point == UINT32_MAX)
		return 1;
	if (is_in(zero_width, ARRAY_LEN(zero_width), code_point))
		return 0;
	return is_in(double_width, ARRAY_LEN(double_width), code_point) ? 2 : 1;
}

size_t width_columns(const char *text, size_t len)
{
	size_t columns = 0;
	for (size_t at = 0; at < len;) {
		uint32_t code_point;
		at += width_decode(text + at, len - at, &code_point);
		columns += columns_of(code_point);
	}
	return columns;
}

size_t width_cut(const char *text, size_t len, size_t columns)
{
	size_t used = 0;
	for (size_t at = 0; at < len;) {
		uint32_t code_point;
		size_t bytes = width_decode(text + at, len - at, &code_point);
		used += columns_of(code_point);
		if (used > columns)
			return at;
		at += bytes;
	}
	return len;
}
