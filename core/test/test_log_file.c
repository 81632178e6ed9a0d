#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/log_file.h"
#include "fixture.h"

#define MAX     4096
#define LARGEST (6 * MAX)

static char data[LARGEST];

/* Numbered lines, so that every place is known by its text. */
static void fill(void)
{
	for (size_t at = 0, line = 0; at < sizeof data; at += 10, line++) {
		char text[11];
		snprintf(text, sizeof text, "%09zu\n", line % 1000000000);
		memcpy(data + at, text, sizeof data - at < 10 ? sizeof data - at : 10);
	}
}

/* Write LEN bytes in pieces of STEP; what the log holds then goes to TEXT. */
static size_t log_of(size_t len, size_t step, char text[LARGEST + 1])
{
	struct log_file log;
	struct buf got;
	size_t size;
	assert_int_equal(log_file_open(&log, "log", MAX, 0, &err), 0);
	for (size_t at = 0; at < len; at += step)
		assert_int_equal(log_file_write(&log, data + at, len - at < step ? len - at : step), 0);
	assert_int_equal(log_file_close(&log), 0);
	assert_int_equal(log.fd, -1);
	buf_init(&got, LARGEST);
	assert_int_equal(fs_read("log", LARGEST, &got, &err), 0);
	size = got.len;
	memcpy(text, got.data ? got.data : "", size);
	text[size] = '\0';
	buf_free(&got);
	return size;
}

static void assert_ends(const char *text, size_t size, size_t len, size_t step)
{
	static const char before[] = "\n[molbuild: ";
	char *note = strstr(text, before), *after;
	uint64_t missing;
	size_t head, tail;
	assert_true(size <= MAX);
	assert_non_null(note);
	head = (size_t)(note - text);
	missing = strtoumax(note + strlen(before), &after, 10);
	assert_memory_equal(after, " bytes are omitted here]", 24);
	after = strchr(note + 1, '\n') + 1;
	tail = size - (size_t)(after - text);
	assert_int_equal(head + tail + missing, len);
	assert_memory_equal(text, data, head);
	assert_memory_equal(after, data + len - tail, tail);
	/* Nearly half of it is the beginning, whole lines where it can be; a fifth at least is the end. */
	assert_true(head >= MAX / 2 - 10 && (step < MAX || data[head - 1] == '\n'));
	assert_true(tail >= MAX / 5);
}

static void keeps_all_of_a_log_within_its_bound(void **state)
{
	static char text[LARGEST + 1];
	(void)state;
	fill();
	for (size_t len = 0; len <= MAX - 200; len += 61) {
		assert_int_equal(log_of(len, 100 + len % 300, text), len);
		assert_memory_equal(text, data, len);
	}
}

static void keeps_the_beginning_and_the_end_of_a_larger_one(void **state)
{
	static char text[LARGEST + 1];
	static const size_t steps[] = {1, 10, 333, 1024, 5000, LARGEST};
	(void)state;
	fill();
	for (size_t len = MAX + 1; len <= LARGEST; len += 97)
		assert_ends(text, log_of(len, steps[len % 6], text), len, steps[len % 6]);
}

static void cuts_no_character(void **state)
{
	static char text[LARGEST + 1];
	char *note, *after;
	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(data, 'a', sizeof data);
		for (size_t at = shift; at + 3 <= sizeof data; at += 3)
			memcpy(data + at, "\xe2\x82\xac", 3);
		log_of(sizeof data - 200, 777, text);
		note = strstr(text, "\n[molbuild: ");
		assert_non_null(note);
		assert_memory_equal(note - 3, "\xe2\x82\xac", 3);
		after = strchr(note + 1, '\n') + 1;
		after += strspn(after, "?");
		assert_memory_equal(after, "\xe2\x82\xac", 3);
	}
}

static void empties_what_was_there_and_is_private(void **state)
{
	static char text[LARGEST + 1];
	struct stat st;
	(void)state;
	fill();
	log_of(LARGEST, 500, text);
	assert_int_equal(log_of(3, 3, text), 3);
	assert_int_equal(stat("log", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void says_that_the_disk_is_full(void **state)
{
	const struct rlimit before = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit small = {1000, RLIM_INFINITY};
	struct log_file log;
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(log_file_open(&log, "log", MAX, 0, &err), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(log_file_write(&log, data, 2000), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(log_file_close(&log), 0);
	assert_int_equal(log.fd, -1);
}

static void opens_nothing_but_a_regular_file_and_does_not_wait(void **state)
{
	struct log_file log;
	(void)state;
	assert_int_equal(mkfifo("fifo", 0600) | mkdir("dir", 0700) | symlink("there", "link"), 0);
	assert_int_equal(open("there", O_WRONLY | O_CREAT, 0600) < 0, 0);
	assert_failed(log_file_open(&log, "fifo", MAX, 0, &err), "invalid");
	assert_non_null(strstr(err.message, "not a regular file"));
	assert_failed(log_file_open(&log, "dir", MAX, 0, &err), "EISDIR");
	assert_failed(log_file_open(&log, "link", MAX, 0, &err), "ELOOP");
	assert_failed(log_file_open(&log, "/dev/null", MAX, 0, &err), "invalid");
	assert_int_equal(log_file_close(&log), 0);
}

/* The first output stays as it is, and the second one is bounded by itself. */
static void appends_with_a_bound_of_its_own(void **state)
{
	static char alone[LARGEST + 1], both[LARGEST + 1], file[2 * LARGEST + 1];
	size_t alone_size = log_of(3 * MAX, 1000, alone), first = log_of(500, 100, both), size;
	struct log_file log;
	struct buf got;
	(void)state;
	assert_int_equal(log_file_open(&log, "log", MAX, 1, &err), 0);
	for (size_t at = 0; at < 3 * MAX; at += 1000)
		assert_int_equal(log_file_write(&log, data + at, 3 * MAX - at < 1000 ? 3 * MAX - at : 1000), 0);
	assert_int_equal(log_file_close(&log), 0);
	buf_init(&got, sizeof file);
	assert_int_equal(fs_read("log", sizeof file, &got, &err), 0);
	size = got.len;
	memcpy(file, got.data, size);
	buf_free(&got);
	assert_int_equal(size, first + alone_size);
	assert_memory_equal(file, both, first);
	assert_memory_equal(file + first, alone, alone_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(keeps_all_of_a_log_within_its_bound),
		FIXTURE_TEST(keeps_the_beginning_and_the_end_of_a_larger_one),
		FIXTURE_TEST(cuts_no_character),
		FIXTURE_TEST(empties_what_was_there_and_is_private),
		FIXTURE_TEST(appends_with_a_bound_of_its_own),
		FIXTURE_TEST(says_that_the_disk_is_full),
		FIXTURE_TEST(opens_nothing_but_a_regular_file_and_does_not_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
