#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "process_fixture.h"

#define MS(ms) ((int64_t)(ms)*NS_PER_MS)

/* Runs until it is stopped, whatever signal it gets. */
#define STUBBORN "trap '' TERM INT HUP; echo ready; while :; do sleep 0.05; done"

static void a_timeout_ends_it(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "echo at work; sleep 60", (struct process_options){.bounds.timeout_ns = MS(200)});
	assert_ended(&run, "timeout");
	assert_string_equal(run.error.message, "sh took longer than 0.2 s; the last line was: at work");
	assert_int_equal(run.result.signo, SIGTERM);
	assert_true(run.result.seconds >= 0.2 && run.result.seconds < 5);
	run_free(&run, 1);
}

static void output_does_not_put_the_timeout_off(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "while echo x; do sleep 0.02; done",
	           (struct process_options){.bounds.timeout_ns = MS(200), .bounds.stall_ns = MS(5000)});
	assert_ended(&run, "timeout");
	run_free(&run, 1);
}

static void silence_ends_it(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; sleep 60",
	           (struct process_options){.bounds.stall_ns = MS(450)});
	assert_ended(&run, "stalled");
	assert_string_equal(run.error.message, "sh was silent for 0.45 s; the last line was: 6");
	assert_true(run.result.seconds >= 0.9);
	run_free(&run, 1);
}

static void a_quiet_phase_has_its_own_bound_until_the_next_line(void **state)
{
	struct run run = {.answer_to = "quiet", .answer = LINES_QUIET};
	(void)state;
	run_script(&run, "echo quiet; sleep 0.5; echo loud; sleep 60",
	           (struct process_options){.bounds.stall_ns = MS(250), .bounds.quiet_phase_ns = MS(30000)});
	assert_ended(&run, "stalled");
	assert_tail(&run, "quiet\nloud\n");
	run_free(&run, 1);
}

static void a_quiet_phase_is_not_for_ever(void **state)
{
	struct run run = {.answer_to = "quiet", .answer = LINES_QUIET};
	(void)state;
	run_script(&run, "sleep 0.3; echo quiet; sleep 60", (struct process_options){.bounds.quiet_phase_ns = MS(150)});
	assert_ended(&run, "stalled");
	assert_tail(&run, "quiet\n");
	run_free(&run, 1);
}

static void what_has_said_nothing_has_no_last_line(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "sleep 60", (struct process_options){.bounds.stall_ns = MS(100)});
	assert_ended(&run, "stalled");
	assert_string_equal(run.error.message, "sh was silent for 0.1 s; it printed nothing");
	run_free(&run, 1);
}

static void a_byte_without_an_end_of_line_is_life(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "for i in 1 2 3 4 5 6 7 8 9 10; do printf .; sleep 0.1; done; echo; echo done",
	           (struct process_options){.bounds.stall_ns = MS(800)});
	assert_exit(&run, 0);
	assert_tail(&run, "..........\ndone\n");
	assert_true(run.result.seconds >= 1);
	run_free(&run, 1);
}

static void the_first_reason_is_told(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	run_start_script(&run, STUBBORN, (struct process_options){.bounds.timeout_ns = MS(150), .bounds.grace_ns = MS(60000)});
	run_until(&run, "ready");
	for (int64_t end = clock_monotonic_ns() + MS(200); clock_monotonic_ns() < end;)
		assert_int_equal(loop_step(run.loop, MS(20), &err), 0);
	process_kill(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "timeout");
	run_free(&run, 1);
}

/* As run_start_script(), with bounds of zero, which the fixture would fill in. */
static void start_with_zero(struct run *run, const char *script, int64_t timeout_ns, int64_t grace_ns)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct process_options options = {.program = "/bin/sh", .argv = argv};
	process_fill_in(&options);
	options.bounds.timeout_ns = timeout_ns;
	options.bounds.grace_ns = grace_ns;
	options.lines.on_line = run_on_line;
	options.lines.ud = run;
	run->loop = loop_new(&err);
	run->process = process_start(run->loop, &options, run_on_done, run, &err);
	assert_non_null(run->process);
}

static void a_timeout_of_zero_ends_it_at_once(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	start_with_zero(&run, "sleep 60", 0, 10 * NS_PER_S);
	run_until(&run, NULL);
	assert_ended(&run, "timeout");
	run_free(&run, 1);
}

static void a_grace_of_zero_kills_at_once(void **state)
{
	struct run run = {.answer_to = ""};
	int64_t began;
	(void)state;
	start_with_zero(&run, STUBBORN, NS_NEVER, 0);
	run_until(&run, "ready");
	began = clock_monotonic_ns();
	process_cancel(run.process);
	run_until(&run, NULL);
	assert_true(clock_monotonic_ns() - began < MS(9000));
	assert_int_equal(run.result.signo, SIGKILL);
	run_free(&run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_timeout_ends_it),
		FIXTURE_TEST(output_does_not_put_the_timeout_off),
		FIXTURE_TEST(silence_ends_it),
		FIXTURE_TEST(a_quiet_phase_has_its_own_bound_until_the_next_line),
		FIXTURE_TEST(a_quiet_phase_is_not_for_ever),
		FIXTURE_TEST(what_has_said_nothing_has_no_last_line),
		FIXTURE_TEST(a_byte_without_an_end_of_line_is_life),
		FIXTURE_TEST(the_first_reason_is_told),
		FIXTURE_TEST(a_timeout_of_zero_ends_it_at_once),
		FIXTURE_TEST(a_grace_of_zero_kills_at_once),
	};
	return cmocka_run_group_tests_name("process_bounds", tests, NULL, NULL);
}
