#include "clean.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

enum state {
	TEXT,
	ESCAPE,       /* after ESC */
	INTERMEDIATE, /* after ESC and an intermediate byte, as in ESC ( B */
	CSI,          /* after ESC [: ends with a byte from 0x40 to 0x7e */
	STRING,       /* OSC, DCS and their kind: ends with BEL or ESC \ */
	STRING_ESC,   /* in it, after ESC */
};

void clean_init(struct clean *clean)
{
	memset(clean, 0, sizeof *clean);
}

/* How many bytes from DATA are plain ASCII, newline or tab: eight at a time. */
static size_t plain_run(const unsigned char *data, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
	size_t at = 0;
	for (;;) {
		while (len - at >= 8) {
			uint64_t word, below, del;
			memcpy(&word, data + at, 8);
			/* A byte below 0x20, one that is 0x7f, or one above: exact for words without high bits. */
			below = (word - ones * 0x20) & ~word;
			del = (word ^ ones * 0x7f) - ones;
			if ((word | below | del) & high)
				break;
			at += 8;
		}
		/* Most such words hold a newline, which is plain: on, byte by byte, past it. */
		for (size_t end = at + 8 < len ? at + 8 : len; at < end; at++)
			if ((data[at] < 0x20 && data[at] != '\n' && data[at] != '\t') || data[at] >= 0x7f)
				return at;
		if (at == len)
			return at;
	}
}

/* The state after BYTE of an escape sequence. */
static enum state step(enum state state, unsigned char byte)
{
	if (byte == '\n')
		return TEXT;
	if (byte == 0x1b)
		return state == STRING ? STRING_ESC : ESCAPE;
	switch (state) {
	case ESCAPE:
		if (byte == '[')
			return CSI;
		if (strchr("]P_^X", byte) && byte)
			return STRING;
		return byte >= 0x20 && byte <= 0x2f ? INTERMEDIATE : TEXT;
	case INTERMEDIATE:
		return byte >= 0x20 && byte <= 0x2f ? INTERMEDIATE : TEXT;
	case CSI:
		return byte >= 0x40 && byte <= 0x7e ? TEXT : CSI;
	case STRING:
		return byte == 0x07 ? TEXT : STRING;
	case STRING_ESC:
		return byte == '\\' ? TEXT : step(ESCAPE, byte);
	default:
		return TEXT;
	}
}

/* The length of the UTF-8 character that FIRST begins; 0: none can. */
static int character_length(unsigned char first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* Whether BYTE can follow in the character begun: no overlong forms, surrogates, or code points above 10FFFF. */
static int continues(const struct clean *clean, unsigned char byte)
{
	if (clean->pending_len == 1)
		switch (clean->pending[0]) {
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

int clean_finish(struct clean *clean, struct buf *out)
{
	int pending = clean->pending_len;
	clean->pending_len = 0;
	clean->state = TEXT;
	return pending ? buf_append(out, REPLACEMENT, 3) : 0;
}

/* One byte of a character beyond ASCII. */
static int take_high(struct clean *clean, unsigned char byte, struct buf *out)
{
	if (clean->pending_len > 0 && !continues(clean, byte) && clean_finish(clean, out) < 0)
		return -1;
	if (clean->pending_len == 0 && !character_length(byte))
		return buf_append(out, REPLACEMENT, 3);
	clean->pending[clean->pending_len++] = byte;
	if (clean->pending_len < character_length(clean->pending[0]))
		return 0;
	if (!harmful(clean->pending) && buf_append(out, clean->pending, (size_t)clean->pending_len) < 0)
		return -1;
	clean->pending_len = 0;
	return 0;
}

/* One byte that plain_run() stopped at. */
static int take_special(struct clean *clean, unsigned char byte, struct buf *out)
{
	if (byte >= 0x80)
		return take_high(clean, byte, out);
	if (clean->pending_len > 0 && clean_finish(clean, out) < 0)
		return -1;
	if (byte == 0x1b)
		clean->state = ESCAPE;
	if (byte == '\r') {
		clean->after_cr = 1;
		return buf_append(out, "\n", 1);
	}
	return 0;
}

int clean_feed(struct clean *clean, const char *data, size_t len, struct buf *out)
{
	const unsigned char *bytes = (const unsigned char *)data;
	size_t at = 0;
	while (at < len) {
		size_t run;
		if (clean->after_cr && bytes[at] == '\n') {
			clean->after_cr = 0;
			at++;
			continue;
		}
		clean->after_cr = 0;
		if (clean->state != TEXT) {
			clean->state = (int)step((enum state)clean->state, bytes[at]);
			/* The newline that cut a sequence short is text. */
			if (bytes[at] != '\n')
				at++;
			continue;
		}
		run = plain_run(bytes + at, len - at);
		if (run > 0 && clean->pending_len > 0 && clean_finish(clean, out) < 0)
			return -1;
		if (buf_append(out, data + at, run) < 0)
			return -1;
		at += run;
		if (at < len && take_special(clean, bytes[at++], out) < 0)
			return -1;
	}
	return 0;
}
