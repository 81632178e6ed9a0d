#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "text/width.h"

static void counts_columns(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
	} cases[] = {
		{"", 0},
		{"build 4/9", 9},
		{"Z\xc3\xbcrich", 6},                        /* precomposed */
		{"Zu\xcc\x88rich", 6},                       /* u and a combining diaeresis */
		{"\xe6\x97\xa5\xe6\x9c\xac", 4},             /* two ideographs */
		{"\xef\xbc\xa1", 2},                         /* full-width A */
		{"\xed\x95\x9c", 2},                         /* a Hangul syllable */
		{"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2}, /* the same from three jamo */
		{"\xf0\x9f\x9a\x80", 2},                     /* rocket */
		{"\xf0\x9f\xab\xa8", 2},                     /* shaking face, new in Unicode 15 */
		{"\xe2\x9c\x93", 1},                         /* check mark */
		{"\xe2\x9d\xa4\xef\xb8\x8f", 1},             /* heart and a variation selector */
		{"a\xe2\x80\x8b"
	         "b",
	         2},                 /* zero width space */
		{"a\tb\x1b\x7f", 2}, /* controls */
		{"\xc2\x85", 0},     /* a C1 control */
		{"\xe2\x80\xa6", 1}, /* ellipsis */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(width_columns(cases[i].text, strlen(cases[i].text)), cases[i].columns);
}

static void counts_bad_bytes_as_one_column_each(void **state)
{
	(void)state;
	assert_int_equal(width_columns("\xff\xfe", 2), 2);
	assert_int_equal(width_columns("\xe6\x97", 2), 2);         /* cut off */
	assert_int_equal(width_columns("\xc0\xaf", 2), 2);         /* overlong */
	assert_int_equal(width_columns("\xe0\x80\xaf", 3), 3);     /* overlong */
	assert_int_equal(width_columns("\xed\xa0\x80", 3), 3);     /* a surrogate */
	assert_int_equal(width_columns("\xf4\x90\x80\x80", 4), 4); /* beyond U+10FFFF */
	assert_int_equal(width_columns("a\0b", 3), 2);
}

static void decodes_the_limits_of_every_length(void **state)
{
	static const struct {
		const char *text;
		uint32_t code_point;
	} cases[] = {
		{"\x7f", 0x7f},
		{"\xc2\x80", 0x80},
		{"\xdf\xbf", 0x7ff},
		{"\xe0\xa0\x80", 0x800},
		{"\xef\xbf\xbf", 0xffff},
		{"\xed\x9f\xbf", 0xd7ff},
		{"\xee\x80\x80", 0xe000},
		{"\xf0\x90\x80\x80", 0x10000},
		{"\xf4\x8f\xbf\xbf", 0x10ffff},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t code_point;
		assert_int_equal(width_decode(cases[i].text, strlen(cases[i].text), &code_point), strlen(cases[i].text));
		assert_int_equal(code_point, cases[i].code_point);
	}
}

static void cuts_between_characters(void **state)
{
	const char *text = "a\xe6\x97\xa5\xe6\x9c\xac"
			   "b";
	(void)state;
	assert_int_equal(width_cut(text, 8, 0), 0);
	assert_int_equal(width_cut(text, 8, 1), 1);
	assert_int_equal(width_cut(text, 8, 2), 1);
	assert_int_equal(width_cut(text, 8, 3), 4);
	assert_int_equal(width_cut(text, 8, 4), 4);
	assert_int_equal(width_cut(text, 8, 5), 7);
	assert_int_equal(width_cut(text, 8, 6), 8);
	assert_int_equal(width_cut(text, 8, 1000), 8);
}

static void keeps_the_marks_of_the_last_character(void **state)
{
	(void)state;
	assert_int_equal(width_cut("e\xcc\x81x", 4, 1), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_columns),
		cmocka_unit_test(counts_bad_bytes_as_one_column_each),
		cmocka_unit_test(decodes_the_limits_of_every_length),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(keeps_the_marks_of_the_last_character),
	};
	return cmocka_run_group_tests_name("width", tests, NULL, NULL);
}
