/* What the tests of locks share. Include it after cmocka.h and fixture.h. */
#ifndef MOLBUILD_TEST_LOCK_FIXTURE_H
#define MOLBUILD_TEST_LOCK_FIXTURE_H

#include <signal.h>

#include "lib/fd.h"
#include "lib/lock.h"

static inline int can_take(const char *path)
{
	struct lock lock = {0};
	if (lock_try(&lock, path, "probe", &err) < 0)
		return 0;
	lock_release(&lock);
	return 1;
}

/* Another process that holds a lock until it is told to give it back, or killed. */
struct holder {
	pid_t pid;
	int tell; /* closing it tells */
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

#endif
