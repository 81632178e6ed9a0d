#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static struct error err;

static void holds_a_code_and_a_message(void **state)
{
	(void)state;
	assert_int_equal(error_set(&err, "not_found", "no %s in %d places", "docker", 3), -1);
	assert_string_equal(err.code, "not_found");
	assert_string_equal(err.message, "no docker in 3 places");
}

static void cuts_what_is_too_long(void **state)
{
	(void)state;
	assert_int_equal(error_set(&err, "a_code_of_more_than_sixteen", "%02000d", 1), -1);
	assert_string_equal(err.code, "a_code_of_more_");
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	assert_int_equal(error_errno(&err, ENOENT, "%02000d", 1), -1);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void adds_the_text_of_an_errno(void **state)
{
	(void)state;
	assert_int_equal(error_errno(&err, ENOENT, "cannot read %s", "/x"), -1);
	assert_string_equal(err.code, "ENOENT");
	assert_string_equal(err.message, "cannot read /x: No such file or directory");
}

static void names_errnos(void **state)
{
	(void)state;
	assert_string_equal(error_errno_name(EPERM), "EPERM");
	assert_string_equal(error_errno_name(ENOSPC), "ENOSPC");
	assert_string_equal(error_errno_name(ETIMEDOUT), "ETIMEDOUT");
	assert_string_equal(error_errno_name(EXDEV), "EXDEV");
	assert_string_equal(error_errno_name(99999), "E99999");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_a_code_and_a_message),
		cmocka_unit_test(cuts_what_is_too_long),
		cmocka_unit_test(adds_the_text_of_an_errno),
		cmocka_unit_test(names_errnos),
	};
	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
