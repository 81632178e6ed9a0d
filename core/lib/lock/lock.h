/* A lock between processes: flock(2) on a file that is never unlinked.
 *
 * The lock belongs to the open file description. It ends when it is released, and by itself when the last process
 * that has the descriptor is gone, whatever way it went: kill -9 frees it, and a child that inherited the
 * descriptor keeps it until that child ends, too. Two locks on one path exclude each other inside one process as
 * well.
 *
 * While it is held the file tells who has it, in one line: "pid=123 host=name start=1699999999 purpose=build
 * hermes". The record is for people: it is written when the lock is had already, as well as it goes (a full disk is
 * no reason not to have the lock), and it may be stale, torn, empty or forged. Who has the lock only the kernel
 * says.
 *
 * Who comes next when several wait is the kernel's choice; Linux wakes them in the order they came, without a
 * promise.
 */
#ifndef MOLBUILD_LOCK_H
#define MOLBUILD_LOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/maxima.h"
#include "loop/loop.h"

/* A zeroed struct holds nothing. */
struct lock {
	int fd;      /* may be handed to children, which then keep the lock, too; lock_release() closes it */
	pid_t owner; /* the process that took it; 0: nothing is held */
};

/* Try once to take the lock at PATH. The file is created (mode 0600) when it is missing; its directory is not.
 * PURPOSE says what the lock is held for and is written to the file as it is, so no secrets.
 *
 * Returns 0, or -1 with err set: locked (the message names the holder), invalid (no regular file), ELOOP (a link),
 * or what opening it said (EACCES, ENOENT, ENOTDIR, EISDIR, EROFS, ENOSPC, ...). */
WARN_UNUSED int lock_try(struct lock *lock, const char *path, const char *purpose, struct error *err);

/* Empty the record, give the lock back, close the descriptor: the lock is free then, even if a child inherited it
 * and still lives, so end such children first. In a forked child, which did not take it, only the descriptor is
 * closed. Nothing happens when nothing is held; errno is kept. */
void lock_release(struct lock *lock);

struct lock_holder;

/* Waiting, on the loop and without polling: a small child process waits in flock() on our open file description,
 * and when it has exited, the lock is ours. It holds no other descriptor, and dies with us. */
struct lock_wait {
	/* To be filled in by the caller. Called once, from loop_step(); OK: LOCK is held and the caller's to
	 * release, else ERROR says why not. The struct may be freed in it. */
	void (*done)(struct lock_wait *wait, int ok);
	/* May be NULL. Called from loop_step() when the wait begins, and every EVERY_NS (more than 0; NS_NEVER: no more) while it
	 * lasts. HOLDER is NULL where the file names none. Returns 0, or -1 to give up: done() follows, with the error
	 * cancelled. */
	int (*on_wait)(struct lock_wait *wait, const struct lock_holder *holder, int64_t waited_ns);
	int64_t every_ns;

	struct lock lock;
	struct error error;

	/* The rest is lock.c's. */
	struct loop *loop;
	struct loop_child helper;
	struct loop_timer timer, again;
	char *path; /* NULL: not waiting */
	char *purpose;
	int fd;
	int rounds;
	int64_t timeout_ns, started_ns;
};

/* Take the lock at PATH, waiting at most TIMEOUT_NS (0: try once, NS_NEVER: no bound). A zeroed WAIT with
 * `done` set; it must not move or be freed before `done` was called or lock_wait_cancel() came back.
 *
 * Returns 1 when it is had at once (wait->lock; `done` is not called, nothing was forked), 0 when it is waited for
 * (`done` will be called), or -1 with err set as by lock_try(). A wait that lasts too long ends with the error
 * locked, which names the holder. */
WARN_UNUSED int lock_wait_start(struct loop *loop, struct lock_wait *wait, const char *path, const char *purpose,
                                int64_t timeout_ns, struct error *err);

/* Stop waiting; the child is gone when this returns, and `done` is not called. Does nothing when nothing waits. */
void lock_wait_cancel(struct lock_wait *wait);

/* The record, at most LOCK_RECORD_MAX bytes. Its texts are clean: no control characters, valid UTF-8. */

struct lock_holder {
	long pid;      /* 1 to 2147483647 */
	int64_t start; /* when it took the lock, seconds since 1970 */
	char host[129];
	char purpose[LOCK_RECORD_MAX];
};

/* Read the record of the file at PATH, without a lock. Returns 0, or -1 when there is none, or none that can be
 * understood; HOLDER is then zeroed. */
int lock_read_holder(const char *path, struct lock_holder *holder);

/* Write the record of a holder as it stands in a file, at most LOCK_RECORD_MAX bytes and no NUL; returns its
 * length. Host and purpose are cleaned and cut to fit. */
size_t lock_format_record(const struct lock_holder *holder, char out[LOCK_RECORD_MAX]);

/* Parse LEN bytes of whatever a file held. Only a whole first line in the form above is a record. Returns 0,
 * or -1 with HOLDER zeroed. */
int lock_parse_record(const char *data, size_t len, struct lock_holder *holder);

#endif
