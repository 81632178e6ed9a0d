/* Removes terminal control from a stream of bytes, so that a child's output can be shown and stored safely.
 *
 * Removed: escape sequences (CSI, OSC, DCS, APC, PM, SOS and the short ones; an unfinished one stops at the
 * next newline or after TERMINAL_SEQUENCE_MAX bytes), control characters except newline and tab (NUL and backspace too),
 * C1 code points, and the characters that change the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E,
 * U+2066 to U+2069). Invalid UTF-8 becomes U+FFFD, one for each byte or incomplete character. "\r\n" becomes "\n".
 * A lone "\r" becomes "\n" followed by "\r", which marks the text after it: a terminal would draw that text over
 * the line. The result does not depend on how the bytes are split.
 */
#ifndef MOLBUILD_TERMINAL_FILTER_H
#define MOLBUILD_TERMINAL_FILTER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/maxima.h"

/* Zero it before the first use. It owns no memory. */
struct terminal_filter {
	int state;
	int sequence_len;         /* bytes of the escape sequence so far */
	int after_cr;             /* the last byte was '\r', already shown as '\n' */
	unsigned char pending[4]; /* the beginning of a UTF-8 character */
	int pending_len;
};

void terminal_filter_init(struct terminal_filter *filter);

/* Append the visible text of LEN more bytes to OUT. Only an unfinished escape sequence (which shows nothing) or an
 * unfinished character is held back. OUT must have room for the largest result, three bytes for each and three more. Returns
 * 0, or -1 with errno set. */
WARN_UNUSED int terminal_filter_feed(struct terminal_filter *filter, const char *data, size_t len, struct buf *out);

/* The number of bytes at the front of LEN more bytes that are shown unchanged: these are consumed, and need not be copied.
 * The bytes after them must be passed to terminal_filter_feed(). */
WARN_UNUSED size_t terminal_filter_take_plain(struct terminal_filter *filter, const char *data, size_t len);

/* The end of the text: an unfinished character becomes U+FFFD. Returns 0, or -1 with errno set. FILTER can then be
 * used for another text. */
WARN_UNUSED int terminal_filter_finish(struct terminal_filter *filter, struct buf *out);

#endif
