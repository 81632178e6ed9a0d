/* Terminal control taken out of a stream of bytes, so that a child's output can be shown and kept without harm.
 *
 * Removed: escape sequences (CSI, OSC, DCS, APC, PM, SOS and the short ones; one that is not ended stops at the
 * next newline or after TERMINAL_SEQUENCE_MAX bytes), control characters but newline and tab (NUL and backspace too),
 * C1 code points, and the characters that change the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E,
 * U+2066 to U+2069). What is not UTF-8 becomes U+FFFD, one for each byte or cut-off character. "\r\n" becomes "\n".
 * A lone "\r" becomes "\n", and a "\r" is put before what stands behind it: on a terminal it would be drawn over
 * the line. The result does not depend on how the bytes are cut into pieces.
 */
#ifndef MOLBUILD_TERMINAL_FILTER_H
#define MOLBUILD_TERMINAL_FILTER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/maxima.h"

/* Zero it before the first use. Holds no memory. */
struct terminal_filter {
	int state;
	int sequence_len;         /* bytes of the escape sequence so far */
	int after_cr;             /* the last byte was '\r', already shown as '\n' */
	unsigned char pending[4]; /* the beginning of a UTF-8 character */
	int pending_len;
};

void terminal_filter_init(struct terminal_filter *filter);

/* Append to OUT what LEN more bytes show. Held back at most: an unfinished escape sequence (which shows nothing) or
 * character. OUT must be able to take the most that could be shown, three bytes for each and three more. Returns 0, or
 * -1 with errno set. */
WARN_UNUSED int terminal_filter_feed(struct terminal_filter *filter, const char *data, size_t len, struct buf *out);

/* How many of LEN more bytes, from the first on, show just as they are: these are taken, and need not be copied. The
 * bytes behind them are for terminal_filter_feed(). */
WARN_UNUSED size_t terminal_filter_take_plain(struct terminal_filter *filter, const char *data, size_t len);

/* No more will come: an unfinished character becomes U+FFFD. Returns 0, or -1 with errno set. FILTER can then be
 * used for another text. */
WARN_UNUSED int terminal_filter_finish(struct terminal_filter *filter, struct buf *out);

#endif
