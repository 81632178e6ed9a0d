#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "child/output.h"
#include "fixture.h"
#include "secret/mask.h"

static struct output output;
static char reported[1024];
static int answer;

static int on_line(void *ud, const char *line, size_t len)
{
	size_t used = strlen(reported);
	(void)ud;
	snprintf(reported + used, sizeof reported - used, "<%.*s>", (int)len, line);
	return answer;
}

static int on_lines(void *ud, const char *text, size_t len)
{
	size_t used = strlen(reported);
	(void)ud;
	(void)len;
	snprintf(reported + used, sizeof reported - used, "(%s)", text);
	return LINES_GO_ON;
}

static void begin(struct output_options options)
{
	reported[0] = '\0';
	answer = LINES_GO_ON;
	if (!options.tail)
		options.tail = 1000;
	assert_int_equal(output_init(&output, &options, &err), 0);
}

static int leave(void **state)
{
	output_free(&output);
	mask_clear();
	return fixture_leave(state);
}

static void feed(const char *text)
{
	assert_int_equal(output_feed(&output, text, strlen(text), &err), 0);
}

static void finish(void)
{
	assert_int_equal(output_finish(&output, &err), 0);
}

static void assert_log(const char *text)
{
	struct buf log;
	buf_init(&log, 1 << 20);
	assert_int_equal(fs_read("log", log.max, &log, &err), 0);
	assert_string_equal(log.data ? log.data : "", text);
	buf_free(&log);
}

static void bytes_become_plain_masked_lines(void **state)
{
	(void)state;
	assert_int_equal(mask_add("s3cret-value", 12, &err), 0);
	begin((struct output_options){.log_file = "log", .lines = {.on_line = on_line}});
	feed("a \033[31mred\033[0m one\r\nsee s3cret");
	assert_string_equal(reported, "<a red one>");
	feed("-value\nb");
	finish();
	assert_string_equal(reported, "<a red one><see ***><b>");
	assert_string_equal(output.tail.data, "a red one\nsee ***\nb");
	assert_log("a red one\nsee ***\nb");
}

static void a_secret_is_seen_through_control_sequences(void **state)
{
	(void)state;
	assert_int_equal(mask_add("s3cret-value", 12, &err), 0);
	begin((struct output_options){.log_file = "log"});
	feed("s3cr\033[1met-va\033]0;title\alue\n");
	finish();
	assert_log("***\n");
}

static void all_lines_come_at_each_feed(void **state)
{
	static const char *const steps[] = {"Step 0", NULL};
	(void)state;
	begin((struct output_options){.lines = {.on_line = on_line, .on_lines = on_lines, .only = steps}});
	feed("a\nb\nStep 1\nc\n");
	assert_string_equal(reported, "(a\nb\nStep 1\n)<Step 1>(c\n)");
	feed("d");
	finish();
	assert_string_equal(reported, "(a\nb\nStep 1\n)<Step 1>(c\n)(d\n)");
}

static void a_line_can_end_it(void **state)
{
	(void)state;
	begin((struct output_options){.lines = {.on_line = on_line}});
	answer = LINES_STOP;
	assert_int_equal(output_feed(&output, "a\nb\n", 4, &err), 1);
	assert_string_equal(reported, "<a>");
	/* The text is still kept. */
	assert_string_equal(output.tail.data, "a\nb\n");
}

static void what_is_drawn_over_a_line_is_a_line_in_the_log(void **state)
{
	(void)state;
	begin((struct output_options){.log_file = "log", .lines = {.on_line = on_line, .after_newline = 1}});
	feed("10%\r20%\rdone\nnext\n");
	finish();
	assert_string_equal(reported, "<10%><next>");
	assert_log("10%\n20%\ndone\nnext\n");
}

static void the_end_is_kept_and_bounded(void **state)
{
	(void)state;
	begin((struct output_options){.tail = 8});
	feed("0123456789\n");
	feed("last one  \n \n");
	finish();
	assert_int_equal(output.tail.len, 8);
	assert_string_equal(output_last_line(&output), "one");
}

static void the_last_line_is_one_with_something_in_it(void **state)
{
	(void)state;
	begin((struct output_options){0});
	assert_string_equal(output_last_line(&output), "");
	feed("first\nsecond\n\n  \n");
	assert_string_equal(output_last_line(&output), "second");
	feed("not at its end");
	assert_string_equal(output_last_line(&output), "not at its end");
}

static void a_log_that_cannot_be_made_is_an_error(void **state)
{
	struct output_options options = {.log_file = "none/log", .tail = 10};
	(void)state;
	assert_int_equal(output_init(&output, &options, &err), -1);
	assert_string_equal(err.code, "ENOENT");
}

#ifdef __linux__
static void a_log_that_cannot_be_written_is_remembered(void **state)
{
	(void)state;
	begin((struct output_options){.log_file = "log", .lines = {.on_line = on_line}});
	fd_close(&output.log.fd);
	output.log.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(output.log.fd >= 0);
	feed("a\n");
	finish();
	assert_true(output.log_failed);
	assert_string_equal(output.log_error.code, "ENOSPC");
	assert_string_equal(reported, "<a>");
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_enter, leave)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(bytes_become_plain_masked_lines),
		TEST(a_secret_is_seen_through_control_sequences),
		TEST(all_lines_come_at_each_feed),
		TEST(a_line_can_end_it),
		TEST(what_is_drawn_over_a_line_is_a_line_in_the_log),
		TEST(the_end_is_kept_and_bounded),
		TEST(the_last_line_is_one_with_something_in_it),
		TEST(a_log_that_cannot_be_made_is_an_error),
#ifdef __linux__
		TEST(a_log_that_cannot_be_written_is_remembered),
#endif
	};
	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
