#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#include "child/streams.h"
#include "loop_fixture.h"

static struct streams streams;
static struct spawn_options theirs; /* the child's ends */
static char output[256], captured[256], failure[64];
static int pause_after; /* whether the next output asks for a pause */

static int on_output(struct streams *which, const char *data, size_t len)
{
	assert_ptr_equal(which, &streams);
	snprintf(output + strlen(output), sizeof output - strlen(output), "%.*s", (int)len, data);
	note('o');
	return pause_after;
}

static void on_captured(struct streams *which, const char *data, size_t len)
{
	(void)which;
	snprintf(captured + strlen(captured), sizeof captured - strlen(captured), "%.*s", (int)len, data);
	note('c');
}

static int may_resume(struct streams *which)
{
	(void)which;
	note('r');
	pause_after = 0;
	return strlen(order) > 3;
}

static void on_failed(struct streams *which, int errnum, const char *what)
{
	(void)which;
	snprintf(failure, sizeof failure, "%s: %s", what, strerror(errnum));
}

static void on_not_run(struct streams *which, const struct spawn_failure *how)
{
	(void)which;
	note(how->errnum == ENOENT && how->at_cwd ? 'n' : '?');
}

static void on_ended(struct streams *which)
{
	(void)which;
	note('e');
}

static const struct streams_events events = {.output = on_output,
                                             .captured = on_captured,
                                             .may_resume = may_resume,
                                             .failed = on_failed,
                                             .not_run = on_not_run,
                                             .ended = on_ended};

static void begin(const char *input, int capture)
{
	output[0] = captured[0] = failure[0] = '\0';
	pause_after = 0;
	streams_init(&streams, loop, &events);
	assert_int_equal(streams_open(&streams, &theirs, input, input ? strlen(input) : 0, capture), 0);
	assert_int_equal(streams_watch(&streams, &err), 0);
}

static void print(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void end(void)
{
	streams_close_theirs(&theirs);
	streams_close(&streams);
	assert_true(streams_are_at_end(&streams));
	assert_string_equal(failure, "");
}

static void both_outputs_are_one_stream(void **state)
{
	(void)state;
	begin(NULL, 0);
	assert_int_equal(theirs.out, theirs.err);
	print(theirs.out, "abc");
	run_until_noted(1);
	assert_string_equal(output, "abc");
	assert_false(streams_are_at_end(&streams));
	streams_close_theirs(&theirs);
	run_until_noted(2);
	assert_string_equal(order, "oe");
	assert_true(streams_are_at_end(&streams));
	end();
}

static void stdout_can_be_kept_apart(void **state)
{
	(void)state;
	begin(NULL, 1);
	print(theirs.out, "out");
	print(theirs.err, "err");
	run_until_noted(2);
	assert_string_equal(output, "err");
	assert_string_equal(captured, "out");
	streams_close_theirs(&theirs);
	run_until_noted(4);
	assert_true(streams_are_at_end(&streams));
	end();
}

static void without_input_there_is_nothing_to_read(void **state)
{
	char byte;
	(void)state;
	begin(NULL, 0);
	assert_int_equal(fd_read(theirs.in, &byte, 1), 0);
	end();
}

static void input_is_written_and_ended(void **state)
{
	char got[16];
	(void)state;
	begin("input", 0);
	assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(fd_read(theirs.in, got, sizeof got), 5);
	assert_memory_equal(got, "input", 5);
	assert_int_equal(fd_read(theirs.in, got, sizeof got), 0);
	end();
}

static void input_that_nobody_reads_is_no_failure(void **state)
{
	(void)state;
	begin("input", 0);
	fd_close(&theirs.in);
	assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(streams.input.watch.fd, -1);
	end();
}

/* Nothing is read while may_resume returns 0. */
static void a_pause_holds_the_output_up(void **state)
{
	(void)state;
	begin(NULL, 0);
	pause_after = 1;
	print(theirs.out, "a");
	run_until_noted(1);
	print(theirs.out, "b");
	run_until_noted(5);
	assert_string_equal(order, "orrro");
	assert_string_equal(output, "ab");
	end();
}

static void a_pause_can_be_ended(void **state)
{
	(void)state;
	begin(NULL, 0);
	pause_after = 1;
	print(theirs.out, "a");
	run_until_noted(1);
	pause_after = 0;
	print(theirs.out, "b");
	streams_resume(&streams);
	run_until_noted(2);
	assert_string_equal(order, "oo");
	end();
}

static void the_rest_is_read_without_waiting(void **state)
{
	(void)state;
	begin(NULL, 1);
	print(theirs.out, "out");
	print(theirs.err, "err");
	streams_read_rest(&streams);
	assert_string_equal(order, "oc");
	streams_read_rest(&streams);
	assert_string_equal(order, "oc");
	end();
}

static void a_program_that_does_not_run_is_reported(void **state)
{
	const struct spawn_failure how = {.errnum = ENOENT, .at_cwd = 1};
	int ends[2];
	(void)state;
	streams_init(&streams, loop, &events);
	assert_int_equal(fd_pipe(ends), 0);
	streams.status.watch.fd = ends[0];
	assert_int_equal(streams_watch(&streams, &err), 0);
	assert_int_equal(write(ends[1], &how, sizeof how), sizeof how);
	fd_close(&ends[1]);
	run_until_noted(1);
	assert_string_equal(order, "n");
	streams_read_status(&streams);
	assert_string_equal(order, "n");
	end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOOP_TEST(both_outputs_are_one_stream),
		LOOP_TEST(stdout_can_be_kept_apart),
		LOOP_TEST(without_input_there_is_nothing_to_read),
		LOOP_TEST(input_is_written_and_ended),
		LOOP_TEST(input_that_nobody_reads_is_no_failure),
		LOOP_TEST(a_pause_holds_the_output_up),
		LOOP_TEST(a_pause_can_be_ended),
		LOOP_TEST(the_rest_is_read_without_waiting),
		LOOP_TEST(a_program_that_does_not_run_is_reported),
	};
	return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
