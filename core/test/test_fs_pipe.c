#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
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
#include "file/fs.h"
#include "fixture.h"

static void assert_reads(const char *path, const char *text)
{
	struct buf got;
	buf_init(&got, 1 << 20);
	assert_int_equal(fs_read_pipe(path, 1 << 20, 60 * NS_PER_S, &got, &err), 0);
	assert_int_equal(got.len, strlen(text));
	assert_memory_equal(got.data ? got.data : "", text, got.len);
	buf_free(&got);
}

/* Write "one" and, later, "two" to what is at PATH, from another process. */
static pid_t write_slowly(const char *path)
{
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY);
		ssize_t put = write(fd, "one", 3);
		usleep(100000);
		put = put == 3 ? write(fd, "two", 3) : put;
		_exit(put == 3 ? 0 : 1);
	}
	return pid;
}

static void reads_a_pipe_to_its_end(void **state)
{
	pid_t pid;
	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	pid = write_slowly("fifo");
	assert_reads("fifo", "onetwo");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void reads_a_pipe_whose_writer_has_gone(void **state)
{
	char path[32];
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "all", 3), 3);
	close(ends[1]);
	snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
	assert_reads(path, "all");
	close(ends[0]);
}

static void reads_a_file_as_ever(void **state)
{
	(void)state;
	assert_int_equal(fs_write_atomic("file", "text", 4, 0600, &err), 0);
	assert_reads("file", "text");
	assert_int_equal(fs_write_atomic("empty", "", 0, 0600, &err), 0);
	assert_reads("empty", "");
}

static void waits_for_no_pipe_without_end(void **state)
{
	struct buf got;
	int ends;
	(void)state;
	buf_init(&got, 100);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	/* No process writes. */
	assert_failed(fs_read_pipe("fifo", 100, 50 * NS_PER_MS, &got, &err), "invalid");
	/* A writer does not end. */
	ends = open("fifo", O_RDWR);
	assert_true(ends >= 0);
	assert_int_equal(write(ends, "x", 1), 1);
	assert_failed(fs_read_pipe("fifo", 100, 50 * NS_PER_MS, &got, &err), "timeout");
	assert_int_equal(got.len, 0);
	/* A writer writes too much. */
	assert_int_equal(write(ends, "too much", 8), 8);
	assert_failed(fs_read_pipe("fifo", 4, 60 * NS_PER_S, &got, &err), "too_large");
	close(ends);
	buf_free(&got);
}

static void refuses_pipes_where_they_are_not_meant_and_devices_always(void **state)
{
	struct buf got;
	(void)state;
	buf_init(&got, 100);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_failed(fs_read("fifo", 100, &got, &err), "invalid");
	assert_failed(fs_read_pipe("/dev/zero", 4, NS_PER_S, &got, &err), "invalid");
	buf_free(&got);
}

static void tells_what_a_path_leads_to(void **state)
{
	const char *type;
	(void)state;
	assert_int_equal(mkfifo("fifo", 0600) | symlink("fifo", "link") | mkdir("dir", 0700), 0);
	assert_int_equal(fs_type("link", &type, &err), 0);
	assert_string_equal(type, "fifo");
	assert_int_equal(fs_type("dir", &type, &err), 0);
	assert_string_equal(type, "directory");
	assert_int_equal(fs_type("/dev/null", &type, &err), 0);
	assert_string_equal(type, "device");
	assert_failed(fs_type("none", &type, &err), "ENOENT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(reads_a_pipe_to_its_end),
		FIXTURE_TEST(reads_a_pipe_whose_writer_has_gone),
		FIXTURE_TEST(reads_a_file_as_ever),
		FIXTURE_TEST(waits_for_no_pipe_without_end),
		FIXTURE_TEST(refuses_pipes_where_they_are_not_meant_and_devices_always),
		FIXTURE_TEST(tells_what_a_path_leads_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
