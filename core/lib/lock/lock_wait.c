#include "lock/lock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "lock/lock_internal.h"
#include "loop/fork.h"

/* In the helper: exits 0 when the lock is held, else with the errno, which is below 256 on all known systems. */
static void help(int fd)
{
	int got;
	/* So that a helper keeps no pipe whose end another process waits for, and no other lock. */
	if (fd > 0)
		fd_close_range(0, (unsigned)fd - 1, FD_RANGE_CLOSE);
	fd_close_range((unsigned)fd + 1, ~0U, FD_RANGE_CLOSE);
	do
		got = flock(fd, LOCK_EX);
	while (got < 0 && errno == EINTR);
	_exit(got < 0 ? errno : 0);
}

static int start_helper(struct lock_wait *wait, struct error *err)
{
	if (loop_prepare_children(wait->loop, err) < 0)
		return -1;
	wait->helper.pid = fork_clean(SIGKILL);
	if (wait->helper.pid == 0)
		help(wait->fd);
	if (wait->helper.pid < 0)
		return error_errno(err, errno, "cannot wait for the lock %s", wait->path);
	return loop_child_start(wait->loop, &wait->helper, err);
}

static void end_helper(struct lock_wait *wait)
{
	pid_t pid = wait->helper.pid;
	loop_child_stop(wait->loop, &wait->helper);
	wait->helper.pid = 0;
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Nothing waits any more. The descriptor, if it is still here, is closed, too. */
static void stop(struct lock_wait *wait)
{
	end_helper(wait);
	loop_timer_stop(wait->loop, &wait->timer);
	loop_timer_stop(wait->loop, &wait->again);
	lock_close_fd(&wait->fd);
	free(wait->path);
	free(wait->purpose);
	wait->path = wait->purpose = NULL;
	INVARIANT(wait->fd < 0 && !wait->helper.slot && !wait->timer.slot);
}

/* Try; if the lock is not free, start a helper that waits. Returns as lock_wait_start(). */
static int advance(struct lock_wait *wait, struct error *err)
{
	for (; wait->rounds < LOCK_ROUNDS_MAX; wait->rounds++) {
		int got;
		if (wait->fd < 0)
			wait->fd = lock_open(wait->path, err);
		if (wait->fd < 0)
			return -1;
		got = lock_take(wait->fd, wait->path, err);
		if (got == 1) {
			lock_adopt(&wait->lock, wait->fd, wait->purpose);
			wait->fd = -1;
			return 1;
		}
		if (got == 0 && wait->timeout_ns == 0)
			return lock_say_locked(wait->path, err);
		if (got == 0) {
			wait->rounds++;
			return start_helper(wait, err);
		}
		if (strcmp(err->code, "ESTALE") != 0)
			return -1;
		lock_close_fd(&wait->fd);
	}
	return error_set(err, "locked", "waiting for the lock %s failed %d times", wait->path, LOCK_ROUNDS_MAX);
}

/* The same, and report the result, unless the wait continues. */
static void advance_and_tell(struct lock_wait *wait)
{
	int got = advance(wait, &wait->error);
	if (got == 0)
		return;
	stop(wait);
	wait->done(wait, got == 1);
}

static void on_helper_exit(struct loop_child *child, int status)
{
	struct lock_wait *wait = CONTAINER_OF(child, struct lock_wait, helper);
	wait->helper.pid = 0;
	/* The helper's status matters only when it could not wait at all (ENOLCK). Otherwise this process tries the lock, so that
	 * a helper that was killed, or whose status was lost, changes nothing. The loop reports 255 for a lost
	 * status. */
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 255) {
		error_errno(&wait->error, WEXITSTATUS(status), "cannot lock %s", wait->path);
		stop(wait);
		wait->done(wait, 0);
		return;
	}
	advance_and_tell(wait);
}

static void on_timeout(struct loop_timer *timer)
{
	struct lock_wait *wait = CONTAINER_OF(timer, struct lock_wait, timer);
	end_helper(wait);
	/* Once more, in case the helper has just acquired it. */
	wait->timeout_ns = 0;
	advance_and_tell(wait);
}

static void give_up(struct lock_wait *wait)
{
	error_set(&wait->error, "cancelled", "the wait for the lock %.900s was cancelled", wait->path);
	stop(wait);
	wait->done(wait, 0);
}

static void on_again(struct loop_timer *timer)
{
	struct lock_wait *wait = CONTAINER_OF(timer, struct lock_wait, again);
	struct lock_holder holder;
	int known = lock_read_holder(wait->path, &holder) == 0;
	if (wait->on_wait(wait, known ? &holder : NULL, clock_monotonic_ns() - wait->started_ns) < 0 ||
	    loop_timer_start(wait->loop, timer, wait->every_ns, &wait->error) < 0)
		give_up(wait);
}

/* The timers of a started wait. */
static int start_timers(struct lock_wait *wait, struct error *err)
{
	if (loop_timer_start(wait->loop, &wait->timer, wait->timeout_ns, err) < 0)
		return -1;
	return wait->on_wait ? loop_timer_start(wait->loop, &wait->again, 0, err) : 0;
}

int lock_wait_start(struct loop *loop, struct lock_wait *wait, const char *path, const char *purpose, int64_t timeout_ns,
                    struct error *err)
{
	int got = -1;
	wait->loop = loop;
	wait->fd = -1;
	wait->rounds = 0;
	wait->timeout_ns = timeout_ns;
	wait->helper = (struct loop_child){.exited = on_helper_exit};
	wait->timer = (struct loop_timer){.fire = on_timeout};
	wait->again = (struct loop_timer){.fire = on_again};
	wait->started_ns = clock_monotonic_ns();
	wait->lock = (struct lock){.fd = -1};
	wait->path = strdup(path);
	wait->purpose = strdup(purpose);
	if (!wait->path || !wait->purpose)
		error_errno(err, ENOMEM, "cannot wait for the lock %s", path);
	else
		got = advance(wait, err);
	if (got == 0 && start_timers(wait, err) < 0)
		got = -1;
	if (got != 0)
		stop(wait);
	return got;
}

void lock_wait_cancel(struct lock_wait *wait)
{
	if (wait->path)
		stop(wait);
}
