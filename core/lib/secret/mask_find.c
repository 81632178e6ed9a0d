#include "secret/mask_find.h"

#include <string.h>

#include "secret/mask.h"

/* ---- escapes --------------------------------------------------------------------------------------------- */

static int hex_value(unsigned char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The character that the escape at TEXT stands for, or -1: there is none, or not a whole one. */
static int decode(const unsigned char *text, size_t len)
{
	size_t digits = text[0] == '%' ? 1 : 4;
	int high, low;
	if (text[0] == '\\' && len >= 2 && (text[1] == '/' || text[1] == '"' || text[1] == '\\'))
		return text[1];
	if (len < digits + 2 || (text[0] == '\\' && memcmp(text + 1, "u00", 3) != 0))
		return -1;
	high = hex_value(text[digits]);
	low = hex_value(text[digits + 1]);
	if (high < 0 || low < 0 || (text[0] == '\\' && high >= 8))
		return -1;
	return high << 4 | low;
}

/* How many bytes at TEXT are an escape of C, or 0. *OPEN: the text ends before that is known. */
static size_t match_escape(unsigned char c, const unsigned char *text, size_t len, int *open)
{
	size_t digits = text[0] == '%' ? 1 : 4;
	if (text[0] != '%' && (text[0] != '\\' || c >= 0x80))
		return 0;
	if (text[0] == '\\' && len >= 2 && text[1] == c && (c == '/' || c == '"' || c == '\\'))
		return 2;
	for (size_t i = 1; i < digits + 2; i++) {
		if (i == len) {
			*open = 1;
			return 0;
		}
		if (i < digits ? text[i] != "\\u00"[i] : hex_value(text[i]) != (i == digits ? c >> 4 : c & 15))
			return 0;
	}
	return digits + 2;
}

size_t mask_find_escape(const struct mask_forms *forms, const unsigned char *text, size_t len, size_t at, int mark)
{
	while (at < len) {
		const unsigned char *found = memchr(text + at, mark, len - at);
		int c;
		if (!found)
			break;
		at = (size_t)(found - text);
		c = decode(found, len - at);
		if (c >= 0 && forms->heads[c])
			return at;
		at++;
	}
	return len;
}

/* ---- forms ----------------------------------------------------------------------------------------------- */

/* Distances from the beginning of a form in the text. */
struct places {
	uint32_t at[(MASK_ESCAPE_MAX - 1) * MASK_SECRET_MAX + 2];
	size_t count;
};

/* Keeps the places sorted and each there once. The order in which they come is nearly sorted. */
static void add_place(struct places *places, uint32_t at)
{
	size_t i = places->count;
	while (i > 0 && places->at[i - 1] > at)
		i--;
	if (i > 0 && places->at[i - 1] == at)
		return;
	memmove(places->at + i + 1, places->at + i, (places->count - i) * sizeof *places->at);
	places->at[i] = at;
	places->count++;
}

/* A form with '%' or '\' in it may be read in several ways at once: all places where the next character could stand
 * are followed. */
static size_t match_ambiguous(const struct mask_form *form, const unsigned char *text, size_t len, int *open)
{
	static struct places both[2];
	struct places *now = &both[0], *next = &both[1];
	now->at[0] = 0;
	now->count = 1;
	for (size_t i = 0; i < form->len && now->count > 0; i++) {
		struct places *swap = now;
		next->count = 0;
		for (size_t n = 0; n < now->count; n++) {
			uint32_t at = now->at[n];
			size_t size = 0;
			if (at == len) {
				*open = 1;
				break;
			}
			if (text[at] == form->text[i])
				add_place(next, at + 1);
			size = match_escape(form->text[i], text + at, len - at, open);
			if (size)
				add_place(next, at + (uint32_t)size);
		}
		now = next;
		next = swap;
	}
	return now->count > 0 ? now->at[now->count - 1] : 0;
}

static size_t match(const struct mask_form *form, const unsigned char *text, size_t len, int *open)
{
	size_t at = 0;
	if (form->ambiguous)
		return match_ambiguous(form, text, len, open);
	for (size_t i = 0; i < form->len; i++) {
		size_t size = 1;
		if (at == len) {
			*open = 1;
			return 0;
		}
		if (text[at] != form->text[i])
			size = match_escape(form->text[i], text + at, len - at, open);
		if (!size)
			return 0;
		at += size;
	}
	return at;
}

/* The longest of the forms from list[FROM] to list[TO - 1], and LONGEST. */
static size_t match_range(const struct mask_forms *forms, size_t from, size_t to, const unsigned char *text, size_t len,
                          int *open, size_t longest)
{
	for (size_t i = from; i < to; i++) {
		size_t got = match(&forms->list[i], text, len, open);
		if (got > longest)
			longest = got;
	}
	return longest;
}

size_t mask_find_form(const struct mask_forms *forms, const unsigned char *text, size_t len, size_t at, int *open)
{
	unsigned char raw = text[at];
	size_t longest = 0, left = len - at;
	int c = raw;
	if (forms->count == 0)
		return 0;
	text += at;
	if (raw == '%' || raw == '\\') {
		c = decode(text, left);
		/* Cut off, it may stand for anything. */
		if (c < 0 && left < MASK_ESCAPE_MAX) {
			longest = match_range(forms, 0, forms->count, text, left, open, 0);
			return longest ? at + longest : 0;
		}
	}
	longest = match_range(forms, forms->first[raw], forms->first[raw + 1], text, left, open, 0);
	if (c >= 0 && c != raw)
		longest = match_range(forms, forms->first[c], forms->first[c + 1], text, left, open, longest);
	return longest ? at + longest : 0;
}

/* ---- userinfo -------------------------------------------------------------------------------------------- */

int mask_in_userinfo(unsigned char c)
{
	switch (c) {
	case '/':
	case '"':
	case '\'':
	case '`':
	case '<':
	case '>':
	case 0x7f:
		return 0;
	default:
		return c > 0x20;
	}
}

size_t mask_find_userinfo(const unsigned char *text, size_t len, size_t at, int *open)
{
	size_t end = 0, from = at + 3;
	for (size_t i = at; i <= from + MASK_USERINFO_MAX; i++) {
		if (i == len) {
			*open = 1;
			break;
		}
		if (i < from ? text[i] != "://"[i - at] : !mask_in_userinfo(text[i]))
			break;
		if (text[i] == '@' && i > from)
			end = i;
	}
	return end == from + 3 && memcmp(text + from, "git", 3) == 0 ? 0 : end;
}
