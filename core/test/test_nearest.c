#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/nearest.h"

static const char *const names[] = {"timeout", "connect_timeout", "stall", "grace", "url", "tail"};

static const char *nearest_to(const char *wanted)
{
	struct nearest nearest;
	nearest_init(&nearest, wanted);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		nearest_offer(&nearest, names[i]);
	return nearest.best;
}

static void finds_what_was_meant(void **state)
{
	static const char *const cases[][2] = {{"time_out", "timeout"},
	                                       {"timeuot", "timeout"},
	                                       {"imeout", "timeout"},
	                                       {"tiemeouts", "timeout"},
	                                       {"connectTimeout", "connect_timeout"},
	                                       {"stal", "stall"},
	                                       {"garce", "grace"},
	                                       {"ulr", "url"},
	                                       {"uri", "url"},
	                                       {"tial", "tail"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(nearest_to(cases[i][0]), cases[i][1]);
}

static void suggests_nothing_that_is_far(void **state)
{
	char longer[NEAREST_MAX + 2];
	(void)state;
	memset(longer, 't', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_null(nearest_to("colour"));
	assert_null(nearest_to("x"));
	assert_null(nearest_to(""));
	assert_null(nearest_to(longer));
}

static void takes_the_first_of_two_that_are_as_close(void **state)
{
	struct nearest nearest;
	(void)state;
	nearest_init(&nearest, "tale");
	nearest_offer(&nearest, "tall");
	nearest_offer(&nearest, "tail");
	assert_string_equal(nearest.best, "tall");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_meant),
		cmocka_unit_test(suggests_nothing_that_is_far),
		cmocka_unit_test(takes_the_first_of_two_that_are_as_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
