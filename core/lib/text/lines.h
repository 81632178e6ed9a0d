/* Splits text into lines. Memory is bounded: a line longer than the maximum is cut, not within a character, and ends
 * in "…". A "\r" at the beginning of a line (see terminal_filter.h) is not part of it. */
#ifndef MOLBUILD_LINES_H
#define MOLBUILD_LINES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/maxima.h"

struct lines {
	/* One line, without its newline; valid during the call. A nonzero result stops the feeding: a positive value for the
	 * callback's own reason, -1 with errno set for a failure. */
	int (*on_line)(void *ud, const char *line, size_t len);
	void *ud;
	size_t max;      /* bytes of a line, "…" included */
	struct buf part; /* an unfinished line */
	int cut;         /* the line was longer than max */
	int behind_cr;   /* the line followed a lone "\r"; valid during on_line */
};

/* MAX: bytes, at least LINES_MAX_MIN. */
void lines_init(struct lines *lines, size_t max, int (*on_line)(void *ud, const char *line, size_t len), void *ud);
void lines_free(struct lines *lines);

/* Feed LEN bytes. Returns 0, on_line's nonzero result (the rest is then dropped), or -1 with errno set. */
WARN_UNUSED int lines_feed(struct lines *lines, const char *data, size_t len);

/* The unfinished line in its current form; empty when there is none. Valid until the next call. */
void lines_pending(const struct lines *lines, const char **line, size_t *len);

/* The end of the text: a last line without a newline is a line, too. Returns as lines_feed(). */
WARN_UNUSED int lines_finish(struct lines *lines);

#endif
