/* What the tests of locks share. Include it after cmocka.h and fixture.h. */
#ifndef MOLBUILD_TEST_LOCK_FIXTURE_H
#define MOLBUILD_TEST_LOCK_FIXTURE_H

#include <signal.h>

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"
#include "lock/lock.h"

static inline int can_take(const char *path)
{
	struct lock lock = {0};
	if (lock_try(&lock, path, "probe", &err) < 0)
		return 0;
	lock_release(&lock);
	return 1;
}

/* Another process that holds a lock until it gets a byte, or is killed. */
struct holder {
	pid_t pid;
	int tell; /* closed as a signal */
};

static inline void hold_until_told(const char *path, int orders, int ready)
{
	struct lock lock = {0};
	char byte;
	if (lock_try(&lock, path, "build hermes", &err) < 0 || write(ready, "y", 1) != 1)
		_exit(1);
	while (fd_read(orders, &byte, 1) > 0)
		;
	lock_release(&lock);
	_exit(0);
}

static inline void hold(struct holder *holder, const char *path)
{
	int orders[2], ready[2];
	char byte = 0;
	assert_int_equal(fd_pipe(orders) | fd_pipe(ready), 0);
	holder->pid = fork();
	if (holder->pid == 0) {
		fd_close(&orders[1]);
		hold_until_told(path, orders[0], ready[1]);
	}
	fd_close(&orders[0]);
	fd_close(&ready[1]);
	assert_int_equal(fd_read(ready[0], &byte, 1), 1);
	fd_close(&ready[0]);
	holder->tell = orders[1];
}

static inline void end_holder(struct holder *holder)
{
	int status;
	fd_close(&holder->tell);
	assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
	assert_int_equal(status, 0);
}

static inline void kill_holder(struct holder *holder)
{
	kill(holder->pid, SIGKILL);
	assert_int_equal(waitpid(holder->pid, NULL, 0), holder->pid);
	fd_close(&holder->tell);
}

/* A wait that remembers how it ended. */
struct waiter {
	struct lock_wait wait;
	int ended; /* 1: had, -1: failed */
};

static inline void on_done(struct lock_wait *wait, int ok)
{
	((struct waiter *)wait)->ended = ok ? 1 : -1;
}

static inline int start_wait(struct loop *loop, struct waiter *waiter, const char *path, int64_t timeout_ms)
{
	*waiter = (struct waiter){.wait.done = on_done};
	return lock_wait_start(loop, &waiter->wait, path, "wait", timeout_ms < 0 ? NS_NEVER : timeout_ms * NS_PER_MS, &err);
}

static inline struct loop *make_loop(void)
{
	struct loop *loop = loop_new(&err);
	assert_non_null(loop);
	return loop;
}

/* Step until the wait has ended; a test that hangs here has failed. */
static inline void run_until_ended(struct loop *loop, struct waiter *waiter)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (!waiter->ended && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_not_equal(waiter->ended, 0);
}

#endif
