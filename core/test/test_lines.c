#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "text/lines.h"

/* The lines seen, a '|' behind each. */
static struct buf seen;
static const char *stop_at;

static int on_line(void *ud, const char *line, size_t len)
{
	assert_ptr_equal(ud, &seen);
	assert_int_equal(buf_append(&seen, line, len), 0);
	assert_int_equal(buf_append(&seen, "|", 1), 0);
	return stop_at && len == strlen(stop_at) && memcmp(line, stop_at, len) == 0 ? 7 : 0;
}

static struct lines lines;

static int setup(void **state)
{
	(void)state;
	stop_at = NULL;
	buf_init(&seen, 100000);
	lines_init(&lines, 10, on_line, &seen);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&seen);
	lines_free(&lines);
	return 0;
}

static void feed(const char *text)
{
	assert_int_equal(lines_feed(&lines, text, strlen(text)), 0);
}

static void assert_seen(const char *want)
{
	assert_string_equal(seen.data ? seen.data : "", want);
}

static void assert_pending(const char *want)
{
	const char *line;
	size_t len;
	lines_pending(&lines, &line, &len);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(line, want, len);
}

/* TEXT in every two cuts. */
static void assert_lines(const char *text, const char *want)
{
	size_t len = strlen(text);
	for (size_t a = 0; a <= len; a++)
		for (size_t b = a; b <= len; b++) {
			buf_clear(&seen);
			assert_int_equal(lines_feed(&lines, text, a), 0);
			assert_int_equal(lines_feed(&lines, text + a, b - a), 0);
			assert_int_equal(lines_feed(&lines, text + b, len - b), 0);
			assert_int_equal(lines_finish(&lines), 0);
			assert_seen(want);
		}
}

static void splits_at_newlines(void **state)
{
	(void)state;
	assert_lines("", "");
	assert_lines("one\ntwo\n\nthree\n", "one|two||three|");
	assert_lines("\n\n", "||");
	assert_lines("no end", "no end|");
	assert_lines("one\nno end", "one|no end|");
}

static int note_return(void *ud, const char *line, size_t len)
{
	assert_int_equal(buf_append(ud, lines.behind_cr ? "^" : "", lines.behind_cr), 0);
	return on_line(ud, line, len);
}

static void tells_what_stood_behind_a_return(void **state)
{
	(void)state;
	lines.on_line = note_return;
	assert_lines("a\n\rb\nc\n\r\n\r\nd\n\r0123456789abc\ne\n\rno end", "a|^b|c|^|^|d|^0123456\xe2\x80\xa6|e|^no end|");
}

static void cuts_long_lines(void **state)
{
	(void)state;
	assert_lines("0123456789\nx\n", "0123456789|x|");
	assert_lines("0123456789a\nx\n", "0123456\xe2\x80\xa6|x|");
	assert_lines("0123456789abcdefghijklmnopqrstuvwxyz\nx\n", "0123456\xe2\x80\xa6|x|");
	assert_lines("0123456789abcdef", "0123456\xe2\x80\xa6|");
}

static void does_not_cut_within_a_character(void **state)
{
	(void)state;
	assert_lines("012345\xc3\xbc"
	             "89a\n",
	             "012345\xe2\x80\xa6|");
	assert_lines("01234\xf0\x9f\x9a\x80"
	             "9a and more\n",
	             "01234\xe2\x80\xa6|");
	assert_lines("0123\xe6\x97\xa5"
	             "789a\n",
	             "0123\xe6\x97\xa5\xe2\x80\xa6|");
	assert_lines("01234567\xc3\xbc\n", "01234567\xc3\xbc|");
	assert_lines("012345678\xc3\xbc\n", "0123456\xe2\x80\xa6|");
}

static void tells_the_line_under_way(void **state)
{
	(void)state;
	assert_pending("");
	feed("one\ntw");
	assert_pending("tw");
	feed("o");
	assert_pending("two");
	assert_seen("one|");
	feed(" three four");
	assert_pending("two thr\xe2\x80\xa6");
	feed("\n");
	assert_pending("");
	assert_seen("one|two thr\xe2\x80\xa6|");
}

static void stops_when_it_is_told_to(void **state)
{
	(void)state;
	stop_at = "two";
	assert_int_equal(lines_feed(&lines, "one\ntwo\nthree\n", 14), 7);
	assert_seen("one|two|");
	assert_int_equal(lines_feed(&lines, "tw", 2), 0);
	assert_int_equal(lines_feed(&lines, "o\nthree", 7), 7);
	assert_int_equal(lines_feed(&lines, "two", 3), 0);
	assert_int_equal(lines_finish(&lines), 7);
	assert_int_equal(lines_finish(&lines), 0);
	assert_seen("one|two|two|two|");
}

static void keeps_no_more_than_a_line(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++)
		feed("a line that has no end ");
	assert_true(lines.part.cap <= 256);
	assert_pending("a line \xe2\x80\xa6");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(splits_at_newlines),
		TEST(cuts_long_lines),
		TEST(does_not_cut_within_a_character),
		TEST(tells_the_line_under_way),
		TEST(stops_when_it_is_told_to),
		TEST(keeps_no_more_than_a_line),
		TEST(tells_what_stood_behind_a_return),
	};
	return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
