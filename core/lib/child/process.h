/* Child processes that cannot hang, leak or outlive their run.
 *
 * A process is started on a loop, watched there, bounded by a ceiling and by the longest silence. It is ended
 * as a whole: its group, and every descendant that left the group. It has ended when the program has exited and its
 * output has ended. A descendant that keeps the output open for more than 200 ms after the program's exit is ended,
 * too. A descendant that has closed it (a daemon) is left alone if the program itself ended well.
 *
 *   process = process_start(loop, &options, done, ud, &err);    NULL: err has the reason, and nothing was started
 *   loop_step(loop, ...);                                       calls options' callbacks, and done once, at the end
 *   process_cancel(process); process_kill(process);             at any time before done
 *   process_free(process);                                      at any time, also within done
 *
 * Errors, as passed to done: "timeout" and "stalled" (a bound was exceeded), "cancelled" (process_cancel(), or a callback that
 * returned LINES_STOP), "too_large" (capture), or an errno name: the program could not be run (ENOENT), or its output could not
 * be read or kept. RESULT is set for every error.
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
	const char *program; /* the file to run; NULL: the program that argv[0] names, see process_find() */
	const char *const *argv;
	const char *cwd;          /* NULL: this process's */
	const char *const *env;   /* "NAME=value" entries to set, NULL-terminated; may be NULL */
	const char *const *unset; /* names or "PREFIX*" to leave out, NULL-terminated; may be NULL */
	const char *input;        /* its stdin, copied; NULL: stdin is /dev/null */
	size_t input_len;
	struct life_bounds bounds;
	const char *log_file; /* see log_file.h; may be NULL */
	uint64_t log_max;     /* its largest size in bytes */
	int log_append;       /* what the file has stays; log_max bounds what is added */
	size_t tail;          /* how many bytes of the output's end are kept */
	int64_t capture;      /* the most bytes of stdout, which is kept separately and unmasked; -1: it is not */
	const int *keep;      /* descriptors that the child inherits */
	size_t keep_count;
	int64_t max_memory;             /* bytes of data for it and for each of its children, a soft limit; NO_BOUND */
	int umask;                      /* the child's umask; -1: that of this process */
	struct line_sink_options lines; /* on_lines is called without text while it answers LINES_WAIT, see streams.h */
};

struct process_result {
	int code;  /* the exit code, or -1 when a signal ended it */
	int signo; /* the signal that ended it, or 0 */
	double seconds;
	const char *tail; /* the end of the output, masked */
	size_t tail_len;
	const char *last_line; /* the newest line seen, masked */
	const char *captured;  /* stdout, if it was kept separately */
	size_t captured_len;
	size_t strays;         /* descendants that had to be ended after the program itself */
	size_t strays_left;    /* of these, the ones that did not end */
	const char *log_error; /* why the log is incomplete, or NULL */
};

struct process;

/* Start. DONE is called once, from loop_step(), after the end: err is NULL when the program ran and ended by itself,
 * with any exit code. RESULT and its pointers are valid until process_free(), which DONE may call.
 * Options are copied as needed. Returns NULL with err set when nothing was started. */
WARN_UNUSED struct process *process_start(struct loop *loop, const struct process_options *options,
                                          void (*done)(void *ud, const struct error *err, const struct process_result *result),
                                          void *ud, struct error *err);

/* End it: the first signal, TERM, the grace period, KILL. DONE is called, with "cancelled", after the end. Calling it again
 * has no effect. */
void process_cancel(struct process *process);

/* End it with KILL immediately; DONE follows. */
void process_kill(struct process *process);

/* Find the program NAME on this process's PATH, see sys_find_program(). The caller frees *OUT. Returns 0,
 * or -1 with err set. */
WARN_UNUSED int process_find(const char *name, char **out, struct error *err);

/* Free everything. A running process is killed, with its group and descendants, and reaped
 * here; DONE is not called. NULL is accepted. */
void process_free(struct process *process);

#endif
