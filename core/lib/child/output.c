#include "child/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bytes that pass all stages before the next ones: they stay in the processor's cache. */
#define SLICE ((size_t)16 << 10)

static int on_line(void *ud, const char *line, size_t len)
{
	struct output *output = ud;
	return line_sink_take(&output->sink, line, len, output->lines.behind_cr);
}

int output_init(struct output *output, const struct output_options *options, struct error *err)
{
	memset(output, 0, sizeof *output);
	output->log.fd = -1;
	buf_init(&output->cleaned, OUTPUT_WORK_MAX);
	buf_init(&output->masked, OUTPUT_WORK_MAX);
	buf_init(&output->tail, options->tail);
	terminal_filter_init(&output->filter);
	mask_stream_init(&output->mask);
	lines_init(&output->lines, OUTPUT_LINE_MAX, on_line, output);
	if (line_sink_init(&output->sink, &options->lines) < 0)
		return error_errno(err, ENOMEM, "cannot store the beginnings of lines");
	if (!options->log_file)
		return 0;
	return log_file_open(&output->log, options->log_file, options->log_max, options->log_append, err);
}

void output_free(struct output *output)
{
	/* There is no receiver for an error any more. */
	if (log_file_close(&output->log) < 0)
		errno = 0;
	lines_free(&output->lines);
	line_sink_free(&output->sink);
	mask_stream_free(&output->mask);
	buf_free(&output->cleaned);
	buf_free(&output->masked);
	buf_free(&output->tail);
}

/* A full disk must not end a build that may succeed. */
static void note_log_failure(struct output *output)
{
	error_errno(&output->log_error, errno, "the log is incomplete");
	output->log_failed = 1;
}

static void close_log(struct output *output)
{
	if (log_file_close(&output->log) < 0 && !output->log_failed)
		note_log_failure(output);
}

static void write_log(struct output *output, const char *data, size_t len)
{
	if (output->log.fd < 0 || log_file_write(&output->log, data, len) == 0)
		return;
	note_log_failure(output);
	close_log(output);
}

/* The masked text without the marks of terminal_filter.h, which are only for the lines. NULL: no memory. */
static const struct buf *unmarked(struct output *output)
{
	const char *at = output->masked.data, *end, *mark;
	if (output->masked.len == 0 || !memchr(at, '\r', output->masked.len))
		return &output->masked;
	end = at + output->masked.len;
	buf_clear(&output->cleaned);
	for (; at < end; at = mark + 1) {
		mark = memchr(at, '\r', (size_t)(end - at));
		mark = mark ? mark : end;
		if (buf_append(&output->cleaned, at, (size_t)(mark - at)) < 0)
			return NULL;
	}
	return &output->cleaned;
}

/* Masked text, the LAST or not: to the log, the tail and the lines. */
static int deliver(struct output *output, int last, struct error *err)
{
	const struct buf *text = &output->masked, *kept;
	int stop, flushed;
	if (text->len == 0 && !last)
		return 0;
	kept = unmarked(output);
	if (kept && kept->len > 0)
		write_log(output, kept->data, kept->len);
	if (!kept || buf_append_tail(&output->tail, kept->data, kept->len) < 0)
		return error_errno(err, errno, "cannot keep the output");
	if (!line_sink_is_used(&output->sink))
		return 0;
	stop = lines_feed(&output->lines, text->data, text->len);
	if (stop == 0 && last)
		stop = lines_finish(&output->lines);
	flushed = stop < 0 ? stop : line_sink_flush(&output->sink);
	return flushed < 0 ? error_errno(err, errno, "cannot split the output") : stop || flushed;
}

/* Turn the bytes of a read into masked text. */
static int prepare(struct output *output, const char *data, size_t len)
{
	/* Nearly always the whole text: then no copy is needed. */
	size_t plain = terminal_filter_take_plain(&output->filter, data, len);
	buf_clear(&output->cleaned);
	if (mask_feed(&output->mask, data, plain, &output->masked) < 0 ||
	    terminal_filter_feed(&output->filter, data + plain, len - plain, &output->cleaned) < 0)
		return -1;
	return mask_feed(&output->mask, output->cleaned.data, output->cleaned.len, &output->masked);
}

int output_feed(struct output *output, const char *data, size_t len, struct error *err)
{
	buf_clear(&output->masked);
	while (len > 0) {
		size_t slice = len < SLICE ? len : SLICE;
		if (prepare(output, data, slice) < 0)
			return error_errno(err, errno, "cannot filter the output");
		data += slice;
		len -= slice;
	}
	return deliver(output, 0, err);
}

int output_finish(struct output *output, struct error *err)
{
	int stop;
	buf_clear(&output->cleaned);
	buf_clear(&output->masked);
	if (terminal_filter_finish(&output->filter, &output->cleaned) < 0 ||
	    mask_feed(&output->mask, output->cleaned.data, output->cleaned.len, &output->masked) < 0 ||
	    mask_finish(&output->mask, &output->masked) < 0)
		return error_errno(err, errno, "cannot filter the output");
	stop = deliver(output, 1, err);
	close_log(output);
	return stop;
}

const char *output_last_line(struct output *output)
{
	const char *text = output->tail.data;
	size_t end = output->tail.len, begin;
	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' ' || text[end - 1] == '\t'))
		end--;
	begin = end;
	while (begin > 0 && text[begin - 1] != '\n')
		begin--;
	snprintf(output->last, sizeof output->last, "%.*s", (int)(end - begin), text ? text + begin : "");
	return output->last;
}
