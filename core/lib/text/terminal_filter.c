#include "text/terminal_filter.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
/* Bytes that are processed in one step: the output buffer gets room for their longest result. */
#define SLICE ((size_t)4096)
/* Bytes that are checked in one step. */
#define BLOCK ((size_t)128)

enum state {
	TEXT,
	ESCAPE,       /* after ESC */
	INTERMEDIATE, /* after ESC and an intermediate byte, as in ESC ( B */
	CSI,          /* after ESC [: ends with a byte from 0x40 to 0x7e */
	STRING,       /* OSC, DCS and similar ones: ends with BEL or ESC \ */
	STRING_ESC,   /* in such a string, after ESC */
};

void terminal_filter_init(struct terminal_filter *filter)
{
	memset(filter, 0, sizeof *filter);
}

/* The two loops over a block below have no branch, so that compilers use vector instructions. */

static int plain(unsigned char c)
{
	return (c >= 0x20 && c <= 0x7e) || c == '\n' || c == '\t';
}

static int plain_block(const unsigned char *data)
{
	unsigned char all = 1;
	for (size_t i = 0; i < BLOCK; i++) {
		/* Plus one and signed, DEL and all bytes beyond ASCII are less than the space; newline and tab differ in one bit. */
		signed char up = (signed char)(data[i] + 1);
		all &= (up > 0x20) | ((up | 1) == '\n' + 1);
	}
	return all;
}

/* The number of bytes from DATA that are plain ASCII, newline or tab. */
static size_t plain_run(const unsigned char *data, size_t len)
{
	size_t at = 0;
	while (len - at >= BLOCK && plain_block(data + at))
		at += BLOCK;
	while (at < len && plain(data[at]))
		at++;
	return at;
}

/* A control character that shows nothing and starts no sequence. */
static int silent(unsigned char c)
{
	return (c < 0x20 || c == 0x7f) && c != '\n' && c != '\t' && c != '\r' && c != 0x1b;
}

/* NULs come in long runs, unlike the others. */
static int nul_block(const unsigned char *data)
{
	unsigned char any = 0;
	for (size_t i = 0; i < BLOCK; i++)
		any |= data[i];
	return !any;
}

static size_t silent_run(const unsigned char *data, size_t len)
{
	size_t at = 0;
	while (len - at >= BLOCK && nul_block(data + at))
		at += BLOCK;
	while (at < len && silent(data[at]))
		at++;
	return at;
}

/* The state after BYTE of an escape sequence; BYTE is not a control character. A byte beyond ASCII is text and ends ESCAPE
 * and the states after it. */
static enum state step(enum state state, unsigned char byte)
{
	switch (state) {
	case ESCAPE:
		if (byte == '[')
			return CSI;
		if (memchr("]P_^X", byte, 5))
			return STRING;
		return byte <= 0x2f ? INTERMEDIATE : TEXT;
	case INTERMEDIATE:
		return byte <= 0x2f ? INTERMEDIATE : TEXT;
	case CSI:
		return byte >= 0x40 ? TEXT : CSI;
	case STRING_ESC:
		return byte == '\\' ? TEXT : step(ESCAPE, byte);
	default:
		return state;
	}
}

/* One byte of an escape sequence. Returns 1, or 0 when it does not belong to the sequence, which then has ended. */
static int take_escaped(struct terminal_filter *filter, unsigned char byte)
{
	int in_string = filter->state == STRING;
	if (byte == '\n' || byte == '\r' || (byte >= 0x80 && !in_string)) {
		filter->state = TEXT;
		return 0;
	}
	if (byte == 0x1b)
		filter->state = in_string ? STRING_ESC : ESCAPE;
	else if (byte == 0x18 || byte == 0x1a || (byte == 0x07 && in_string))
		filter->state = TEXT;
	else if (byte >= 0x20 && byte != 0x7f)
		filter->state = (int)step((enum state)filter->state, byte);
	if (++filter->sequence_len == TERMINAL_SEQUENCE_MAX)
		filter->state = TEXT;
	return 1;
}

/* The length of the UTF-8 character that begins with FIRST; 0: it begins none. */
static int character_length(unsigned char first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* Whether BYTE can continue the current character: no overlong forms, surrogates, or code points above 10FFFF. */
static int continues(const struct terminal_filter *filter, unsigned char byte)
{
	if (filter->pending_len == 1)
		switch (filter->pending[0]) {
		case 0xe0:
			return byte >= 0xa0 && byte <= 0xbf;
		case 0xed:
			return byte >= 0x80 && byte <= 0x9f;
		case 0xf0:
			return byte >= 0x90 && byte <= 0xbf;
		case 0xf4:
			return byte >= 0x80 && byte <= 0x8f;
		default:
			break;
		}
	return byte >= 0x80 && byte <= 0xbf;
}

/* A C1 control, or one of U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. */
static int harmful(const unsigned char *c)
{
	if (c[0] == 0xc2)
		return c[1] <= 0x9f;
	if (c[0] == 0xd8)
		return c[1] == 0x9c;
	if (c[0] != 0xe2)
		return 0;
	return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xaa && c[2] <= 0xae))) ||
	       (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

static char *put(char *to, const void *bytes, size_t len)
{
	memcpy(to, bytes, len);
	return to + len;
}

/* The functions below write visible text at TO and return the position after it. */

/* The current character is incomplete. */
static char *cut_off(struct terminal_filter *filter, char *to)
{
	if (filter->pending_len == 0)
		return to;
	filter->pending_len = 0;
	return put(to, REPLACEMENT, 3);
}

/* One byte of a character beyond ASCII. */
static char *take_high(struct terminal_filter *filter, unsigned char byte, char *to)
{
	if (filter->pending_len > 0 && !continues(filter, byte))
		to = cut_off(filter, to);
	if (filter->pending_len == 0 && !character_length(byte))
		return put(to, REPLACEMENT, 3);
	filter->pending[filter->pending_len++] = byte;
	if (filter->pending_len < character_length(filter->pending[0]))
		return to;
	if (!harmful(filter->pending))
		to = put(to, filter->pending, (size_t)filter->pending_len);
	filter->pending_len = 0;
	return to;
}

/* One byte that plain_run() stopped at. */
static char *take_special(struct terminal_filter *filter, unsigned char byte, char *to)
{
	if (byte >= 0x80)
		return take_high(filter, byte, to);
	to = cut_off(filter, to);
	if (byte == 0x1b) {
		filter->state = ESCAPE;
		filter->sequence_len = 1;
	}
	if (byte != '\r')
		return to;
	filter->after_cr = 1;
	return put(to, "\n", 1);
}

static char *take(struct terminal_filter *filter, const unsigned char *bytes, size_t len, char *to)
{
	for (size_t at = 0; at < len;) {
		size_t run;
		if (filter->state != TEXT) {
			at += (size_t)take_escaped(filter, bytes[at]);
			continue;
		}
		if (filter->after_cr && bytes[at] != '\n')
			to = put(to, "\r", 1);
		at += filter->after_cr && bytes[at] == '\n';
		filter->after_cr = 0;
		if (at < len && bytes[at] >= 0x80) {
			to = take_high(filter, bytes[at++], to);
			continue;
		}
		run = plain_run(bytes + at, len - at);
		if (run > 0)
			to = put(cut_off(filter, to), bytes + at, run);
		at += run;
		run = silent_run(bytes + at, len - at);
		if (run > 0)
			to = cut_off(filter, to);
		at += run;
		if (at < len && !plain(bytes[at]))
			to = take_special(filter, bytes[at++], to);
	}
	return to;
}

size_t terminal_filter_take_plain(struct terminal_filter *filter, const char *data, size_t len)
{
	if (filter->state != TEXT || filter->pending_len > 0 || filter->after_cr)
		return 0;
	return plain_run((const unsigned char *)data, len);
}

int terminal_filter_feed(struct terminal_filter *filter, const char *data, size_t len, struct buf *out)
{
	while (len > 0) {
		size_t slice = len < SLICE ? len : SLICE;
		char *begin;
		/* A byte becomes at most three; so does the character that was begun before. */
		if (buf_reserve(out, slice * 3 + 3) < 0)
			return -1;
		begin = out->data + out->len;
		out->len += (size_t)(take(filter, (const unsigned char *)data, slice, begin) - begin);
		out->data[out->len] = '\0';
		data += slice;
		len -= slice;
	}
	return 0;
}

int terminal_filter_finish(struct terminal_filter *filter, struct buf *out)
{
	char shown[3];
	char *end = cut_off(filter, shown);
	terminal_filter_init(filter);
	return buf_append(out, shown, (size_t)(end - shown));
}
