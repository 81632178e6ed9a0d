#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "child/line_sink.h"

static struct line_sink sink;
static char reported[1024]; /* "<line>" from on_line, "(lines)" from on_lines, in their order */
static int line_answer, lines_answer;

static int on_line(void *ud, const char *line, size_t len)
{
	size_t used = strlen(reported);
	assert_ptr_equal(ud, &sink);
	snprintf(reported + used, sizeof reported - used, "<%.*s>", (int)len, line);
	return line_answer;
}

static int on_lines(void *ud, const char *text, size_t len)
{
	size_t used = strlen(reported);
	assert_ptr_equal(ud, &sink);
	assert_int_equal(strlen(text), len);
	snprintf(reported + used, sizeof reported - used, "(%s)", text);
	return lines_answer;
}

static int teardown(void **state)
{
	(void)state;
	line_sink_free(&sink);
	return 0;
}

static void begin(struct line_sink_options options)
{
	line_sink_free(&sink);
	reported[0] = '\0';
	line_answer = lines_answer = LINES_GO_ON;
	options.ud = &sink;
	assert_int_equal(line_sink_init(&sink, &options), 0);
}

/* The line is only TEXT, whatever follows it in memory. */
static int take(const char *text, int behind_cr)
{
	char exact[64];
	size_t len = strlen(text);
	memset(exact, '1', sizeof exact);
	memcpy(exact, text, len);
	return line_sink_take(&sink, exact, len, behind_cr);
}

static void assert_told(const char *text)
{
	assert_string_equal(reported, text);
}

static int is_told(const char *line)
{
	reported[0] = '\0';
	assert_int_equal(take(line, 0), 0);
	return reported[0] != '\0';
}

static void uses_nobody_without_receivers(void **state)
{
	(void)state;
	begin((struct line_sink_options){0});
	assert_false(line_sink_is_used(&sink));
	assert_int_equal(take("a", 0), 0);
	assert_int_equal(line_sink_flush(&sink), 0);
	begin((struct line_sink_options){.on_line = on_line});
	assert_true(line_sink_is_used(&sink));
	begin((struct line_sink_options){.on_lines = on_lines});
	assert_true(line_sink_is_used(&sink));
}

static void knows_every_beginning(void **state)
{
	static const char *const list[] = {"#0 [", "Step ", "#0 DONE", "#0 ERROR", "[0/0] STEP ", "St%p", NULL};
	static const char *const some[] = {
		"#1 [", "#12 [3/9] RUN make",     "#0123456789 DONE 0.1s", "#7 ERROR", "Step 1/2 : RUN true",
		"St%p", "[1/12] STEP 1/2: FROM x"};
	static const char *const others[] = {
		"",       "#",       "#1",   "#1 ",   "# [",    "#x [",  "#1[",           "[1/] STEP ",
		"#1 DON", "#1 done", "Step", "step ", " Step ", "Stepp", "#12 1.4 [3/9]", "#0"};
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .only = list});
	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		assert_true(is_told(some[i]));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(is_told(others[i]));
}

static void takes_lists_of_any_kind(void **state)
{
	static const char *const none[] = {NULL};
	static const char *const all[] = {"x", "", NULL};
	static const char *const within[] = {"ab", "a", "abc", "b", "ab", NULL};
	static const char *const numbers[] = {"0", "0.0.0 ", NULL};
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .only = none});
	assert_false(is_told("x") || is_told(""));
	begin((struct line_sink_options){.on_line = on_line, .only = all});
	assert_true(is_told("y") && is_told(""));
	begin((struct line_sink_options){.on_line = on_line, .only = within});
	assert_true(is_told("abd") && is_told("a") && is_told("ac") && is_told("b"));
	assert_false(is_told("c") || is_told(""));
	begin((struct line_sink_options){.on_line = on_line, .only = numbers});
	assert_true(is_told("7") && is_told("12.3.4 x") && is_told("12.3"));
	assert_false(is_told("x1"));
	begin((struct line_sink_options){.on_line = on_line});
	assert_true(is_told("anything") && is_told(""));
}

static void copies_the_beginnings(void **state)
{
	char text[] = "ab";
	const char *list[] = {text, NULL};
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .only = list});
	text[0] = 'x';
	list[0] = "y";
	assert_true(is_told("abc"));
	assert_false(is_told("xb") || is_told("y"));
}

static void leaves_out_what_is_drawn_over_a_line(void **state)
{
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .on_lines = on_lines, .after_newline = 1});
	assert_int_equal(take("a", 0) + take("b", 1) + take("c", 0) + line_sink_flush(&sink), 0);
	assert_told("(a\n)<a>(b\nc\n)<c>");
	begin((struct line_sink_options){.on_line = on_line});
	assert_int_equal(take("b", 1), 0);
	assert_told("<b>");
}

static void bundles_keep_the_order(void **state)
{
	static const char *const list[] = {"S", NULL};
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .on_lines = on_lines, .only = list});
	assert_int_equal(take("a", 0) + take("", 0) + take("S", 0) + take("b", 0), 0);
	assert_told("(a\n\nS\n)<S>");
	assert_int_equal(line_sink_flush(&sink) + line_sink_flush(&sink), 0);
	assert_told("(a\n\nS\n)<S>(b\n)");
}

static void hands_over_a_full_bundle(void **state)
{
	static char line[OUTPUT_LINE_MAX];
	size_t taken = 0;
	(void)state;
	memset(line, 'x', sizeof line);
	begin((struct line_sink_options){.on_lines = on_lines});
	while (reported[0] == '\0') {
		assert_int_equal(line_sink_take(&sink, line, sizeof line, 0), 0);
		taken += sizeof line + 1;
		assert_true(taken <= OUTPUT_LINES_MAX);
	}
	assert_int_equal(sink.bundle.len, 0);
}

static void remembers_the_answers(void **state)
{
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .on_lines = on_lines});
	line_answer = LINES_QUIET;
	lines_answer = LINES_WAIT;
	assert_int_equal(take("a", 0), 0);
	assert_true(sink.quiet && sink.slow);
	line_answer = LINES_GO_ON;
	assert_int_equal(take("b", 0), 0);
	assert_false(sink.quiet);
}

static void a_stop_ends_it(void **state)
{
	(void)state;
	begin((struct line_sink_options){.on_line = on_line, .on_lines = on_lines});
	line_answer = LINES_STOP;
	assert_int_equal(take("a", 0), 1);
	lines_answer = LINES_STOP;
	reported[0] = '\0';
	assert_int_equal(take("b", 0), 1);
	assert_told("(b\n)");
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(uses_nobody_without_receivers),
		TEST(knows_every_beginning),
		TEST(takes_lists_of_any_kind),
		TEST(copies_the_beginnings),
		TEST(leaves_out_what_is_drawn_over_a_line),
		TEST(bundles_keep_the_order),
		TEST(hands_over_a_full_bundle),
		TEST(remembers_the_answers),
		TEST(a_stop_ends_it),
	};
	return cmocka_run_group_tests_name("line_sink", tests, NULL, NULL);
}
