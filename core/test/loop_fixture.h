/* What the tests of the loop share: a loop for each test, and a note of what was called back. Include it after cmocka.h
 * and fixture.h. */
#ifndef MOLBUILD_TEST_LOOP_FIXTURE_H
#define MOLBUILD_TEST_LOOP_FIXTURE_H

#include "base/clock.h"
#include "base/fd.h"
#include "limit.h"
#include "loop/loop.h"

static struct loop *loop;
static char order[256]; /* what was called back, a letter each */

static inline void note(char letter)
{
	size_t len = strlen(order);
	assert_true(len + 1 < sizeof order);
	order[len] = letter;
	order[len + 1] = '\0';
}

static inline int enter(void **state)
{
	order[0] = '\0';
	if (fixture_enter(state) < 0)
		return -1;
	loop = loop_new(&err);
	return loop ? 0 : -1;
}

static inline int leave(void **state)
{
	loop_free(loop);
	return fixture_leave(state);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

/* Step until COUNT callbacks have come; a test that hangs here has failed. */
static inline void run_until_noted(size_t count)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (strlen(order) < count && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(strlen(order), count);
}

#endif
