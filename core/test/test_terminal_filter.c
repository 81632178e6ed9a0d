#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "text/terminal_filter.h"

#define FFFD "\xef\xbf\xbd"

static struct buf out;

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 100000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

struct example {
	const char *in, *want;
	size_t len; /* 0: up to the NUL */
};

static void feed(struct terminal_filter *filter, const char *in, size_t len)
{
	assert_int_equal(terminal_filter_feed(filter, in, len, &out), 0);
}

/* Cut at A and at B. */
static void assert_cleaned(const char *in, size_t len, size_t a, size_t b, const char *want)
{
	struct terminal_filter filter;
	terminal_filter_init(&filter);
	buf_clear(&out);
	feed(&filter, in, a);
	feed(&filter, in + a, b - a);
	feed(&filter, in + b, len - b);
	assert_int_equal(terminal_filter_finish(&filter, &out), 0);
	assert_string_equal(out.data ? out.data : "", want);
}

/* Whole, and cut at every two places. */
static void assert_examples(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = examples[i].len ? examples[i].len : strlen(examples[i].in);
		assert_cleaned(examples[i].in, len, len, len, examples[i].want);
		for (size_t a = 0; a <= len; a++)
			for (size_t b = a; b <= len; b++)
				assert_cleaned(examples[i].in, len, a, b, examples[i].want);
	}
}

static void leaves_text_alone(void **state)
{
	static const struct example examples[] = {
		{"", "", 0},
		{"one line\n\ta second one, ~ and all\n", "one line\n\ta second one, ~ and all\n", 0},
		{"Z\xc3\xbcrich \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x9a\x80 \xf4\x8f\xbf\xbf",
	         "Z\xc3\xbcrich \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x9a\x80 \xf4\x8f\xbf\xbf", 0},
		{"\xe2\x94\x81\xe2\x95\xb8 \xc2\xa0", "\xe2\x94\x81\xe2\x95\xb8 \xc2\xa0", 0},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void removes_escape_sequences(void **state)
{
	static const struct example examples[] = {
		{"\x1b[1;31mred\x1b[0m", "red", 0},
		{"\x1b[2K\x1b[1A\x1b[?25lx\x1b[38:2:1:2:3m\x1b[1 q", "x", 0},
		{"a\x1b]0;title\x07"
	         "b\x1b]8;;http://x\x1b\\link",
	         "ablink", 0},
		{"a\x1bPq#0;2\x1b\\b\x1b_apc\x1b\\c\x1b^pm\x1b\\d\x1bXsos\x1b\\e", "abcde", 0},
		{"a\x1b(Bb\x1b#8c\x1b"
	         "7d\x1b=e\x1b"
	         "cf",
	         "abcdef", 0},
		{"\x1b\x1b[mx", "x", 0},
		{"\x1b]title\x1b[31mx", "x", 0},     /* a sequence in a string ends it */
		{"\x1b]t\xc3\xa4st\x07x", "x", 0},   /* a string holds any character */
		{"\x1b[3\x18x\x1b]a\x1ay", "xy", 0}, /* CAN and SUB */
		{"\x1b[3\x08"
	         "1mx",
	         "x", 0},                             /* a control within */
		{"\x1b[31\xc3\xa4x", "\xc3\xa4x", 0}, /* not part of it */
		{"\x1b\xc3\xa4", "\xc3\xa4", 0},
		{"x\x1b[31", "x", 0},
		{"x\x1b", "x", 0},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void ends_an_unfinished_sequence_at_a_newline(void **state)
{
	static const struct example examples[] = {
		{"\x1b[31\nx", "\nx", 0},      {"\x1b]title\nx", "\nx", 0},     {"\x1b\nx", "\nx", 0},
		{"\x1b[31\rx", "\n\rx", 0},    {"\x1b]title\rx", "\n\rx", 0},   {"\x1b\rx", "\n\rx", 0},
		{"\x1b]title\r\nx", "\nx", 0}, {"\x1b]title\x1b\nx", "\nx", 0}, {"\x1b(\nx", "\nx", 0},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void ends_an_unfinished_sequence_after_its_maximum(void **state)
{
	static char in[TERMINAL_SEQUENCE_MAX + 4];
	(void)state;
	memset(in, 'a', sizeof in - 1);
	memcpy(in, "\x1b]", 2);
	memcpy(in + TERMINAL_SEQUENCE_MAX, "xyz", 3);
	assert_cleaned(in, sizeof in - 1, 100, 4095, "xyz");
	assert_cleaned(in, sizeof in - 1, 4096, 4097, "xyz");
	memset(in + 2, '1', sizeof in - 6);
	in[1] = '[';
	assert_cleaned(in, sizeof in - 1, 1, 2, "xyz");
}

static void removes_control_characters(void **state)
{
	static const struct example examples[] = {
		{"a\0b\x01\x07\x08\x0b\x0c\x0e\x1f"
	         "c\x7f"
	         "d\te",
	         "abcd\te", 15},
		{"a\xc2\x80"
	         "b\xc2\x9b"
	         "31m\xc2\x9f",
	         "ab31m", 0},
		{"\x80\x9b", FFFD FFFD, 0},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void removes_changes_of_direction(void **state)
{
	static const struct example examples[] = {
		{"a\xe2\x80\xaa\xe2\x80\xae"
	         "b\xe2\x81\xa6\xe2\x81\xa9"
	         "c\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"
	         "d",
	         "abcd", 0},
		{"\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9d",
	         "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9d", 0},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void replaces_what_is_not_utf8(void **state)
{
	static const struct example examples[] = {
		{"a\xff"
	         "b\xc0\xaf\xf5",
	         "a" FFFD "b" FFFD FFFD FFFD, 0},
		{"\xe2\x82", FFFD, 0}, /* cut off at the end */
		{"\xe2\x82x\xf0\x9f\x9a\ny", FFFD "x" FFFD "\ny", 0},
		{"\xe2\x82\xe2\x82\xac", FFFD "\xe2\x82\xac", 0},
		{"\xe0\x80\x80", FFFD FFFD FFFD, 0},          /* overlong */
		{"\xed\xa0\x80", FFFD FFFD FFFD, 0},          /* a surrogate */
		{"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD, 0}, /* above U+10FFFF */
		{"\xc3\x1b[mx", FFFD "x", 0},
		{"\xc3\rx", FFFD "\n\rx", 0},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void makes_newlines_of_returns(void **state)
{
	static const struct example examples[] = {
		{"a\r\nb\rc\n\rd\r\r\ne\r", "a\nb\n\rc\n\n\rd\n\r\ne\n", 0},
		{"\r\x1b[K\n", "\n\r\n", 0},
		{"a\r\xc3\xa4\r\0\nb", "a\n\r\xc3\xa4\n\r\nb", 8},
	};
	(void)state;
	assert_examples(examples, ARRAY_LEN(examples));
}

static void shows_a_return_at_once(void **state)
{
	struct terminal_filter filter;
	(void)state;
	terminal_filter_init(&filter);
	feed(&filter, "50%\r", 4);
	assert_string_equal(out.data, "50%\n");
	feed(&filter, "\n", 1);
	assert_string_equal(out.data, "50%\n");
	feed(&filter, "\n", 1);
	assert_string_equal(out.data, "50%\n\n");
}

static void begins_anew_after_the_end(void **state)
{
	struct terminal_filter filter;
	(void)state;
	terminal_filter_init(&filter);
	feed(&filter, "a\x1b[3", 4);
	assert_int_equal(terminal_filter_finish(&filter, &out), 0);
	feed(&filter, "b\r", 2);
	assert_int_equal(terminal_filter_finish(&filter, &out), 0);
	feed(&filter, "\n", 1);
	assert_string_equal(out.data, "ab\n\n");
}

/* The fast path looks at a block of 128 bytes at a time: every byte at every place of two. */
static void finds_every_byte_at_every_place(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++)
		for (size_t at = 0; at < 260; at++) {
			char in[261], want[270], one[2] = {(char)byte, '\0'};
			int plain = (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t';
			const char *shown = plain ? one : byte == '\r' ? (at < 259 ? "\n\r" : "\n") : byte >= 0x80 ? FFFD : "";
			if (byte == 0x1b)
				continue;
			memset(in, 'a', 260);
			in[at] = (char)byte;
			in[260] = '\0';
			snprintf(want, sizeof want, "%.*s%s%s", (int)at, in, shown, in + at + 1);
			assert_cleaned(in, 260, 260, 260, want);
		}
}

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 16;
}

/* Runs of plain text, of NULs and of anything, up to LEN bytes. */
static void make_text(unsigned char *text, size_t len, uint32_t *random)
{
	static const unsigned char others[] = "\0\0\r\n\t\x1b[m\x7f\x07\xc3\xa4\xe2\x80\xae\xff";
	for (size_t at = 0; at < len;) {
		size_t run = next_random(random) % 300, kind = next_random(random) % 4;
		for (; run > 0 && at < len; run--)
			if (kind == 0)
				text[at++] = '\0';
			else if (kind == 1 && run < 20)
				text[at++] = others[next_random(random) % (sizeof others - 1)];
			else
				text[at++] = run % 60 ? (unsigned char)('a' + run % 26) : '\n';
	}
}

/* As the output of a child is: what shows as it is not at all copied. */
static void feed_most_as_it_is(struct terminal_filter *filter, const char *in, size_t len, struct buf *shown)
{
	size_t plain = terminal_filter_take_plain(filter, in, len);
	assert_true(plain <= len);
	assert_int_equal(buf_append(shown, in, plain), 0);
	assert_int_equal(terminal_filter_feed(filter, in + plain, len - plain, shown), 0);
}

/* Byte by byte there is no fast path. */
static void is_the_same_in_blocks_as_byte_by_byte(void **state)
{
	uint32_t random = 7;
	struct buf cut;
	(void)state;
	buf_init(&cut, 100000);
	for (int round = 0; round < 2000; round++) {
		unsigned char text[1500];
		struct terminal_filter bytewise, filter;
		terminal_filter_init(&bytewise);
		terminal_filter_init(&filter);
		buf_clear(&out);
		buf_clear(&cut);
		make_text(text, sizeof text, &random);
		for (size_t at = 0; at < sizeof text; at++)
			feed(&bytewise, (char *)text + at, 1);
		for (size_t at = 0, size; at < sizeof text; at += size) {
			size = next_random(&random) % 700 + 1;
			size = size < sizeof text - at ? size : sizeof text - at;
			feed_most_as_it_is(&filter, (char *)text + at, size, &cut);
		}
		assert_int_equal(terminal_filter_finish(&bytewise, &out) | terminal_filter_finish(&filter, &cut), 0);
		assert_int_equal(cut.len, out.len);
		assert_memory_equal(cut.data, out.data, out.len);
	}
	buf_free(&cut);
}

static void takes_nothing_as_it_is_within_something(void **state)
{
	struct terminal_filter filter;
	(void)state;
	terminal_filter_init(&filter);
	assert_int_equal(terminal_filter_take_plain(&filter, "ab\xc3\xa4", 4), 2);
	feed(&filter, "\x1b[3", 3);
	assert_int_equal(terminal_filter_take_plain(&filter, "1mx", 3), 0);
	feed(&filter, "1m\xc3", 3);
	assert_int_equal(terminal_filter_take_plain(&filter, "x", 1), 0);
	feed(&filter, "x\r", 2);
	assert_int_equal(terminal_filter_take_plain(&filter, "\nx", 2), 0);
	assert_int_equal(terminal_filter_take_plain(&filter, "x", 1), 0);
	feed(&filter, "\n", 1);
	assert_int_equal(terminal_filter_take_plain(&filter, "x\n", 2), 2);
	assert_int_equal(terminal_filter_take_plain(&filter, "\n", 1), 1);
	assert_int_equal(terminal_filter_take_plain(&filter, "", 0), 0);
	assert_string_equal(out.data, FFFD "x\n");
}

static void reports_a_full_buffer(void **state)
{
	struct terminal_filter filter;
	struct buf small;
	(void)state;
	terminal_filter_init(&filter);
	buf_init(&small, 3);
	assert_int_equal(terminal_filter_feed(&filter, "12345", 5, &small), -1);
	assert_int_equal(terminal_filter_feed(&filter, "\xff\xff", 2, &small), -1);
	buf_free(&small);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(leaves_text_alone),
		TEST(removes_escape_sequences),
		TEST(ends_an_unfinished_sequence_at_a_newline),
		TEST(ends_an_unfinished_sequence_after_its_maximum),
		TEST(removes_control_characters),
		TEST(removes_changes_of_direction),
		TEST(replaces_what_is_not_utf8),
		TEST(makes_newlines_of_returns),
		TEST(shows_a_return_at_once),
		TEST(begins_anew_after_the_end),
		TEST(finds_every_byte_at_every_place),
		TEST(is_the_same_in_blocks_as_byte_by_byte),
		TEST(takes_nothing_as_it_is_within_something),
		TEST(reports_a_full_buffer),
	};
	return cmocka_run_group_tests_name("terminal_filter", tests, NULL, NULL);
}
