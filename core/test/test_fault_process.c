/* A call that fails while a program's output is read: all of the output is there, or it is an error. */
#include <errno.h>
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
#include "process_fixture.h"

#define MANY_CALLS 200

static unsigned failures;

/* Run a program; the N-th read here fails. Returns whether there were so many. */
static int read_fails(unsigned n, struct process_options options)
{
	struct run run = {.answer_to = ""};
	int happened;
	options.grace_ns = NS_PER_S;
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

static void walk(struct process_options options)
{
	unsigned n = 1;
	failures = 0;
	while (n < MANY_CALLS && read_fails(n, options))
		n++;
	assert_true(n < MANY_CALLS);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(output_is_whole_or_an_error),
	    FIXTURE_TEST(captured_output_is_whole_or_an_error),
	};
	/* The signal pipe is made with the first loop, and stays. */
	loop_free(loop_new(&err));
	return cmocka_run_group_tests_name("fault_process", tests, NULL, NULL);
}
