/* Connects three parts: the streams bring bytes, the output makes text and lines of them, the life ends the program. */
#include "child/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "child/spawn.h"
#include "child/streams.h"

struct process {
	void (*done)(void *ud, const struct error *err, const struct process_result *result);
	void *done_ud;
	char program[128]; /* its name, for messages */
	int64_t started_ns;
	struct streams streams;
	struct output output;
	struct life life;
	struct buf captured;
	int stopped; /* err has the reason */
	struct error err;
	struct process_result result;
};

/* ---- what stops it ----------------------------------------------------------------------------------------- */

/* The first reason is kept. */
static void note_reason(struct process *process, const struct error *why)
{
	if (!process->stopped)
		process->err = *why;
	process->stopped = 1;
}

static void stop(struct process *process, const struct error *why)
{
	if (process->life.phase == LIFE_RUNNING)
		note_reason(process, why);
	life_end(&process->life);
}

void process_cancel(struct process *process)
{
	struct error err;
	error_set(&err, "cancelled", "%s was cancelled", process->program);
	stop(process, &err);
}

void process_kill(struct process *process)
{
	process_cancel(process);
	life_kill(&process->life);
}

/* ---- its output -------------------------------------------------------------------------------------------- */

static int on_output(struct streams *streams, const char *data, size_t len)
{
	struct process *process = CONTAINER_OF(streams, struct process, streams);
	struct line_sink *sink = &process->output.sink;
	struct error err;
	int slow, got;
	life_heard(&process->life);
	got = output_feed(&process->output, data, len, &err);
	if (got < 0)
		stop(process, &err);
	else if (got > 0)
		process_cancel(process);
	life_set_quiet(&process->life, sink->quiet);
	/* After its exit nothing more can come than a pipe holds. */
	slow = sink->slow && !process->life.exited;
	sink->slow = 0;
	return slow;
}

static int may_resume(struct streams *streams)
{
	struct process *process = CONTAINER_OF(streams, struct process, streams);
	const struct line_sink_options *to = &process->output.sink.to;
	/* The reader paused; the program was not silent. */
	life_heard(&process->life);
	return to->on_lines(to->ud, "", 0) != LINES_WAIT;
}

static void on_captured(struct streams *streams, const char *data, size_t len)
{
	struct process *process = CONTAINER_OF(streams, struct process, streams);
	struct error err;
	life_heard(&process->life);
	if (buf_append(&process->captured, data, len) == 0)
		return;
	if (errno == EMSGSIZE)
		error_set(&err, "too_large", "%s printed more than %zu bytes", process->program, process->captured.max);
	else
		error_errno(&err, errno, "cannot keep the output of %s", process->program);
	stop(process, &err);
}

static void on_failed(struct streams *streams, int errnum, const char *what)
{
	struct process *process = CONTAINER_OF(streams, struct process, streams);
	struct error err;
	error_errno(&err, errnum, "cannot %s of %s", what, process->program);
	note_reason(process, &err);
	life_end(&process->life);
}

static void on_not_run(struct streams *streams, const struct spawn_failure *failure)
{
	struct process *process = CONTAINER_OF(streams, struct process, streams);
	struct error err;
	error_errno(&err, failure->errnum, "cannot %s %s", failure->at_cwd ? "enter the directory of" : "run",
	            process->program);
	note_reason(process, &err);
}

static void on_ended(struct streams *streams)
{
	if (streams_are_at_end(streams))
		life_output_ended(&CONTAINER_OF(streams, struct process, streams)->life);
}

static const struct streams_events streams_events = {.output = on_output,
                                                     .captured = on_captured,
                                                     .may_resume = may_resume,
                                                     .failed = on_failed,
                                                     .not_run = on_not_run,
                                                     .ended = on_ended};

/* ---- its life ---------------------------------------------------------------------------------------------- */

static void on_must_end(struct life *life, const struct error *why)
{
	struct process *process = CONTAINER_OF(life, struct process, life);
	const char *last = output_last_line(&process->output);
	struct error err;
	error_set(&err, why->code, "%s %s; %s%s", process->program, why->message,
	          last[0] ? "the last line was: " : "it printed nothing", last);
	stop(process, &err);
}

static void on_exited(struct life *life)
{
	struct process *process = CONTAINER_OF(life, struct process, life);
	/* A failed start is reported before the exit; this turn may not have read the report yet. */
	streams_read_status(&process->streams);
	streams_resume(&process->streams);
}

static void fill_in_result(struct process *process)
{
	const struct output *output = &process->output;
	process->result = (struct process_result){
		.code = process->life.code,
		.signo = process->life.signo,
		.seconds = (double)(clock_monotonic_ns() - process->started_ns) / (double)NS_PER_S,
		.tail = output->tail.data ? output->tail.data : "",
		.tail_len = output->tail.len,
		.last_line = output_last_line(&process->output),
		.captured = process->captured.data ? process->captured.data : "",
		.captured_len = process->captured.len,
		.strays = process->life.strays,
		.strays_left = process->life.strays_left,
		.log_error = output->log_failed ? output->log_error.message : NULL,
	};
}

static void on_over(struct life *life)
{
	struct process *process = CONTAINER_OF(life, struct process, life);
	struct error err;
	streams_read_rest(&process->streams);
	streams_close(&process->streams);
	if (output_finish(&process->output, &err) < 0)
		note_reason(process, &err);
	fill_in_result(process);
	process->done(process->done_ud, process->stopped ? &process->err : NULL, &process->result);
}

static const struct life_events life_events = {.must_end = on_must_end, .exited = on_exited, .over = on_over};

/* ---- start and free ---------------------------------------------------------------------------------------- */

/* The options' environment with the marker of the descendants. The caller frees it; NULL with err set. */
static const char **build_environment(struct process *process, const struct process_options *options, struct error *err)
{
	const char **set, **result;
	size_t count = 0;
	while (options->env && options->env[count])
		count++;
	set = calloc(count + 2, sizeof(char *));
	if (!set) {
		error_errno(err, ENOMEM, "cannot start %s", process->program);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		set[i] = options->env[i];
	set[count] = process->life.descendants.marker;
	result = spawn_environment(set, options->unset, err);
	free(set);
	return result;
}

/* Returns 0, or -1 with err set. *PID: the child, if there is one. */
static int launch(struct process *process, const struct process_options *options, pid_t *pid, struct error *err)
{
	struct spawn_options how = {.program = options->program,
	                            .argv = options->argv,
	                            .cwd = options->cwd,
	                            .keep = options->keep,
	                            .keep_count = options->keep_count,
	                            .max_memory = options->max_memory,
	                            .umask = options->umask};
	const char **environment = build_environment(process, options, err);
	int result = -1;
	if (!environment)
		return -1;
	how.envp = environment;
	if (streams_open(&process->streams, &how, options->input, options->input_len, options->capture >= 0) < 0)
		error_errno(err, errno, "cannot start %s", process->program);
	else
		result = spawn(&how, pid, &process->streams.status.watch.fd, err);
	streams_close_theirs(&how);
	free(environment);
	return result;
}

static struct process *new_process(struct loop *loop, const struct process_options *options)
{
	const char *slash = strrchr(options->program, '/');
	struct process *process = calloc(1, sizeof *process);
	if (!process)
		return NULL;
	snprintf(process->program, sizeof process->program, "%s", slash ? slash + 1 : options->program);
	process->started_ns = clock_monotonic_ns();
	process->output.log.fd = -1;
	streams_init(&process->streams, loop, &streams_events);
	life_init(&process->life, loop, &options->bounds, &life_events);
	buf_init(&process->captured, options->capture < 0 ? 0 : (size_t)options->capture);
	return process;
}

int process_find(const char *name, char **out, struct error *err)
{
	return sys_find_program(name, getenv("PATH"), out, err);
}

/* OPTIONS name the file to run. */
static struct process *start(struct loop *loop, const struct process_options *options,
                             void (*done)(void *ud, const struct error *err, const struct process_result *result), void *ud,
                             struct error *err)
{
	struct process *process = new_process(loop, options);
	struct output_options how = {.log_file = options->log_file,
	                             .log_max = options->log_max,
	                             .log_append = options->log_append,
	                             .tail = options->tail,
	                             .lines = options->lines};
	pid_t pid = 0;
	if (!process) {
		error_errno(err, ENOMEM, "cannot start %s", options->program);
		return NULL;
	}
	process->done = done;
	process->done_ud = ud;
	if (output_init(&process->output, &how, err) < 0 || loop_prepare_children(loop, err) < 0 ||
	    launch(process, options, &pid, err) < 0 || life_start(&process->life, pid, err) < 0 ||
	    streams_watch(&process->streams, err) < 0) {
		process_free(process);
		return NULL;
	}
	return process;
}

struct process *process_start(struct loop *loop, const struct process_options *options,
                              void (*done)(void *ud, const struct error *err, const struct process_result *result), void *ud,
                              struct error *err)
{
	struct process_options found = *options;
	struct process *process;
	char *path = NULL;
	if (!options->program && process_find(options->argv[0], &path, err) < 0)
		return NULL;
	if (!options->program)
		found.program = path;
	process = start(loop, &found, done, ud, err);
	free(path);
	return process;
}

void process_free(struct process *process)
{
	if (!process)
		return;
	life_free(&process->life);
	streams_close(&process->streams);
	output_free(&process->output);
	buf_free(&process->captured);
	free(process);
}
