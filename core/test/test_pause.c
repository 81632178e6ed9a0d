/* A process that is stopped for a while, as the machine below it may be: its bounds are suspended during that time. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "loop/loop.h"
#include "process_fixture.h"

/* All times here are multiples of it: the pause is two of them. */
static int64_t unit_ns;

static void rest(int64_t ns)
{
	struct timespec time = {ns / NS_PER_S, ns % NS_PER_S};
	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		continue;
}

/* Run BODY in a process that is stopped, for two units, soon after it has written a byte to the descriptor it is given. Returns
 * whether it succeeded: without the pause being noticed it never does, and on a busy machine not always. */
static int with_a_pause(int (*body)(int ready), int64_t unit_ms)
{
	int status, ends[2];
	char byte;
	pid_t pid;
	unit_ns = unit_ms * NS_PER_MS;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		_exit(body(ends[1]));
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	/* By now it waits. */
	rest(unit_ns / 3);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	rest(2 * unit_ns);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static int fired;

static void on_fire(struct loop_timer *timer)
{
	(void)timer;
	fired = 1;
}

static int timer_waits(int ready)
{
	struct loop *loop = loop_new(&err);
	struct loop_timer timer = {.fire = on_fire};
	int64_t started = clock_monotonic_ns(), before = loop_now(loop), lost;
	CHECK(loop_timer_start(loop, &timer, unit_ns, &err) == 0);
	CHECK(write(ready, "", 1) == 1);
	while (!fired)
		CHECK(loop_step(loop, -1, &err) == 0);
	/* The longest wait, and what is late, may have gone unnoticed. */
	lost = clock_monotonic_ns() - started - (loop_now(loop) - before);
	CHECK(lost >= unit_ns / 2);
	CHECK(loop_now(loop) - before >= unit_ns);
	loop_free(loop);
	return 0;
}

static int pause_of_a_timer(int64_t ms)
{
	return with_a_pause(timer_waits, ms);
}

static void a_timer_waits_for_a_process_that_is_stopped(void **state)
{
	(void)state;
	with_enough_time(pause_of_a_timer, 1000);
}

static int child_is_silent(int ready)
{
	struct run run = {0};
	char script[100];
	snprintf(script, sizeof script, "sleep %g; echo up", 3 * (double)unit_ns / NS_PER_S);
	run_start_script(&run, script,
	                 (struct process_options){.bounds.stall_ns = 5 * unit_ns / 2, .bounds.timeout_ns = 14 * unit_ns / 5});
	CHECK(write(ready, "", 1) == 1);
	while (!run.done)
		CHECK(loop_step(run.loop, -1, &err) == 0);
	CHECK(!run.failed && run.result.code == 0);
	process_free(run.process);
	loop_free(run.loop);
	return 0;
}

static int pause_of_a_child(int64_t ms)
{
	return with_a_pause(child_is_silent, ms);
}

static void a_pause_is_neither_silence_nor_time_of_a_child(void **state)
{
	(void)state;
	with_enough_time(pause_of_a_child, 1000);
}

static void on_blocked(struct loop_timer *timer)
{
	(void)timer;
	rest(NS_PER_S);
}

static void work_of_our_own_puts_no_bound_off(void **state)
{
	struct loop *loop = loop_new(&err);
	struct loop_timer blocked = {.fire = on_blocked}, timer = {.fire = on_fire};
	int64_t before, started;
	(void)state;
	fired = 0;
	assert_int_equal(loop_timer_start(loop, &blocked, 0, &err), 0);
	assert_int_equal(loop_timer_start(loop, &timer, NS_PER_S / 2, &err), 0);
	started = clock_monotonic_ns();
	before = loop_now(loop);
	while (!fired)
		assert_int_equal(loop_step(loop, -1, &err), 0);
	assert_true(loop_now(loop) - before >= NS_PER_S - NS_PER_S / 10);
	assert_true(clock_monotonic_ns() - started >= NS_PER_S);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_timer_waits_for_a_process_that_is_stopped),
		FIXTURE_TEST(a_pause_is_neither_silence_nor_time_of_a_child),
		FIXTURE_TEST(work_of_our_own_puts_no_bound_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
