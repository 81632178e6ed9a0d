/* Any bytes through the cleaner and the line splitter, whole and in pieces: the same lines, free of control
 * characters, valid UTF-8, none too long. The first byte says how the bytes are cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/lines.h"
#include "text/terminal_filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_BYTES 40
#define OUT_MAX        ((size_t)1 << 20)

static void require(int condition)
{
	if (!condition)
		abort();
}

static int is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Decodes strictly; tabs are plain. */
static void require_printable(const unsigned char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
		size_t size = text[i] < 0x80 ? 1 : text[i] >= 0xf0 ? 4 : text[i] >= 0xe0 ? 3 : 2;
		uint32_t c = size == 1 ? text[i] : text[i] & (0x7f >> size);
		require(size == 1 || text[i] >= 0xc0);
		require(size <= len - i);
		for (size_t n = 1; n < size; n++) {
			require((text[i + n] & 0xc0) == 0x80);
			c = c << 6 | (text[i + n] & 0x3f);
		}
		require(c >= least[size] && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff));
		require(c == '\t' || !is_harmful(c));
		i += size;
	}
}

static int on_line(void *ud, const char *line, size_t len)
{
	require(len <= LINE_MAX_BYTES && !memchr(line, '\n', len));
	require_printable((const unsigned char *)line, len);
	require(buf_append(ud, line, len) == 0 && buf_append(ud, "\n", 1) == 0);
	return 0;
}

/* Pieces of 1 to HOW bytes, 0: one piece. */
static void run(const uint8_t *data, size_t size, unsigned how, struct buf *text, struct buf *all)
{
	struct terminal_filter filter;
	struct lines lines;
	unsigned piece = 0;
	terminal_filter_init(&filter);
	lines_init(&lines, LINE_MAX_BYTES, on_line, all);
	for (size_t at = 0; at < size;) {
		size_t now = how ? piece++ * 7 % how + 1 : size, before = text->len, plain;
		now = now < size - at ? now : size - at;
		/* In pieces as the output of a child is. */
		plain = how ? terminal_filter_take_plain(&filter, (const char *)data + at, now) : 0;
		require(buf_append(text, data + at, plain) == 0);
		require(terminal_filter_feed(&filter, (const char *)data + at + plain, now - plain, text) == 0);
		if (text->len > before)
			require(lines_feed(&lines, text->data + before, text->len - before) == 0);
		at += now;
	}
	require(terminal_filter_finish(&filter, text) == 0);
	lines_free(&lines);
	buf_clear(all);
	lines_init(&lines, LINE_MAX_BYTES, on_line, all);
	for (size_t at = 0; at < text->len; at += how + 1)
		require(lines_feed(&lines, text->data + at, how < text->len - at ? how + 1 : text->len - at) == 0);
	require(lines_finish(&lines) == 0);
	lines_free(&lines);
}

static void require_same(const struct buf *a, const struct buf *b)
{
	require(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, pieces, whole_lines, piece_lines;
	if (size < 1 || size > OUT_MAX / 8)
		return 0;
	buf_init(&whole, OUT_MAX);
	buf_init(&pieces, OUT_MAX);
	buf_init(&whole_lines, OUT_MAX);
	buf_init(&piece_lines, OUT_MAX);
	run(data + 1, size - 1, 0, &whole, &whole_lines);
	run(data + 1, size - 1, data[0], &pieces, &piece_lines);
	require_same(&whole, &pieces);
	require_same(&whole_lines, &piece_lines);
	require(whole.len <= (size - 1) * 3);
	buf_free(&whole);
	buf_free(&pieces);
	buf_free(&whole_lines);
	buf_free(&piece_lines);
	return 0;
}
