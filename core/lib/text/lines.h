/* Text cut into lines. Memory is bounded: a line longer than the maximum is cut, not within a character, and ends
 * in "…". A "\r" at the beginning of a line (see terminal_filter.h) does not belong to it. */
#ifndef MOLBUILD_LINES_H
#define MOLBUILD_LINES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/maxima.h"

struct lines {
	/* One line, without its newline; valid during the call. Nonzero stops the feeding: a positive value for a reason of
	 * its own, -1 with errno set for a failure. */
	int (*on_line)(void *ud, const char *line, size_t len);
	void *ud;
	size_t max;      /* bytes of a line, "…" included */
	struct buf part; /* a line that has no end yet */
	int cut;         /* it was longer than max */
	int behind_cr;   /* it stood behind a lone "\r"; valid during on_line */
};

/* MAX: bytes, at least LINES_MAX_MIN. */
void lines_init(struct lines *lines, size_t max, int (*on_line)(void *ud, const char *line, size_t len), void *ud);
void lines_free(struct lines *lines);

/* Take LEN bytes. Returns 0, what on_line returned when that was not 0 (the rest is then dropped), or -1 with errno set. */
WARN_UNUSED int lines_feed(struct lines *lines, const char *data, size_t len);

/* The line that has no end yet, as it would be given now; empty when there is none. Valid until the next call. */
void lines_pending(const struct lines *lines, const char **line, size_t *len);

/* No more will come: a last line without a newline is a line, too. Returns as lines_feed(). */
WARN_UNUSED int lines_finish(struct lines *lines);

#endif
