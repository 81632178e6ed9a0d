#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static struct buf buf;

static int teardown(void **state)
{
	(void)state;
	buf_free(&buf);
	return 0;
}

static void append(const char *text)
{
	assert_int_equal(buf_append(&buf, text, strlen(text)), 0);
}

static void is_empty_at_first(void **state)
{
	(void)state;
	buf_init(&buf, 10);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	buf_clear(&buf);
	buf_shift(&buf, 5);
	assert_null(buf.data);
}

static void appends_and_ends_with_a_nul(void **state)
{
	(void)state;
	buf_init(&buf, 100000);
	append("abc");
	assert_string_equal(buf.data, "abc");
	assert_int_equal(buf_append(&buf, "d\0e", 3), 0);
	assert_int_equal(buf.len, 6);
	assert_memory_equal(buf.data, "abcd\0e", 7);
	for (int i = 0; i < 10000; i++)
		append("0123456789"[i % 10] == '0' ? "x" : "y");
	assert_int_equal(buf.len, 10006);
	assert_int_equal(buf.data[10006], '\0');
	assert_memory_equal(buf.data, "abcd\0exyyyyyyyyyx", 17);
}

static void appends_nothing(void **state)
{
	(void)state;
	buf_init(&buf, 10);
	assert_int_equal(buf_append(&buf, NULL, 0), 0);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
}

static void refuses_more_than_its_maximum(void **state)
{
	(void)state;
	buf_init(&buf, 5);
	append("12345");
	errno = 0;
	assert_int_equal(buf_append(&buf, "6", 1), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_string_equal(buf.data, "12345");
	assert_int_equal(buf_reserve(&buf, SIZE_MAX), -1);
	assert_int_equal(errno, EMSGSIZE);
}

static void grows_to_just_its_maximum(void **state)
{
	static char bytes[1000];
	(void)state;
	buf_init(&buf, 1000);
	assert_int_equal(buf_append(&buf, bytes, 1000), 0);
	assert_int_equal(buf.len, 1000);
	assert_true(buf.cap <= 1001);
}

static void reserves_room(void **state)
{
	(void)state;
	buf_init(&buf, 1000);
	append("ab");
	assert_int_equal(buf_reserve(&buf, 900), 0);
	assert_true(buf.cap >= 903);
	assert_string_equal(buf.data, "ab");
	memset(buf.data + buf.len, 'c', 900);
	buf.len += 900;
	append("d");
	assert_int_equal(buf.data[902], 'd');
}

static void shifts(void **state)
{
	(void)state;
	buf_init(&buf, 10);
	append("abcdef");
	buf_shift(&buf, 2);
	assert_string_equal(buf.data, "cdef");
	buf_shift(&buf, 100);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
}

static void clears_and_keeps_the_memory(void **state)
{
	char *data;
	(void)state;
	buf_init(&buf, 10);
	append("abc");
	data = buf.data;
	buf_clear(&buf);
	assert_string_equal(buf.data, "");
	append("de");
	assert_ptr_equal(buf.data, data);
	assert_string_equal(buf.data, "de");
}

static void frees_and_can_be_used_again(void **state)
{
	(void)state;
	buf_init(&buf, 3);
	append("abc");
	buf_free(&buf);
	assert_null(buf.data);
	append("def");
	assert_string_equal(buf.data, "def");
	assert_int_equal(buf_append(&buf, "g", 1), -1);
}

static void append_tail(const char *text, const char *want)
{
	assert_int_equal(buf_append_tail(&buf, text, strlen(text)), 0);
	assert_string_equal(buf.data, want);
}

static void keeps_a_tail(void **state)
{
	(void)state;
	buf_init(&buf, 5);
	append_tail("ab", "ab");
	append_tail("cde", "abcde");
	append_tail("f", "bcdef");
	append_tail("", "bcdef");
	append_tail("0123456789", "56789");
	append_tail("vwxyz", "vwxyz");
}

static void keeps_an_empty_tail(void **state)
{
	(void)state;
	buf_init(&buf, 0);
	append_tail("abc", "");
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(is_empty_at_first),
		TEST(appends_and_ends_with_a_nul),
		TEST(appends_nothing),
		TEST(refuses_more_than_its_maximum),
		TEST(grows_to_just_its_maximum),
		TEST(reserves_room),
		TEST(shifts),
		TEST(clears_and_keeps_the_memory),
		TEST(frees_and_can_be_used_again),
		TEST(keeps_a_tail),
		TEST(keeps_an_empty_tail),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
