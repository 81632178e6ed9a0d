/* A call that fails while a program's output is read, or ours is written: all of it is there, or it is an error. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault.h"
#include "fixture.h"
#include "limit.h"
#include "loop/writer.h"
#include "process_fixture.h"

#define MANY_CALLS 200

static unsigned failures;

/* Run a program; the N-th read here fails. Returns whether there were N reads. */
static int read_fails(unsigned n, struct process_options options)
{
	struct run run = {.answer_to = ""};
	int happened;
	options.bounds.grace_ns = NS_PER_S;
	run_start_script(&run, "echo one; sleep 0.02; echo two", options);
	fault_fail_nth(FAULT_READ, n, ENOMEM);
	run_until(&run, NULL);
	happened = fault_end();
	failures += (unsigned)run.failed;
	if (run.failed) {
		assert_string_equal(run.error.code, "ENOMEM");
		assert_non_null(strstr(run.error.message, "cannot read the output of sh"));
	} else {
		assert_exit(&run, 0);
		assert_int_equal(options.capture ? run.result.captured_len : run.result.tail_len, strlen("one\ntwo\n"));
	}
	run_free(&run, 1);
	return happened;
}

/* On a busy machine the program may have ended before its output is read: a read is then repeated, and nothing fails. */
static void walk(struct process_options options)
{
	failures = 0;
	for (int round = 0; failures == 0 && round < 10; round++) {
		unsigned n = 1;
		while (n < MANY_CALLS && read_fails(n, options))
			n++;
		assert_true(n < MANY_CALLS);
	}
	assert_true(failures > 0);
}

static void output_is_whole_or_an_error(void **state)
{
	(void)state;
	walk(NOTHING_SPECIAL);
}

static void captured_output_is_whole_or_an_error(void **state)
{
	(void)state;
	walk((struct process_options){.capture = 4096});
}

static void on_written(void *ud, int errnum)
{
	*(int *)ud = errnum ? errnum : 1;
}

/* A regular file cannot be watched: that it has room again is found out otherwise. */
static void a_text_for_a_file_is_written_though_a_write_is_interrupted(void **state)
{
	struct loop *loop = loop_new(&err);
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	int written = 0, fd = open("text", O_RDWR | O_CREAT, 0600);
	struct writer writer;
	char bytes[16];
	(void)state;
	writer_init(&writer, loop, fd);
	fault_fail_nth(FAULT_WRITE, 1, EINTR);
	assert_int_equal(writer_put(&writer, "image\n", 6, 0), 1);
	assert_int_equal(fault_end(), 1);
	assert_int_equal(writer_pending(&writer), 6);
	writer_on_empty(&writer, on_written, &written);
	while (!written && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(written, 1);
	assert_int_equal(pread(fd, bytes, sizeof bytes, 0), 6);
	assert_memory_equal(bytes, "image\n", 6);
	writer_close(&writer);
	loop_free(loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(output_is_whole_or_an_error),
		FIXTURE_TEST(captured_output_is_whole_or_an_error),
		FIXTURE_TEST(a_text_for_a_file_is_written_though_a_write_is_interrupted),
	};
	/* The signal pipe is made with the first loop, and stays. */
	loop_free(loop_new(&err));
	return cmocka_run_group_tests_name("fault_streams", tests, NULL, NULL);
}
