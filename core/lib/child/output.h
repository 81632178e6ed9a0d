/* The pipeline of a child's output: terminal control removed, secrets masked, written to the log,
 * split into lines, the end kept. Memory is bounded for any output. It handles no process: its input is bytes.
 *
 *   output_init(&output, &options, &err);
 *   output_feed(&output, data, len, &err);    as often as bytes come
 *   output_finish(&output, &err);
 *   output_last_line(&output);                at any time
 *   output_free(&output);
 */
#ifndef MOLBUILD_OUTPUT_H
#define MOLBUILD_OUTPUT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/maxima.h"
#include "child/line_sink.h"
#include "file/log_file.h"
#include "secret/mask.h"
#include "text/lines.h"
#include "text/terminal_filter.h"

struct output_options {
	const char *log_file;           /* see log_file.h; NULL: none */
	uint64_t log_max;               /* its largest size in bytes */
	int log_append;                 /* what the file has stays; log_max bounds what is added */
	size_t tail;                    /* bytes kept of the end */
	struct line_sink_options lines; /* a line has at most OUTPUT_LINE_MAX bytes */
};

struct output {
	struct terminal_filter filter;
	struct mask_stream mask;
	struct lines lines;
	struct line_sink sink;
	struct buf cleaned;
	struct buf masked;
	struct buf tail;
	struct log_file log;
	int log_failed; /* the log is incomplete; log_error has the reason */
	struct error log_error;
	char last[256]; /* what output_last_line() returned */
};

/* Returns 0, or -1 with err set (the log file cannot be made); call output_free() in both cases. */
WARN_UNUSED int output_init(struct output *output, const struct output_options *options, struct error *err);
void output_free(struct output *output);

/* Process LEN bytes, and pass on all complete lines. A log that cannot be written is remembered, not an error. Returns 0, 1
 * when a receiver of lines requests the end, or -1 with err set (out of memory). */
WARN_UNUSED int output_feed(struct output *output, const char *data, size_t len, struct error *err);

/* The end of the output: process held-back bytes. Returns as output_feed(). */
WARN_UNUSED int output_finish(struct output *output, struct error *err);

/* The newest line in the kept end that is not blank, complete or not, cut to 255 bytes, masked; "" without one.
 * The output owns the string. */
const char *output_last_line(struct output *output);

#endif
