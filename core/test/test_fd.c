#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

#define MANY (1U << 20)

static void a_pipe_is_close_on_exec(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(ends[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void close_forgets_the_number_and_keeps_errno(void **state)
{
	int ends[2], number;
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	number = ends[0];
	errno = ENOSPC;
	fd_close(&ends[0]);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(ends[0], -1);
	assert_int_equal(fcntl(number, F_GETFD), -1);
	errno = ENOSPC;
	fd_close(&ends[0]);
	assert_int_equal(errno, ENOSPC);
	fd_close(&ends[1]);
}

static void cloexec_can_be_taken_off(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_set_cloexec(ends[0], 0), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD) & FD_CLOEXEC, 0);
	assert_int_equal(fd_set_cloexec(ends[0], 1), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void a_non_blocking_read_says_eagain(void **state)
{
	int ends[2];
	char byte;
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_set_nonblocking(ends[0]), 0);
	assert_int_equal(fd_read(ends[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	fd_close(&ends[1]);
	assert_int_equal(fd_read(ends[0], &byte, 1), 0);
	fd_close(&ends[0]);
}

static void flags_of_a_closed_descriptor_fail(void **state)
{
	(void)state;
	assert_int_equal(fd_set_nonblocking(-1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fd_set_cloexec(-1, 1), -1);
	assert_int_equal(errno, EBADF);
}

/* Reads FD to its end; exits 0 when it was MANY bytes that count up. */
static void check_bytes(int fd)
{
	unsigned char chunk[4096];
	size_t seen = 0;
	ssize_t got;
	while ((got = fd_read(fd, chunk, sizeof chunk)) > 0)
		for (ssize_t i = 0; i < got; i++)
			if (chunk[i] != (unsigned char)(seen++ * 7))
				_exit(1);
	_exit(got == 0 && seen == MANY ? 0 : 2);
}

static void write_all_writes_more_than_a_full_non_blocking_pipe_takes(void **state)
{
	unsigned char *bytes = malloc(MANY);
	int ends[2], status;
	pid_t pid;
	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < MANY; i++)
		bytes[i] = (unsigned char)(i * 7);
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_set_nonblocking(ends[1]), 0);
	pid = fork();
	if (pid == 0) {
		fd_close(&ends[1]);
		check_bytes(ends[0]);
	}
	fd_close(&ends[0]);
	assert_int_equal(fd_write_all(ends[1], bytes, MANY), 0);
	fd_close(&ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(bytes);
}

static void write_all_to_a_pipe_nobody_reads_fails(void **state)
{
	int ends[2];
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(fd_pipe(ends), 0);
	fd_close(&ends[0]);
	assert_int_equal(fd_write_all(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(fd_write_all(ends[1], "", 0), 0);
	fd_close(&ends[1]);
}

/* Checked as far as possible: without a descriptor for a copy, the write still counts. */
static void what_was_written_is_checked_only_where_it_can_be(void **state)
{
	struct rlimit old, none;
	int fd = open("/dev/null", O_WRONLY);
	(void)state;
	assert_int_equal(fd_check_written(fd), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(fd), -1);
	assert_int_equal(fd_check_written(fd), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_checked_only_where_it_can_be),
		cmocka_unit_test(a_pipe_is_close_on_exec),
		cmocka_unit_test(close_forgets_the_number_and_keeps_errno),
		cmocka_unit_test(cloexec_can_be_taken_off),
		cmocka_unit_test(a_non_blocking_read_says_eagain),
		cmocka_unit_test(flags_of_a_closed_descriptor_fail),
		cmocka_unit_test(write_all_writes_more_than_a_full_non_blocking_pipe_takes),
		cmocka_unit_test(write_all_to_a_pipe_nobody_reads_fails),
	};
	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
