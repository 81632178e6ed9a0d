#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "fixture.h"
#include "limit.h"
#include "lock/lock.h"
#include "lock_fixture.h"

/* Takes the lock, has a child that keeps the descriptor, and dies. Exits with nothing released. */
static void die_with_a_child(int keep_until)
{
	struct lock lock = {0};
	char byte;
	if (lock_try(&lock, "l", "me", &err) < 0)
		_exit(1);
	if (fork() == 0) {
		fd_read(keep_until, &byte, 1);
		_exit(0);
	}
	kill(getpid(), SIGKILL);
}

static void a_living_child_that_inherited_it_keeps_it(void **state)
{
	struct waiter waiter;
	struct loop *loop = make_loop();
	int ends[2], status;
	pid_t pid;
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		fd_close(&ends[1]);
		die_with_a_child(ends[0]);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_false(can_take("l"));
	assert_int_equal(start_wait(loop, &waiter, "l", -1), 0);
	fd_close(&ends[1]);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, 1);
	lock_release(&waiter.wait.lock);
	fd_close(&ends[0]);
	loop_free(loop);
}

static void a_free_lock_is_had_without_waiting(void **state)
{
	struct waiter waiter;
	struct loop *loop = make_loop();
	(void)state;
	assert_int_equal(start_wait(loop, &waiter, "l", -1), 1);
	assert_no_children();
	assert_false(can_take("l"));
	lock_wait_cancel(&waiter.wait);
	assert_false(can_take("l"));
	lock_release(&waiter.wait.lock);
	assert_int_equal(start_wait(loop, &waiter, "none/l", -1), -1);
	assert_string_equal(err.code, "ENOENT");
	assert_int_equal(waiter.ended, 0);
	loop_free(loop);
}

static void a_waiter_gets_it_at_the_release(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct lock_holder who;
	struct loop *loop = make_loop();
	(void)state;
	hold(&holder, "l");
	assert_int_equal(start_wait(loop, &waiter, "l", 20000), 0);
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_int_equal(waiter.ended, 0);
	end_holder(&holder);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, 1);
	assert_false(can_take("l"));
	assert_int_equal(lock_read_holder("l", &who), 0);
	assert_int_equal(who.pid, getpid());
	assert_string_equal(who.purpose, "wait");
	lock_release(&waiter.wait.lock);
	assert_true(can_take("l"));
	assert_no_children();
	loop_free(loop);
}

static void a_waiter_gets_it_when_the_holder_is_killed(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = make_loop();
	(void)state;
	hold(&holder, "l");
	assert_int_equal(start_wait(loop, &waiter, "l", -1), 0);
	kill_holder(&holder);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, 1);
	lock_release(&waiter.wait.lock);
	loop_free(loop);
}

static void many_waiters_of_one_process_get_it_in_turn(void **state)
{
	struct waiter waiters[5];
	struct lock first = {0};
	struct loop *loop = make_loop();
	int left = 5;
	(void)state;
	assert_int_equal(lock_try(&first, "l", "me", &err), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(start_wait(loop, &waiters[i], "l", -1), 0);
	lock_release(&first);
	for (int64_t end = clock_monotonic_ns() + TEST_LIMIT_NS; left > 0 && clock_monotonic_ns() < end;) {
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
		for (int i = 0; i < 5; i++)
			if (waiters[i].ended == 1) {
				assert_false(can_take("l"));
				waiters[i].ended = 2;
				lock_release(&waiters[i].wait.lock);
				left--;
			}
	}
	assert_int_equal(left, 0);
	assert_no_children();
	loop_free(loop);
}

static void a_wait_that_is_too_long_names_the_holder(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = make_loop();
	int64_t began = clock_monotonic_ns();
	char pid[32];
	(void)state;
	hold(&holder, "l");
	assert_int_equal(start_wait(loop, &waiter, "l", 50), 0);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, -1);
	assert_true(clock_monotonic_ns() - began >= 50 * NS_PER_MS);
	assert_string_equal(waiter.wait.error.code, "locked");
	snprintf(pid, sizeof pid, "by pid %ld on ", (long)holder.pid);
	assert_non_null(strstr(waiter.wait.error.message, pid));
	assert_non_null(strstr(waiter.wait.error.message, "(build hermes)"));
	end_holder(&holder);
	assert_no_children();
	assert_true(can_take("l"));
	loop_free(loop);
}

static void no_time_means_one_try(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = make_loop();
	(void)state;
	hold(&holder, "l");
	assert_int_equal(start_wait(loop, &waiter, "l", 0), -1);
	assert_string_equal(err.code, "locked");
	assert_non_null(strstr(err.message, "(build hermes)"));
	end_holder(&holder);
	assert_no_children();
	loop_free(loop);
}

static void cancelling_leaves_no_child_and_no_lock(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = make_loop();
	(void)state;
	hold(&holder, "l");
	assert_int_equal(start_wait(loop, &waiter, "l", 60000), 0);
	lock_wait_cancel(&waiter.wait);
	lock_wait_cancel(&waiter.wait);
	end_holder(&holder);
	assert_no_children();
	assert_true(can_take("l"));
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_int_equal(waiter.ended, 0);
	loop_free(loop);
}

static void a_killed_helper_changes_nothing(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = make_loop();
	pid_t first;
	(void)state;
	hold(&holder, "l");
	assert_int_equal(start_wait(loop, &waiter, "l", -1), 0);
	first = waiter.wait.helper.pid;
	kill(first, SIGKILL);
	for (int64_t end = clock_monotonic_ns() + TEST_LIMIT_NS; waiter.wait.helper.pid == first && clock_monotonic_ns() < end;)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(waiter.ended, 0);
	assert_int_not_equal(waiter.wait.helper.pid, first);
	end_holder(&holder);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, 1);
	lock_release(&waiter.wait.lock);
	loop_free(loop);
}

static void a_helper_keeps_no_pipe_open(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = make_loop();
	struct pollfd end;
	int ends[2];
	(void)state;
	hold(&holder, "l");
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(start_wait(loop, &waiter, "l", -1), 0);
	fd_close(&ends[1]);
	end = (struct pollfd){.fd = ends[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, 20000), 1);
	lock_wait_cancel(&waiter.wait);
	fd_close(&ends[0]);
	end_holder(&holder);
	loop_free(loop);
}

#ifdef __linux__
/* Waits for the lock in a loop, and reports it. */
static void wait_for_ever(int ready)
{
	struct waiter waiter;
	struct loop *loop = loop_new(&err);
	if (!loop || start_wait(loop, &waiter, "l", -1) != 0 || write(ready, "y", 1) != 1)
		_exit(1);
	while (!waiter.ended && loop_step(loop, -1, &err) == 0)
		;
	_exit(2);
}

static void a_killed_waiter_takes_its_helper_along(void **state)
{
	struct lock lock = {0};
	int ready[2], status;
	char byte;
	pid_t pid, helper;
	(void)state;
	/* So that the orphaned helper becomes ours to wait for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	assert_int_equal(fd_pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		wait_for_ever(ready[1]);
	assert_int_equal(fd_read(ready[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	helper = wait(&status);
	assert_true(helper > 0);
	/* Killed with its parent, or never begun because the parent was gone already; in neither case does
	 * it wait. */
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) != 0);
	fd_close(&ready[0]);
	fd_close(&ready[1]);
	lock_release(&lock);
	assert_true(can_take("l"));
}
#endif

static void follows_a_file_that_was_replaced_while_it_waited(void **state)
{
	struct waiter waiter;
	struct lock first = {0};
	struct stat ours, theirs;
	struct loop *loop = make_loop();
	(void)state;
	assert_int_equal(lock_try(&first, "l", "me", &err), 0);
	assert_int_equal(start_wait(loop, &waiter, "l", -1), 0);
	assert_int_equal(unlink("l"), 0);
	lock_release(&first);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, 1);
	assert_int_equal(fstat(waiter.wait.lock.fd, &ours) | stat("l", &theirs), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	assert_false(can_take("l"));
	lock_release(&waiter.wait.lock);
	loop_free(loop);
}

/* One of ten: wait, be alone, go. */
static int take_a_turn(int barrier)
{
	struct waiter waiter;
	struct loop *loop = loop_new(&err);
	char byte;
	int got, fd;
	CHECK(loop != NULL);
	CHECK(fd_read(barrier, &byte, 1) == 0);
	got = start_wait(loop, &waiter, "l", -1);
	CHECK(got >= 0);
	while (got == 0 && !waiter.ended)
		CHECK(loop_step(loop, -1, &err) == 0);
	CHECK(got == 1 || waiter.ended == 1);
	fd = open("alone", O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(poll(NULL, 0, 5) == 0); /* the work that the lock is for */
	CHECK(unlink("alone") == 0);
	lock_release(&waiter.wait.lock);
	loop_free(loop);
	return 0;
}

static void ten_processes_take_turns(void **state)
{
	int barrier[2], status;
	(void)state;
	assert_int_equal(fd_pipe(barrier), 0);
	for (int i = 0; i < 10; i++)
		if (fork() == 0) {
			fd_close(&barrier[1]);
			_exit(take_a_turn(barrier[0]));
		}
	fd_close(&barrier[0]);
	fd_close(&barrier[1]);
	for (int i = 0; i < 10; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_true(can_take("l"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_living_child_that_inherited_it_keeps_it),
		FIXTURE_TEST(a_free_lock_is_had_without_waiting),
		FIXTURE_TEST(a_waiter_gets_it_at_the_release),
		FIXTURE_TEST(a_waiter_gets_it_when_the_holder_is_killed),
		FIXTURE_TEST(many_waiters_of_one_process_get_it_in_turn),
		FIXTURE_TEST(a_wait_that_is_too_long_names_the_holder),
		FIXTURE_TEST(no_time_means_one_try),
		FIXTURE_TEST(cancelling_leaves_no_child_and_no_lock),
		FIXTURE_TEST(a_killed_helper_changes_nothing),
		FIXTURE_TEST(a_helper_keeps_no_pipe_open),
#ifdef __linux__
		FIXTURE_TEST(a_killed_waiter_takes_its_helper_along),
#endif
		FIXTURE_TEST(follows_a_file_that_was_replaced_while_it_waited),
		FIXTURE_TEST(ten_processes_take_turns),
	};
	return cmocka_run_group_tests_name("lock_wait", tests, NULL, NULL);
}
