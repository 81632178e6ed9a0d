/* What becomes of the lines that a child prints: each of interest to on_line, all of them, in bundles, to on_lines. */
#include "child/process_internal.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

/* A bundle is given away when it has grown to this. */
#define BUNDLE_FULL (PROCESS_LINES_MAX - OUTPUT_LINE_MAX)

int process_lines_init(struct process *process, const struct process_options *options, struct error *err)
{
	process->on_line = options->on_line;
	process->on_lines = options->on_lines;
	process->line_ud = options->ud;
	process->selects = options->only != NULL;
	process->after_newline = options->after_newline;
	buf_init(&process->bundle, PROCESS_LINES_MAX);
	return options->only ? prefixes_init(&process->only, options->only, err) : 0;
}

void process_lines_free(struct process *process)
{
	prefixes_free(&process->only);
	buf_free(&process->bundle);
}

int process_give_lines(struct process *process)
{
	int answer;
	if (process->bundle.len == 0)
		return 0;
	answer = process->on_lines(process->line_ud, process->bundle.data, process->bundle.len);
	buf_clear(&process->bundle);
	process->slow |= answer == PROCESS_WAIT;
	return answer == PROCESS_STOP;
}

static int keep(struct process *process, const char *line, size_t len)
{
	struct buf *bundle = &process->bundle;
	struct error err;
	if (buf_reserve(bundle, len + 1) < 0) {
		error_errno(&err, errno, "cannot keep the lines of %s", process->program);
		process_stop(process, &err);
		return 1;
	}
	memcpy(bundle->data + bundle->len, line, len);
	bundle->len += len + 1;
	bundle->data[bundle->len - 1] = '\n';
	bundle->data[bundle->len] = '\0';
	return bundle->len >= BUNDLE_FULL ? process_give_lines(process) : 0;
}

static int tell(struct process *process, const char *line, size_t len)
{
	int answer = process->on_line(process->line_ud, line, len);
	int quiet = answer == PROCESS_QUIET;
	if (quiet != process->quiet) {
		process->quiet = quiet;
		loop_timer_stop(process->loop, &process->silence);
		process_watch_silence(process);
	}
	return answer == PROCESS_STOP;
}

int process_on_line(void *ud, const char *line, size_t len)
{
	struct process *process = ud;
	int stop = process->on_lines ? keep(process, line, len) : 0;
	if (stop || !process->on_line || (process->after_newline && process->output.lines.behind_cr) ||
	    (process->selects && !prefixes_match(&process->only, line, len)))
		return stop;
	/* Told of the line in the order of the lines. */
	return process_give_lines(process) || tell(process, line, len);
}
