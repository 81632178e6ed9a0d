/* Child processes that cannot hang, leak or outlive their run.
 *
 * A process is started on a loop, watched there, bounded by a ceiling and by the longest silence, and when it is ended,
 * ended as a whole: its group, and every descendant that left the group. It is over when the program has exited and its
 * output is at an end; a descendant that keeps the output open for more than 200 ms after the program's exit is ended,
 * too. One that has closed it (a daemon) is left alone when the program itself ended well.
 *
 *   process = process_start(loop, &options, done, ud, &err);    NULL: err says why, and nothing was started
 *   loop_step(loop, ...);                                       calls options' callbacks, and done once, at the end
 *   process_cancel(process); process_kill(process);             at any time before done
 *   process_free(process);                                      at any time, also in done
 *
 * Errors, as done gets them: "timeout" and "stalled" (a bound was passed), "cancelled" (process_cancel(), or a callback that
 * answered LINES_STOP), "too_large" (capture), or an errno name: the program could not be run (ENOENT), or its output not be
 * read or kept. RESULT is filled in whatever the error is.
 */
#ifndef MOLBUILD_PROCESS_H
#define MOLBUILD_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "child/life.h"
#include "child/output.h"
#include "loop/loop.h"

struct process_options {
	const char *program; /* the file to run; NULL: the one that argv[0] names, see process_find() */
	const char *const *argv;
	const char *cwd;          /* NULL: this process's */
	const char *const *env;   /* "NAME=value" entries to set, NULL-terminated; may be NULL */
	const char *const *unset; /* names or "PREFIX*" to leave out, NULL-terminated; may be NULL */
	const char *input;        /* given to its stdin, copied; NULL: stdin is /dev/null */
	size_t input_len;
	struct life_bounds bounds;
	const char *log_file; /* see log_file.h; may be NULL */
	uint64_t log_max;     /* bytes that it may have */
	size_t tail;          /* bytes kept of the end of the output */
	int64_t capture;      /* stdout is kept apart, unmasked, at most this many bytes; -1: it is not */
	const int *keep;      /* descriptors that the child inherits */
	size_t keep_count;
	int64_t max_memory;             /* bytes of data that it and each of its children may have, a soft limit; NO_BOUND */
	int umask;                      /* of the files that it makes; -1: as this process */
	struct line_sink_options lines; /* on_lines is called without text while it answers LINES_WAIT, see streams.h */
};

struct process_result {
	int code;  /* the exit code, or -1 when a signal ended it */
	int signo; /* the signal that ended it, or 0 */
	double seconds;
	const char *tail; /* the end of the output, masked */
	size_t tail_len;
	const char *last_line; /* the newest line seen, masked */
	const char *captured;  /* stdout, when it was kept apart */
	size_t captured_len;
	size_t strays;         /* descendants that had to be ended after the program itself */
	size_t strays_left;    /* of these, the ones that would not go */
	const char *log_error; /* why the log is incomplete, or NULL */
};

struct process;

/* Start. DONE is called once, from loop_step(), when all is over: err is NULL when the program ran and ended by itself,
 * whatever its exit code. RESULT, and all it points to, lives until process_free(), which DONE may call.
 * Options are copied as far as they are needed. Returns NULL with err set when nothing was started. */
WARN_UNUSED struct process *process_start(struct loop *loop, const struct process_options *options,
                                          void (*done)(void *ud, const struct error *err, const struct process_result *result),
                                          void *ud, struct error *err);

/* End it: the first signal, TERM, the grace, KILL. DONE is called, with "cancelled", when it is over. Calling it again
 * changes nothing. */
void process_cancel(struct process *process);

/* End it with KILL, now; DONE follows. */
void process_kill(struct process *process);

/* The program that NAME means: looked up on this process's PATH, see sys_find_program(). *OUT is the caller's to free(). Returns 0,
 * or -1 with err set. */
WARN_UNUSED int process_find(const char *name, char **out, struct error *err);

/* Give everything back. A process that is still running is killed, with its group and descendants, and reaped
 * here; DONE is not called. NULL is fine. */
void process_free(struct process *process);

#endif
