#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd_now.h"
#include "fixture.h"
#include "limit.h"
#include "loop/writer.h"
#include "loop_fixture.h"

#define LINE "a line of sixteen\n"

static struct writer writer;
static int reading, writing;

static char got[4 << 20];
static size_t got_len;

static void use_pipe(void)
{
	int ends[2];
	assert_int_equal(fd_pipe(ends), 0);
	reading = ends[0];
	writing = ends[1];
	got_len = 0;
	writer_init(&writer, loop, writing);
}

static void use_socket(void)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	reading = ends[0];
	writing = ends[1];
	got_len = 0;
	writer_init(&writer, loop, writing);
}

static void use_terminal(void)
{
	struct termios raw;
	reading = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(reading >= 0 && grantpt(reading) == 0 && unlockpt(reading) == 0);
	writing = open(ptsname(reading), O_RDWR | O_NOCTTY);
	assert_true(writing >= 0);
	assert_int_equal(tcgetattr(writing, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(writing, TCSANOW, &raw), 0);
	got_len = 0;
	writer_init(&writer, loop, writing);
}

static void let_go(void)
{
	writer_close(&writer);
	fd_close(&reading);
	fd_close(&writing);
}

/* Read what is there. */
static void read_some(void)
{
	struct pollfd there = {.fd = reading, .events = POLLIN};
	while (poll(&there, 1, 0) > 0 && got_len < sizeof got) {
		ssize_t len = read(reading, got + got_len, sizeof got - got_len);
		if (len <= 0)
			return;
		got_len += (size_t)len;
	}
}

/* Read until the queue is empty. */
static void read_all(void)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (writer_pending(&writer) > 0) {
		assert_true(clock_monotonic_ns() < deadline);
		read_some();
		assert_int_equal(loop_step(loop, NS_PER_MS, &err), 0);
	}
	read_some();
}

static int put(const char *text, int spare)
{
	return writer_put(&writer, text, strlen(text), spare);
}

/* Put lines until one is dropped; returns how many were accepted. As though there was no reader for long: else each test would
 * wait for a second. */
static size_t put_until_dropped(int spare)
{
	size_t count = 0;
	while (put(LINE, spare)) {
		count++;
		assert_true(count < 1000000);
		if (writer_pending(&writer) > WRITER_SLOW)
			writer.progress_ns -= 2 * NS_PER_S;
	}
	return count;
}

static void assert_got_lines(size_t count)
{
	assert_int_equal(got_len, count * strlen(LINE));
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(got + i * strlen(LINE), LINE, strlen(LINE));
}

static void writes_what_finds_room_at_once(void **state)
{
	(void)state;
	use_pipe();
	assert_int_equal(put("one\n", 0), 1);
	assert_int_equal(writer_pending(&writer), 0);
	read_some();
	assert_int_equal(got_len, 4);
	assert_memory_equal(got, "one\n", 4);
	let_go();
}

static void check_bounded_and_whole(void)
{
	size_t count = put_until_dropped(1);
	int flags = fcntl(writing, F_GETFL);
	assert_true(writer_pending(&writer) > WRITER_SPARE_MAX - 100);
	assert_true(writer_pending(&writer) <= WRITER_SPARE_MAX);
	assert_int_equal(writer.errnum, 0);
	assert_int_equal(flags & O_NONBLOCK, 0);
	read_all();
	assert_got_lines(count);
	let_go();
}

static void keeps_whole_lines_in_order_for_a_pipe_that_is_not_read(void **state)
{
	(void)state;
	use_pipe();
	check_bounded_and_whole();
}

static void keeps_them_for_a_socket(void **state)
{
	(void)state;
	use_socket();
	check_bounded_and_whole();
}

static void keeps_them_for_a_terminal(void **state)
{
	(void)state;
	use_terminal();
	check_bounded_and_whole();
}

static void has_room_for_what_cannot_be_spared(void **state)
{
	size_t count;
	(void)state;
	use_pipe();
	count = put_until_dropped(1);
	assert_int_equal(put("important\n", 0), 1);
	put_until_dropped(0);
	assert_true(writer_pending(&writer) <= WRITER_SPARE_MAX + WRITER_RESERVE);
	read_all();
	assert_memory_equal(got + count * strlen(LINE), "important\n", 10);
	let_go();
}

static void accepts_again_when_it_is_read_again(void **state)
{
	(void)state;
	use_pipe();
	put_until_dropped(1);
	read_all();
	assert_int_equal(put("more\n", 1), 1);
	read_some();
	assert_memory_equal(got + got_len - 5, "more\n", 5);
	let_go();
}

static void takes_a_long_text_whole(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len);
	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	use_pipe();
	assert_int_equal(writer_put(&writer, text, len, 0), 1);
	assert_true(writer_pending(&writer) > 0);
	read_all();
	assert_int_equal(got_len, len);
	assert_memory_equal(got, text, len);
	free(text);
	let_go();
}

static void drops_nothing_while_somebody_reads(void **state)
{
	size_t count = 0;
	(void)state;
	use_pipe();
	while (writer_pending(&writer) < WRITER_SPARE_MAX + 1000) {
		/* The reader has just read, however slow the machine is. */
		writer.progress_ns = clock_monotonic_ns();
		assert_int_equal(put(LINE, 1), 1);
		count++;
	}
	writer.progress_ns = clock_monotonic_ns();
	assert_true(writer_is_slow(&writer));
	read_all();
	assert_false(writer_is_slow(&writer));
	assert_got_lines(count);
	let_go();
}

static void is_not_slow_when_nobody_reads(void **state)
{
	(void)state;
	use_pipe();
	put_until_dropped(1);
	assert_false(writer_is_slow(&writer));
	let_go();
}

static void drops_in_one_piece(void **state)
{
	size_t count;
	(void)state;
	use_pipe();
	count = put_until_dropped(1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(put("x\n", 1), 0);
	read_all();
	assert_got_lines(count);
	let_go();
}

static void keeps_all_for_a_slow_reader(void **state)
{
	const size_t count = 60000;
	pid_t pid;
	int status;
	(void)state;
	use_pipe();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char bytes[4096];
		size_t all = 0;
		ssize_t len;
		fd_close(&writing);
		while ((len = fd_read(reading, bytes, sizeof bytes)) > 0) {
			all += (size_t)len;
			if (all % (1 << 20) < (size_t)len)
				poll(NULL, 0, 20);
		}
		_exit(all == count * strlen(LINE) ? 0 : 1);
	}
	for (size_t i = 0; i < count; i++)
		assert_int_equal(put(LINE, 1), 1);
	writer_flush(&writer, TEST_LIMIT_NS);
	assert_int_equal(writer_pending(&writer), 0);
	let_go();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void says_why_writing_failed(void **state)
{
	(void)state;
	use_pipe();
	fd_close(&reading);
	assert_int_equal(put("one\n", 0), 0);
	assert_int_equal(writer.errnum, EPIPE);
	let_go();
}

static void on_empty(void *ud, int errnum)
{
	(void)ud;
	note(errnum == 0 ? 'w' : errnum == EPIPE ? 'p' : '?');
}

static void calls_back_when_all_is_written(void **state)
{
	(void)state;
	use_pipe();
	put_until_dropped(0);
	writer_on_empty(&writer, on_empty, NULL);
	assert_string_equal(order, "");
	read_all();
	assert_string_equal(order, "w");
	let_go();
}

static void calls_back_when_the_reader_ends(void **state)
{
	(void)state;
	use_pipe();
	put_until_dropped(0);
	writer_on_empty(&writer, on_empty, NULL);
	fd_close(&reading);
	run_until_noted(1);
	assert_string_equal(order, "p");
	assert_int_equal(writer_pending(&writer), 0);
	let_go();
}

static void makes_a_pipe_larger_at_the_end(void **state)
{
	size_t count;
	(void)state;
	use_pipe();
	count = put_until_dropped(1);
	writer_flush(&writer, TEST_LIMIT_NS);
	assert_int_equal(writer_pending(&writer), 0);
	writer_close(&writer);
	fd_close(&writing);
	read_some();
	assert_got_lines(count);
	let_go();
}

static void gives_up_at_the_end_when_nobody_reads(void **state)
{
	(void)state;
	use_socket();
	put_until_dropped(1);
	writer_flush(&writer, NS_PER_S / 10);
	assert_true(writer_pending(&writer) > 0);
	let_go();
}

static void gives_up_at_the_end_when_a_signal_arrives(void **state)
{
	int64_t begun = clock_monotonic_ns();
	(void)state;
	use_socket();
	put_until_dropped(1);
	assert_int_equal(loop_catch_signal(loop, SIGUSR1, &err), 0);
	raise(SIGUSR1);
	writer_flush(&writer, 300 * NS_PER_S);
	assert_true(writer_pending(&writer) > 0);
	assert_true(clock_monotonic_ns() - begun < 200 * NS_PER_S);
	let_go();
}

static void a_closed_descriptor_is_an_error(void **state)
{
	(void)state;
	use_pipe();
	fd_close(&writing);
	assert_int_equal(put("one\n", 0), 0);
	assert_int_equal(writer.errnum, EBADF);
	let_go();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(writes_what_finds_room_at_once),
		LOOP_TEST(keeps_whole_lines_in_order_for_a_pipe_that_is_not_read),
		LOOP_TEST(keeps_them_for_a_socket),
		LOOP_TEST(keeps_them_for_a_terminal),
		LOOP_TEST(has_room_for_what_cannot_be_spared),
		LOOP_TEST(accepts_again_when_it_is_read_again),
		LOOP_TEST(takes_a_long_text_whole),
		LOOP_TEST(drops_nothing_while_somebody_reads),
		LOOP_TEST(is_not_slow_when_nobody_reads),
		LOOP_TEST(drops_in_one_piece),
		LOOP_TEST(keeps_all_for_a_slow_reader),
		LOOP_TEST(says_why_writing_failed),
		LOOP_TEST(calls_back_when_all_is_written),
		LOOP_TEST(calls_back_when_the_reader_ends),
		LOOP_TEST(makes_a_pipe_larger_at_the_end),
		LOOP_TEST(gives_up_at_the_end_when_nobody_reads),
		LOOP_TEST(gives_up_at_the_end_when_a_signal_arrives),
		LOOP_TEST(a_closed_descriptor_is_an_error),
	};
	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
