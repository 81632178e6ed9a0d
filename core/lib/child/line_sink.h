/* Passes on the lines of a child's output: selected ones to on_line, one by one; all of them to on_lines, in bundles.
 *
 *   line_sink_init(&sink, &options);
 *   line_sink_take(&sink, line, len, behind_cr);   each line
 *   line_sink_flush(&sink);                        when there are no more lines for the moment
 *   line_sink_free(&sink);
 *
 * Both callbacks return LINES_...; the struct has their last results.
 */
#ifndef MOLBUILD_LINE_SINK_H
#define MOLBUILD_LINE_SINK_H

#include <stddef.h>

#include "base/buf.h"
#include "base/maxima.h"

enum {
	LINES_GO_ON = 0,
	LINES_QUIET = 1, /* of on_line: silence is expected until on_line returns another value */
	LINES_STOP = 2,  /* end the program */
	LINES_WAIT = 3,  /* of on_lines: the receiver is slower than the program */
};

struct line_sink_options {
	int (*on_line)(void *ud, const char *line, size_t len); /* may be NULL */
	/* on_line gets only lines with one of these beginnings: plain text, in which a "0" stands for any decimal number; other digits are
	 * not allowed. "#0 [" is the beginning of "#12 [3/9] RUN make". Ends in NULL, and is copied; NULL: all lines. */
	const char *const *only;
	int after_newline; /* on_line does not get text after a lone "\r" */
	/* All lines, each with its newline, at most OUTPUT_LINES_MAX bytes; the lines before the next one for
	 * on_line, or before the flush. May be NULL. */
	int (*on_lines)(void *ud, const char *text, size_t len);
	void *ud;
};

struct line_sink {
	struct line_sink_options to;
	struct line_beginning *only; /* a copy; NULL: all lines */
	struct buf bundle;           /* lines for on_lines */
	int quiet;                   /* the last answer of on_line was LINES_QUIET */
	int slow;                    /* on_lines has returned LINES_WAIT; the caller must reset it */
};

/* Returns 0, or -1 with errno ENOMEM; call line_sink_free() in both cases. */
WARN_UNUSED int line_sink_init(struct line_sink *sink, const struct line_sink_options *options);
void line_sink_free(struct line_sink *sink);

/* Whether there is a receiver of lines. */
int line_sink_is_used(const struct line_sink *sink);

/* Both return 0, 1 when a callback returned LINES_STOP, or -1 with errno ENOMEM. */
WARN_UNUSED int line_sink_take(struct line_sink *sink, const char *line, size_t len, int behind_cr);
WARN_UNUSED int line_sink_flush(struct line_sink *sink);

#endif
