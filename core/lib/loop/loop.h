/* The event loop: all waiting happens here.
 *
 * One loop_step() waits in curl_multi_poll() for curl's transfers, for this program's own descriptors, for children and
 * signals (through a self-pipe) and for the nearest timer, and then calls back everything that became ready. Callbacks
 * run on the caller's stack, inside loop_step(); they may start and stop anything, including themselves, and must
 * not call loop_step().
 *
 * The structs below are embedded by their users, who own the memory: zero them, fill in the callback, start them.
 * A started struct must not move or be freed before it has been stopped or has called back (timers, children and
 * transfers stop themselves before they call back; a watch continues until it is stopped). Stopping something that is not
 * started does nothing.
 *
 *   loop = loop_new(&err);
 *   timer = (struct loop_timer){.fire = on_time};
 *   loop_timer_start(loop, &timer, delay_ns, &err);
 *   while (!over && loop_step(loop, -1, &err) == 0)
 *       ;
 *   loop_timer_stop(loop, &timer);
 *   loop_free(loop);
 *
 * Errors: starting fails with ENOMEM, and a watch also with what the system reports (EBADF, EPERM for a regular file). A failure of
 * loop_step() is one of the waiting itself, and permanent.
 */
#ifndef MOLBUILD_LOOP_H
#define MOLBUILD_LOOP_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct loop;

/* NULL with err set on failure. Ignores SIGPIPE in this process; the handler for SIGCHLD is installed
 * at the first loop_prepare_children(). */
WARN_UNUSED struct loop *loop_new(struct error *err);

/* Everything started must have been stopped. NULL is fine. */
void loop_free(struct loop *loop);

/* Wait until something happens, at most MAX_WAIT_NS nanoseconds (-1: without a bound), and call back.
 * Returns 0, or -1 with err set when the waiting itself fails. Returns early when a caught signal arrives. */
WARN_UNUSED int loop_step(struct loop *loop, int64_t max_wait_ns, struct error *err);

/* Nanoseconds on the loop's clock, which all its timers use. It is the monotonic clock without the time in which this
 * process could not run: while it was stopped (SIGSTOP, Ctrl-Z), and while its machine or container was paused. So a bound does
 * not include such a pause. The loop detects a pause when a wait ends more than half a second late. For this reason it
 * never waits longer than a second while a timer runs. Time in callbacks counts, since otherwise work without end would
 * postpone every bound. The clock goes back when a pause is detected. */
int64_t loop_now(const struct loop *loop);

/* Timers, one-shot. */
struct loop_timer {
	void (*fire)(struct loop_timer *timer);
	int64_t due_ns; /* on the loop's clock */
	size_t slot;    /* its index in the heap, from 1; 0: not started */
};

/* (Re)start: fire once, DELAY_NS from now. Returns 0, or -1 with err set (ENOMEM). */
WARN_UNUSED int loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ns, struct error *err);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Descriptors. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_watch {
	/* READY is a set of LOOP_READ and LOOP_WRITE; an error or a hang-up reports all requested events. */
	void (*ready)(struct loop_watch *watch, int ready);
	int fd;     /* not owned; must stay open until the watch is stopped */
	int events; /* a set of LOOP_READ and LOOP_WRITE */
	size_t slot;
};

WARN_UNUSED int loop_watch_start(struct loop *loop, struct loop_watch *watch, struct error *err);
void loop_watch_stop(struct loop *loop, struct loop_watch *watch);

/* Children. The loop reaps the children that are started here, and no others. */
struct loop_child {
	void (*exited)(struct loop_child *child, int status); /* STATUS as waitpid() gives it */
	pid_t pid;
	size_t slot;
};

/* Install the SIGCHLD handler, before the first fork, so that no exit is missed. Idempotent. */
WARN_UNUSED int loop_prepare_children(struct loop *loop, struct error *err);
WARN_UNUSED int loop_child_start(struct loop *loop, struct loop_child *child, struct error *err);

/* Forget the child without reaping it: the caller must wait for it. */
void loop_child_stop(struct loop *loop, struct loop_child *child);

/* Transfers: an easy handle that the multi handle of this loop carries. */
struct loop_transfer {
	void (*finished)(struct loop_transfer *transfer, CURLcode result); /* already removed from the multi handle */
	CURL *easy; /* not owned; the loop sets CURLOPT_PRIVATE and the socket callbacks */
	int started;
	int errnum;      /* why the system refused a socket; 0: it did not */
	unsigned floods; /* the loop's count at its start */
	int flooded;     /* set with a failure: a server sent without end, and the connections were closed (watchdog.h) */
};

WARN_UNUSED int loop_transfer_start(struct loop *loop, struct loop_transfer *transfer, struct error *err);
void loop_transfer_stop(struct loop *loop, struct loop_transfer *transfer);

/* Signals. Catch SIGNO from now on, unless the process was started with it ignored (nohup, a background job).
 * The third arrival of a signal that was not taken with loop_take_signal() has its default effect: a policy
 * that never returns to the loop can still be ended from the keyboard. */
WARN_UNUSED int loop_catch_signal(struct loop *loop, int signo, struct error *err);

/* The oldest caught signal that has not been taken yet, or 0. */
int loop_take_signal(struct loop *loop);

/* How many caught signals have arrived and have not been taken yet, whether the loop ran since or not. */
int loop_signals_waiting(void);

#endif
