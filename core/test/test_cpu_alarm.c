#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "loop/cpu_alarm.h"

static volatile int rings, elsewhere;
static pthread_t owner;

static void ring(void)
{
	rings++;
	elsewhere += !pthread_equal(pthread_self(), owner);
}

static int begin(void **state)
{
	(void)state;
	rings = elsewhere = 0;
	owner = pthread_self();
	cpu_alarm_start(10000, ring);
	return 0;
}

static int end(void **state)
{
	(void)state;
	cpu_alarm_stop();
	return 0;
}

/* Compute until it has rung three times, or for a minute. */
static void *compute(void *unused)
{
	int64_t last = clock_monotonic_ns() + INT64_C(60000000000);
	while (rings < 3 && clock_monotonic_ns() < last)
		;
	return unused;
}

static void rings_while_the_process_computes(void **state)
{
	(void)state;
	compute(NULL);
	assert_true(rings >= 3);
}

static void rings_in_the_thread_that_started_it(void **state)
{
	pthread_t thread;
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, compute, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(rings >= 3);
	assert_int_equal(elsewhere, 0);
}

static void does_not_ring_while_the_process_waits(void **state)
{
	const struct timespec wait = {0, 200000000};
	(void)state;
	assert_int_equal(nanosleep(&wait, NULL), 0);
	assert_true(rings <= 1);
}

static void does_not_ring_after_its_end(void **state)
{
	clock_t used = clock();
	(void)state;
	cpu_alarm_stop();
	rings = 0;
	while (clock() - used < CLOCKS_PER_SEC / 5)
		;
	assert_int_equal(rings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rings_while_the_process_computes, begin, end),
		cmocka_unit_test_setup_teardown(rings_in_the_thread_that_started_it, begin, end),
		cmocka_unit_test_setup_teardown(does_not_ring_while_the_process_waits, begin, end),
		cmocka_unit_test_setup_teardown(does_not_ring_after_its_end, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
