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
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fd_now.h"
#include "fixture.h"

static char text[1 << 20];

/* Another program may fill the pipe between poll() and the write, and a terminal has room for less than is written. */
static void check_comes_back(int reading, int writing)
{
	int64_t begun = clock_monotonic_ns();
	ssize_t put;
	size_t all = 0;
	fd_now_prepare();
	while ((put = fd_write_now(writing, text, sizeof text)) > 0)
		all += (size_t)put;
	assert_int_equal(put, 0);
	assert_true(all > 0 && all < 64 * sizeof text);
	assert_true(clock_monotonic_ns() - begun < 60 * NS_PER_S);
	assert_int_equal(fcntl(writing, F_GETFL) & O_NONBLOCK, 0);
	fd_close(&reading);
	fd_close(&writing);
}

static void a_full_pipe_holds_nothing_up(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	check_comes_back(ends[0], ends[1]);
}

static void a_full_socket_holds_nothing_up(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	check_comes_back(ends[0], ends[1]);
}

static void a_full_terminal_holds_nothing_up(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	check_comes_back(master, open(ptsname(master), O_RDWR | O_NOCTTY));
}

#ifdef __linux__

static int other, handled;
static void (*before_write)(void);

/* In place of the system's, so that something can happen between poll() and the write. */
ssize_t write(int fd, const void *data, size_t len)
{
	void (*before)(void) = before_write;
	before_write = NULL;
	if (before)
		before();
	return syscall(SYS_write, fd, data, len);
}

static void write_elsewhere(int signo)
{
	(void)signo;
	handled = fd_write_now(other, "x", 1) == 1;
}

static int pipe_ends[2];

static void fill_and_interrupt(void)
{
	char path[32];
	int fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", pipe_ends[1]);
	fd = open(path, O_WRONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	while (write(fd, text, sizeof text) > 0)
		;
	fd_close(&fd);
	raise(SIGALRM);
}

/* As when the terminal is restored: the inner write must not touch the timer of the outer one. */
static void a_write_in_a_signal_handler_leaves_the_one_under_way_alone(void **state)
{
	struct sigaction action = {.sa_handler = write_elsewhere};
	(void)state;
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	other = open("other", O_WRONLY | O_CREAT, 0600);
	assert_true(other >= 0);
	assert_int_equal(fd_pipe(pipe_ends), 0);
	fd_now_prepare();
	before_write = fill_and_interrupt;
	assert_int_equal(fd_write_now(pipe_ends[1], text, sizeof text), 0);
	assert_true(handled);
	fd_close(&other);
	fd_close(&pipe_ends[0]);
	fd_close(&pipe_ends[1]);
}

#endif

static void a_reader_that_has_gone_is_an_error(void **state)
{
	int ends[2];
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(fd_pipe(ends), 0);
	fd_close(&ends[0]);
	assert_int_equal(fd_write_now(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	fd_close(&ends[1]);
}

static void a_file_takes_all(void **state)
{
	int fd = open("file", O_WRONLY | O_CREAT, 0600);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_now(fd, text, sizeof text), sizeof text);
	fd_close(&fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_full_pipe_holds_nothing_up),
		FIXTURE_TEST(a_full_socket_holds_nothing_up),
		FIXTURE_TEST(a_full_terminal_holds_nothing_up),
#ifdef __linux__
		FIXTURE_TEST(a_write_in_a_signal_handler_leaves_the_one_under_way_alone),
#endif
		FIXTURE_TEST(a_reader_that_has_gone_is_an_error),
		FIXTURE_TEST(a_file_takes_all),
	};
	return cmocka_run_group_tests_name("fd_now", tests, NULL, NULL);
}
