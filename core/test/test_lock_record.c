#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "lock/lock.h"

static void assert_record(const char *text, int expected)
{
	struct lock_holder who = {.pid = 77};
	assert_int_equal(lock_parse_record(text, strlen(text), &who), expected);
	if (expected < 0)
		assert_int_equal(who.pid, 0);
}

static void parses_whole_records_only(void **state)
{
	struct lock_holder who;
	const char *good = "pid=12 host=h.example start=1699999999 purpose=build hermes\nrest";
	(void)state;
	assert_int_equal(lock_parse_record(good, strlen(good), &who), 0);
	assert_int_equal(who.pid, 12);
	assert_string_equal(who.host, "h.example");
	assert_int_equal(who.start, 1699999999);
	assert_string_equal(who.purpose, "build hermes");
	assert_record("", -1);
	assert_record("\n", -1);
	assert_record("pid=12 host=h start=1 purpose=x", -1);
	assert_record("pid=12 host=h start=1 purpose=\n", 0);
	assert_record("pid=0 host=h start=1 purpose=x\n", -1);
	assert_record("pid=-1 host=h start=1 purpose=x\n", -1);
	assert_record("pid= host=h start=1 purpose=x\n", -1);
	assert_record("pid=2147483647 host=h start=1 purpose=x\n", 0);
	assert_record("pid=2147483648 host=h start=1 purpose=x\n", -1);
	assert_record("pid=99999999999999999999999999 host=h start=1 purpose=x\n", -1);
	assert_record("pid=1 host=h start=99999999999999999999999999 purpose=x\n", -1);
	assert_record("pid=1 host=h start=x purpose=x\n", -1);
	assert_record("pid=1 start=1 host=h purpose=x\n", -1);
	assert_record("pid=1 host=h\n", -1);
	assert_record("pid=1 host=h start=1\n", -1);
}

static void a_record_comes_out_clean(void **state)
{
	static const char text[] = "pid=1 host=\x1b[31m start=1 purpose=a\0b\xff\xc2\x9b\x7f \xc3\xbc\n";
	struct lock_holder who;
	(void)state;
	assert_int_equal(lock_parse_record(text, sizeof text - 1, &who), 0);
	assert_string_equal(who.host, "?[31m");
	assert_string_equal(who.purpose, "a?b??? \xc3\xbc");
}

static void formats_what_it_parses(void **state)
{
	struct lock_holder in = {.pid = 5, .start = 6, .host = "a b", .purpose = "x\ny"}, out;
	char record[LOCK_RECORD_MAX];
	size_t len = lock_format_record(&in, record);
	(void)state;
	assert_int_equal(len, strlen("pid=5 host=a?b start=6 purpose=x?y\n"));
	assert_memory_equal(record, "pid=5 host=a?b start=6 purpose=x?y\n", len);
	memset(in.host, 'h', sizeof in.host - 1);
	memset(in.purpose, 'p', sizeof in.purpose - 1);
	len = lock_format_record(&in, record);
	assert_int_equal(len, LOCK_RECORD_MAX);
	assert_int_equal(record[len - 1], '\n');
	assert_int_equal(lock_parse_record(record, len, &out), 0);
	assert_int_equal(strlen(out.host), 128);
	assert_int_equal(out.start, 6);
}

static void reads_no_holder_from_what_is_no_file(void **state)
{
	struct lock_holder who;
	(void)state;
	assert_int_equal(mkdir("d", 0700) | mkfifo("p", 0600) | symlink("l", "link"), 0);
	assert_int_equal(lock_read_holder("none", &who), -1);
	assert_int_equal(lock_read_holder("d", &who), -1);
	assert_int_equal(lock_read_holder("p", &who), -1);
	assert_int_equal(lock_read_holder("link", &who), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(parses_whole_records_only),
		FIXTURE_TEST(a_record_comes_out_clean),
		FIXTURE_TEST(formats_what_it_parses),
		FIXTURE_TEST(reads_no_holder_from_what_is_no_file),
	};
	return cmocka_run_group_tests_name("lock_record", tests, NULL, NULL);
}
