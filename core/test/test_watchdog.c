#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "fixture.h"
#include "loop/signals.h"
#include "loop/watchdog.h"

/* Read from FD what never comes, without a pause, until its end: as libcurl reads a flood. */
static void read_on(int fd)
{
	char byte;
	while (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
		;
}

static void a_call_that_does_not_come_back_is_ended(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	watchdog_add(ends[0]);
	watchdog_begin(INT64_MAX);
	read_on(ends[0]);
	assert_int_equal(watchdog_end(), 1);
	/* The next call begins at nothing. */
	watchdog_begin(INT64_MAX);
	assert_int_equal(watchdog_end(), 0);
	watchdog_remove(ends[0]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void a_timer_that_waits_ends_it_sooner(void **state)
{
	int ends[2];
	int64_t used = (int64_t)clock();
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	watchdog_add(ends[0]);
	watchdog_begin(clock_monotonic_ns());
	read_on(ends[0]);
	assert_int_equal(watchdog_end(), 1);
	assert_true((int64_t)clock() - used < 2 * (int64_t)CLOCKS_PER_SEC);
	watchdog_remove(ends[0]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void a_signal_that_waits_ends_it_sooner(void **state)
{
	int ends[2], child = 0;
	int64_t used = (int64_t)clock();
	(void)state;
	assert_true(signals_open(&err) >= 0);
	assert_int_equal(signals_catch(SIGUSR1, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	watchdog_add(ends[0]);
	watchdog_begin(INT64_MAX);
	raise(SIGUSR1);
	read_on(ends[0]);
	assert_int_equal(watchdog_end(), 1);
	assert_true((int64_t)clock() - used < 2 * (int64_t)CLOCKS_PER_SEC);
	signals_drain(&child);
	assert_int_equal(signals_take(), SIGUSR1);
	assert_false(signals_waiting());
	watchdog_remove(ends[0]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

/* As the certificates of a system's trust store take on a slow machine. */
static void a_call_that_works_for_a_while_is_left_alone(void **state)
{
	const clock_t begun = clock();
	int ends[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	watchdog_add(ends[0]);
	watchdog_begin(clock_monotonic_ns());
	while (clock() - begun < CLOCKS_PER_SEC * 6 / 10)
		;
	assert_int_equal(watchdog_end(), 0);
	watchdog_remove(ends[0]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void a_call_that_waits_is_left_alone(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	watchdog_add(ends[0]);
	watchdog_begin(clock_monotonic_ns());
	poll(NULL, 0, 600);
	assert_int_equal(watchdog_end(), 0);
	assert_int_equal(send(ends[1], "x", 1, 0), 1);
	watchdog_remove(ends[0]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_call_that_does_not_come_back_is_ended),
		FIXTURE_TEST(a_timer_that_waits_ends_it_sooner),
		FIXTURE_TEST(a_signal_that_waits_ends_it_sooner),
		FIXTURE_TEST(a_call_that_works_for_a_while_is_left_alone),
		FIXTURE_TEST(a_call_that_waits_is_left_alone),
	};
	return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
