#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/http_headers.h"

static struct http_headers headers;

static int setup(void **state)
{
	(void)state;
	http_headers_init(&headers);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_headers_free(&headers);
	return 0;
}

static void take(const char *line)
{
	assert_int_equal(http_headers_take(&headers, line, strlen(line)), 0);
}

static void assert_header(size_t i, const char *name, const char *value)
{
	assert_true(i < headers.count);
	assert_string_equal(headers.list[i].name, name);
	assert_string_equal(headers.list[i].value, value);
}

static void names_are_in_lower_case_and_values_as_they_are(void **state)
{
	(void)state;
	take("HTTP/1.1 200 OK\r\n");
	take("Content-Type:  Text/Plain; a:b \r\n");
	take("ETAG:\"X\"\r\n");
	take("Empty:\r\n");
	take("\r\n");
	http_headers_split(&headers);
	assert_int_equal(headers.count, 3);
	assert_header(0, "content-type", "Text/Plain; a:b ");
	assert_header(1, "etag", "\"X\"");
	assert_header(2, "empty", "");
}

static void bare_newlines_end_a_line_too(void **state)
{
	(void)state;
	take("HTTP/1.0 200\n");
	take("a: 1\n");
	take("no header\n");
	take("b: 2\n");
	http_headers_split(&headers);
	assert_int_equal(headers.count, 2);
	assert_header(0, "a", "1");
	assert_header(1, "b", "2");
}

static void the_last_answer_counts(void **state)
{
	(void)state;
	take("HTTP/1.1 100 Continue\r\n");
	take("early: 1\r\n");
	take("\r\n");
	take("HTTP/1.1 200 OK\r\n");
	take("late: 1\r\n");
	http_headers_split(&headers);
	assert_int_equal(headers.count, 1);
	assert_header(0, "late", "1");
}

static void nothing_is_an_empty_list(void **state)
{
	(void)state;
	http_headers_split(&headers);
	assert_int_equal(headers.count, 0);
	take("a: 1\r\n");
	http_headers_clear(&headers);
	http_headers_split(&headers);
	assert_int_equal(headers.count, 0);
}

static void what_is_beyond_the_maximum_is_left_out(void **state)
{
	(void)state;
	for (int i = 0; i < HTTP_HEADERS_MAX + 5; i++)
		take("a: 1\r\n");
	http_headers_split(&headers);
	assert_int_equal(headers.count, HTTP_HEADERS_MAX);
}

/* Over all answers, also those that are forgotten. */
static void the_bytes_are_bounded(void **state)
{
	static char line[HTTP_HEADER_BYTES_MAX / 4];
	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "HTTP/1.1 100 ", 13);
	for (int i = 0; i < 4; i++)
		assert_int_equal(http_headers_take(&headers, line, sizeof line), 0);
	assert_int_equal(headers.text.len, sizeof line);
	assert_int_equal(http_headers_take(&headers, "x", 1), -1);
	assert_int_equal(errno, EMSGSIZE);
	http_headers_clear(&headers);
	take("a: 1\r\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(names_are_in_lower_case_and_values_as_they_are),
		TEST(bare_newlines_end_a_line_too),
		TEST(the_last_answer_counts),
		TEST(nothing_is_an_empty_list),
		TEST(what_is_beyond_the_maximum_is_left_out),
		TEST(the_bytes_are_bounded),
	};
	return cmocka_run_group_tests_name("http_headers", tests, NULL, NULL);
}
