#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void the_monotonic_clock_never_goes_back(void **state)
{
	int64_t last = clock_monotonic_ns(), begin = last;
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_monotonic_ns();
		assert_true(now >= last);
		last = now;
	}
	nanosleep(&pause, NULL);
	assert_true(clock_monotonic_ns() - begin >= 20 * NS_PER_MS);
}

static void the_steady_clock_runs_as_the_monotonic_one_does(void **state)
{
	int64_t apart = clock_steady_ns() - clock_monotonic_ns(), first = clock_steady_ns();
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	(void)state;
	nanosleep(&pause, NULL);
	assert_true(clock_steady_ns() - first >= 20 * NS_PER_MS);
	assert_true(apart > -NS_PER_S); /* it also counts suspended time, and so is never behind */
}

static void the_time_of_day_is_in_seconds(void **state)
{
	double before = (double)time(NULL), now = clock_now(), after = (double)time(NULL);
	(void)state;
	/* time() may be a tick behind. */
	assert_true(now >= before && now < after + 2);
}

static void a_second_has_a_thousand_milliseconds(void **state)
{
	(void)state;
	assert_true(NS_PER_S == 1000 * NS_PER_MS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monotonic_clock_never_goes_back),
		cmocka_unit_test(the_steady_clock_runs_as_the_monotonic_one_does),
		cmocka_unit_test(the_time_of_day_is_in_seconds),
		cmocka_unit_test(a_second_has_a_thousand_milliseconds),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
