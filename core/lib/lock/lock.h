/* A lock between processes: flock(2) on a file that is never unlinked.
 *
 * The lock belongs to the open file description. It ends when it is released, or when the last process that has the
 * descriptor ends, for any reason: kill -9 releases it, and a child that inherited the descriptor keeps it until
 * that child ends, too. Two locks on one path exclude each other even within one process.
 *
 * While the lock is held, the file names the holder in one line: "pid=123 host=name start=1699999999 purpose=build
 * hermes". The record is only for messages. It is written after the lock was acquired, if possible (a full disk is
 * no reason to fail), and it may be stale, torn, empty or forged. Only the kernel decides who holds the
 * lock.
 *
 * If several processes wait, the kernel decides which one is next. Linux wakes them in the order of their arrival, but
 * does not guarantee it.
 *
 *   lock_try(&lock, path, purpose, &err);                                once, without waiting
 *   lock_release(&lock);
 *
 *   wait = (struct lock_wait){.done = done};                             or wait on the loop
 *   lock_wait_start(loop, &wait, path, purpose, timeout_ns, &err);       1: held; 0: done will be called; -1: err
 *   loop_step(loop, ...);
 *   lock_wait_cancel(&wait);                                             at any time before done
 *   lock_release(&wait.lock);                                            after done, when it is held
 *
 * Errors: locked (the message names the holder), invalid (the path is no regular file), cancelled (on_wait returned -1), or
 * the errno name of what opening the file or flock() reported.
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
	int fd;        /* children may inherit it, and then keep the lock, too; lock_release() closes it */
	pid_t owner;   /* the process that acquired it; 0: nothing is held */
	int64_t start; /* when, seconds since 1970 */
};

/* Try once to acquire the lock at PATH. The file is created (mode 0600) when it is missing; its directory is not.
 * PURPOSE describes the holder's work and is written to the file unchanged, so it must hold no secrets.
 *
 * Returns 0, or -1 with err set: locked (the message names the holder), invalid (not a regular file), ELOOP (a link),
 * or the error of opening it (EACCES, ENOENT, ENOTDIR, EISDIR, EROFS, ENOSPC, ...). */
WARN_UNUSED int lock_try(struct lock *lock, const char *path, const char *purpose, struct error *err);

/* Empty the record, release the lock, close the descriptor. The lock is free then, even if a child that inherited it
 * still runs, so end such children first. In a forked child, which did not acquire it, only the descriptor is
 * closed. No effect when nothing is held; errno is kept. */
void lock_release(struct lock *lock);

/* Describe the holder's work otherwise from now on. It must hold no secrets. A record that cannot be written is no failure. */
void lock_describe(struct lock *lock, const char *purpose);

/* Leave the lock to the processes that have inherited the descriptor: it is closed, and the lock stays theirs. */
void lock_leave(struct lock *lock);

/* Take over a lock that a starter of this process has left to it: FD is the inherited descriptor of the file at PATH, and becomes
 * this lock's. Returns 0, or -1 with err set: invalid (FD is not that file), locked (another process holds it). FD is then
 * not closed. */
WARN_UNUSED int lock_inherit(struct lock *lock, int fd, const char *path, const char *purpose, struct error *err);

/* Whether the lock of the file PATH, or of a directory, is free, without creating or changing the file. It is held for a moment,
 * shared, to find out: a process that tries it once at that moment finds it locked. Returns 1, 0 when a process holds it, or
 * -1 with err set as by lock_try(). */
WARN_UNUSED int lock_is_free(const char *path, struct error *err);

struct lock_holder;

/* Waiting, on the loop and without polling: a small child process waits in flock() on this process's open file description.
 * When it has exited, this process holds the lock. The child has no other descriptors, and dies with this process. */
struct lock_wait {
	/* Set by the caller. Called once, from loop_step(). OK: LOCK is held, and the caller must release
	 * it; else ERROR has the reason. The struct may be freed in it. */
	void (*done)(struct lock_wait *wait, int ok);
	/* May be NULL. Called from loop_step() when the wait begins, and every EVERY_NS (more than 0; NS_NEVER: no more) while it
	 * lasts. HOLDER is NULL when the file names none. Returns 0, or -1 to give up: done() follows, with the error
	 * cancelled. */
	int (*on_wait)(struct lock_wait *wait, const struct lock_holder *holder, int64_t waited_ns);
	int64_t every_ns;

	struct lock lock;
	struct error error;

	/* The other fields are private to lock_wait.c. */
	struct loop *loop;
	struct loop_child helper;
	struct loop_timer timer, again;
	char *path; /* NULL: not waiting */
	char *purpose;
	int fd;
	int rounds;
	int64_t timeout_ns, started_ns;
};

/* Acquire the lock at PATH, waiting at most TIMEOUT_NS (0: try once, NS_NEVER: no bound). WAIT is zeroed, with
 * `done` set; it must not move or be freed before `done` was called or lock_wait_cancel() returned.
 *
 * Returns 1 when the lock was acquired immediately (wait->lock; `done` is not called, nothing was forked), 0 when it is waited
 * for (`done` will be called), or -1 with err set as by lock_try(). A wait that exceeds its bound ends with the error
 * locked, which names the holder. */
WARN_UNUSED int lock_wait_start(struct loop *loop, struct lock_wait *wait, const char *path, const char *purpose,
                                int64_t timeout_ns, struct error *err);

/* Stop waiting; the child has ended when this returns, and `done` is not called. No effect without a wait. */
void lock_wait_cancel(struct lock_wait *wait);

/* The record, at most LOCK_RECORD_MAX bytes. Its texts are clean: no control characters, valid UTF-8. */

struct lock_holder {
	long pid;      /* 1 to 2147483647 */
	int64_t start; /* when it acquired the lock, seconds since 1970 */
	char host[129];
	char purpose[LOCK_RECORD_MAX];
};

/* Read the record of the file at PATH, without a lock. Returns 0, or -1 when there is no valid
 * record; HOLDER is then zeroed. */
int lock_read_holder(const char *path, struct lock_holder *holder);

/* Format the record of a holder for a file, at most LOCK_RECORD_MAX bytes and no NUL; returns its
 * length. Host and purpose are cleaned and cut to fit. */
size_t lock_format_record(const struct lock_holder *holder, char out[LOCK_RECORD_MAX]);

/* Parse LEN bytes of a file's untrusted content. Only a complete first line in the form above is a record. Returns 0,
 * or -1 with HOLDER zeroed. */
int lock_parse_record(const char *data, size_t len, struct lock_holder *holder);

#endif
