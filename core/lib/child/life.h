/* The life of a child, from its start until it and all its descendants have ended: the bounds of its time and its silence,
 * and how it is ended. It handles no output: the owner reports that bytes came, and that no more can come.
 *
 *   life_init(&life, loop, &bounds, &events);
 *   life_start(&life, pid, err);      the child that was just forked
 *   life_heard(&life);                at each sign of life
 *   life_output_ended(&life);         once
 *   life_end(&life); life_kill(&life);
 *   life_free(&life);                 at any time; a child that still runs is killed, and reaped
 *
 * Phases, in this order:
 *   RUNNING   the program runs; or it has exited, and its output may continue for 200 ms
 *   ENDING    the first signal was sent; in the middle of the grace period, TERM follows
 *   KILLING   the grace period has ended: KILL was sent
 *   OVER      no process remains, or the remaining ones do not end: events->over was called
 */
#ifndef MOLBUILD_LIFE_H
#define MOLBUILD_LIFE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "child/descendants.h"
#include "loop/loop.h"

enum life_phase { LIFE_RUNNING, LIFE_ENDING, LIFE_KILLING, LIFE_OVER };

struct life_bounds {
	/* NS_NEVER is no bound. 0 is zero: a ceiling that is reached immediately, a grace period without a wait. */
	int64_t timeout_ns;     /* the ceiling */
	int64_t stall_ns;       /* the longest silence; more than 0 */
	int64_t quiet_phase_ns; /* the longest silence in a quiet phase; more than 0 */
	int64_t grace_ns;       /* between the first signal and KILL */
	int first_signal;       /* such as SIGTERM; if it is not SIGTERM, TERM follows in the middle of the grace period */
};

struct life;

struct life_events {
	/* It must be ended: the owner stores WHY and calls life_end(). The code is "timeout", "stalled" or an errno name, the message
	 * is a part of a sentence ("took longer than 5 s"). */
	void (*must_end)(struct life *life, const struct error *why);
	/* The program has exited. Its output may continue. */
	void (*exited)(struct life *life);
	/* Everything has ended; the struct may be freed. */
	void (*over)(struct life *life);
};

struct life {
	struct loop *loop;
	const struct life_events *events;
	struct life_bounds bounds;
	enum life_phase phase;
	int exited;       /* the program has exited */
	int output_ended; /* the output has ended */
	int quiet;        /* in a quiet phase */
	struct loop_child child;
	struct descendants descendants;           /* their marker is for the program's environment */
	struct loop_timer ceiling, silence, next; /* next: the end of the drain, the grace, or the next check */
	int64_t heard_ns, deadline_ns;            /* on the loop's clock */

	int code;           /* the exit code, or -1 when a signal ended it */
	int signo;          /* the signal that ended it, or 0 */
	size_t strays;      /* descendants that had to be ended after the program itself */
	size_t strays_left; /* of these, the ones that did not end */
};

void life_init(struct life *life, struct loop *loop, const struct life_bounds *bounds, const struct life_events *events);

/* Returns 0, or -1 with err set: life_free() then ends the child. */
WARN_UNUSED int life_start(struct life *life, pid_t pid, struct error *err);

void life_heard(struct life *life);

/* QUIET: a quiet phase begins or continues; else it ends. */
void life_set_quiet(struct life *life, int quiet);

/* May call events->over. */
void life_output_ended(struct life *life);

/* Begin to end it; no effect if that has begun. */
void life_end(struct life *life);

/* End it with KILL immediately. */
void life_kill(struct life *life);

void life_free(struct life *life);

#endif
