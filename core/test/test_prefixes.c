#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/prefixes.h"

static struct error err;
static struct prefixes prefixes;

static int teardown(void **state)
{
	(void)state;
	prefixes_free(&prefixes);
	return 0;
}

static void take(const char *const *list)
{
	assert_int_equal(prefixes_init(&prefixes, list, &err), 0);
}

/* The text is TEXT alone, whatever lies behind it in memory. */
static int matches(const char *text)
{
	char exact[64];
	size_t len = strlen(text);
	memset(exact, '1', sizeof exact);
	memcpy(exact, text, len);
	return prefixes_match(&prefixes, exact, len);
}

static void knows_every_beginning(void **state)
{
	const char *const list[] = {"#%d [", "#%d DONE", "#%d ERROR", "Step ", "St%%p", NULL};
	static const char *const some[] = {"#1 [",     "#12 [3/9] RUN make",  "#0123456789 DONE 0.1s",
	                                   "#7 ERROR", "Step 1/2 : RUN true", "St%p"};
	static const char *const others[] = {"",       "#",       "#1",   "#1 ",   "# [",    "#x [",  "#1[",
	                                     "#1 DON", "#1 done", "Step", "step ", " Step ", "Stepp", "#12 1.4 [3/9]"};
	(void)state;
	take(list);
	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		assert_true(matches(some[i]));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(matches(others[i]));
}

static void tries_digits_as_what_they_are_and_as_digits(void **state)
{
	const char *const list[] = {"12a", "%db", "1%dc", "%d", NULL};
	const char *const fewer[] = {"12a", "%db", "1%dc", NULL};
	(void)state;
	take(fewer);
	assert_true(matches("12a") && matches("12b") && matches("12c") && matches("7b"));
	assert_false(matches("12") || matches("13a") || matches("1c") || matches("22c"));
	prefixes_free(&prefixes);
	take(list);
	assert_true(matches("12") && matches("9"));
}

static void takes_all_bytes_and_none(void **state)
{
	const char *const none[] = {NULL};
	const char *const high[] = {"\xe2\x80\xa6", NULL};
	const char *const all[] = {"", NULL};
	(void)state;
	assert_false(matches("x") || matches(""));
	take(none);
	assert_false(matches("x") || matches(""));
	prefixes_free(&prefixes);
	take(high);
	assert_true(matches("\xe2\x80\xa6 and so on"));
	assert_false(matches("\xe2\x80"));
	prefixes_free(&prefixes);
	take(all);
	assert_true(matches("x") && matches(""));
}

static void refuses_an_unknown_sign(void **state)
{
	const char *const unknown[] = {"ok", "#%s", NULL};
	const char *const cut_off[] = {"5%", NULL};
	(void)state;
	assert_int_equal(prefixes_init(&prefixes, unknown, &err), -1);
	assert_string_equal(err.code, "invalid");
	assert_string_equal(err.message, "the beginning \"#%s\" has a % that is neither %d nor %%");
	prefixes_free(&prefixes);
	assert_int_equal(prefixes_init(&prefixes, cut_off, &err), -1);
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(knows_every_beginning),
		TEST(tries_digits_as_what_they_are_and_as_digits),
		TEST(takes_all_bytes_and_none),
		TEST(refuses_an_unknown_sign),
	};
	return cmocka_run_group_tests_name("prefixes", tests, NULL, NULL);
}
