/* Terminal control taken out of a stream of bytes, so that a child's output can be shown and kept without harm.
 *
 * Removed: escape sequences (CSI, OSC, DCS, APC, PM, SOS and the short ones; one that is not ended stops at the next
 * newline), control characters but newline and tab (NUL and backspace too), C1 code points, and the characters that
 * change the direction of text. Bytes that are not UTF-8 become U+FFFD. "\r\n" and a lone "\r" become "\n".
 */
#ifndef MOLBUILD_CLEAN_H
#define MOLBUILD_CLEAN_H

#include <stddef.h>

#include "buf.h"

/* Zero it before the first use. Holds no memory. */
struct clean {
	int state;
	int after_cr;              /* the last byte was '\r', already shown as '\n' */
	unsigned char pending[4];  /* the beginning of a UTF-8 character */
	int pending_len;
};

void clean_init(struct clean *clean);

/* Append to OUT what LEN more bytes show. Held back at most: an unfinished escape sequence (which shows nothing) or
 * character. Returns 0, or -1 with errno set. */
WARN_UNUSED int clean_feed(struct clean *clean, const char *data, size_t len, struct buf *out);

/* No more will come: an unfinished character becomes U+FFFD. Returns 0, or -1 with errno set. */
WARN_UNUSED int clean_finish(struct clean *clean, struct buf *out);

#endif
