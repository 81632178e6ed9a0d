/* A process of this program's own that outlives it: no signal to this process, and no end of it, reaches the other one. It has this
 * process's environment, with the variables that were taken out of it (sys_take_env), directory, umask and limits; a session of
 * its own; and no descriptors except those named below. It is no child of this process.
 *
 *   detached_start(&options, &pid, &err);                     left alone: its output goes to /dev/null and to a file
 *
 *   detached = (struct detached){.events = &events};          or followed: its output is read as long as this process wants it
 *   detached_follow(loop, &detached, &options, &pid, &err);
 *   loop_step(loop, ...);                                     calls back, and `ended` once
 *   detached_leave(&detached);                                at any time; the process continues, and its output has no reader
 */
#ifndef MOLBUILD_DETACHED_H
#define MOLBUILD_DETACHED_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "child/streams.h"
#include "loop/loop.h"

struct detached_options {
	const char *program;      /* the file to run */
	const char *const *argv;  /* terminated by NULL */
	const char *const *env;   /* "NAME=value" entries to set, NULL-terminated; may be NULL */
	const char *const *unset; /* names or "PREFIX*" to leave out, NULL-terminated; may be NULL */
	const char *log_file;     /* its stderr, which is appended to it; NULL: /dev/null. Only of one that is left alone. */
	const int *keep;          /* descriptors above 2 that it inherits under the same numbers */
	size_t keep_count;
	/* It also inherits the descriptors of this process's starter that an argument or a variable names: /dev/stdin, or /dev/fd/63,
	 * which is a shell's "<(...)". Only of one that is followed. */
	int named;
};

/* Returns 0 when the program runs, or -1 with err set; then there is no process. */
WARN_UNUSED int detached_start(const struct detached_options *options, pid_t *pid, struct error *err);

struct detached;

struct detached_events {
	/* LEN bytes of its stderr. Nonzero: do not read for a moment; called without bytes then, until it returns 0. */
	int (*output)(struct detached *detached, const char *data, size_t len);
	/* LEN bytes of its stdout. */
	void (*result)(struct detached *detached, const char *data, size_t len);
	/* Both have ended, which the end of the process does. The struct may be freed. */
	void (*ended)(struct detached *detached);
};

struct detached {
	const struct detached_events *events;
	struct streams streams; /* private to detached.c */
};

/* As detached_start(), and read its output on a loop. The struct must not move until `ended` was called, or it was left. */
WARN_UNUSED int detached_follow(struct loop *loop, struct detached *detached, const struct detached_options *options,
                                pid_t *pid, struct error *err);

/* Read no more. May be called twice. */
void detached_leave(struct detached *detached);

#endif
