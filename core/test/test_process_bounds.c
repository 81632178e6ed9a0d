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

/* That the message of RUN is BEGINNING, with the bound of MS milliseconds in it, and the last line LINE. */
static void assert_message(const struct run *run, const char *beginning, int64_t ms, const char *line)
{
	char message[200];
	snprintf(message, sizeof message, "%s %g s; the last line was: %s", beginning, (double)ms / 1000, line);
	assert_string_equal(run->error.message, message);
}

static int timeout_after_a_line(int64_t ms)
{
	struct run run = {0};
	int in_time;
	run_script(&run, "echo at work; sleep 600", (struct process_options){.bounds.timeout_ns = MS(ms)});
	assert_ended(&run, "timeout");
	assert_int_equal(run.result.signo, SIGTERM);
	assert_true(run.result.seconds >= 0.2);
	in_time = has_tail(&run, "at work\n");
	if (in_time)
		assert_message(&run, "sh took longer than", ms, "at work");
	run_free(&run, 1);
	return in_time;
}

static void a_timeout_ends_it(void **state)
{
	(void)state;
	with_enough_time(timeout_after_a_line, 200);
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

/* Run FORMAT, a script that the seconds PAUSE are a part of. */
static void run_with_a_pause(struct run *run, const char *format, double pause, struct process_options options)
{
	char script[200];
	snprintf(script, sizeof script, format, pause);
	run_script(run, script, options);
}

/* The lines take longer than the silence that ends it. */
static int silence_after_lines(int64_t ms)
{
	struct run run = {0};
	int in_time;
	run_with_a_pause(&run, "for i in 1 2 3 4 5 6; do echo $i; sleep %g; done; sleep 600", (double)ms / 4500,
	                 (struct process_options){.bounds.stall_ns = MS(ms)});
	assert_ended(&run, "stalled");
	in_time = has_tail(&run, "1\n2\n3\n4\n5\n6\n");
	if (in_time)
		assert_message(&run, "sh was silent for", ms, "6");
	if (in_time)
		assert_true(run.result.seconds >= (double)ms / 1000 * 2);
	run_free(&run, 1);
	return in_time;
}

static void silence_ends_it(void **state)
{
	(void)state;
	with_enough_time(silence_after_lines, 450);
}

static int quiet_phase_and_silence(int64_t ms)
{
	struct run run = {.answer_to = "quiet", .answer = LINES_QUIET};
	int in_time;
	run_with_a_pause(&run, "echo quiet; sleep %g; echo loud; sleep 600", (double)ms / 500,
	                 (struct process_options){.bounds.stall_ns = MS(ms), .bounds.quiet_phase_ns = MS(100 * ms)});
	assert_ended(&run, "stalled");
	in_time = has_tail(&run, "quiet\nloud\n");
	run_free(&run, 1);
	return in_time;
}

static void a_quiet_phase_has_its_own_bound_until_the_next_line(void **state)
{
	(void)state;
	with_enough_time(quiet_phase_and_silence, 250);
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

/* It takes longer than the silence that would end it. */
static int bytes_without_an_end_of_line(int64_t ms)
{
	struct run run = {0};
	int in_time;
	run_with_a_pause(&run, "for i in 1 2 3 4 5 6 7 8 9 10; do printf .; sleep %g; done; echo; echo done", (double)ms / 8000,
	                 (struct process_options){.bounds.stall_ns = MS(ms)});
	in_time = !run.failed;
	if (in_time)
		assert_exit(&run, 0);
	if (in_time)
		assert_tail(&run, "..........\ndone\n");
	assert_true(!in_time || run.result.seconds >= (double)ms / 1000 * 1.25);
	run_free(&run, 1);
	return in_time;
}

static void a_byte_without_an_end_of_line_is_life(void **state)
{
	(void)state;
	with_enough_time(bytes_without_an_end_of_line, 800);
}

static int timeout_and_kill(int64_t ms)
{
	struct run run = {.answer_to = ""};
	int in_time;
	run_start_script(&run, STUBBORN, (struct process_options){.bounds.timeout_ns = MS(ms), .bounds.grace_ns = MS(60000)});
	while (!run.done && !strstr(run.lines, "ready"))
		assert_int_equal(loop_step(run.loop, NS_PER_S, &err), 0);
	in_time = !run.done;
	for (int64_t end = clock_monotonic_ns() + MS(ms) + MS(50); in_time && clock_monotonic_ns() < end;)
		assert_int_equal(loop_step(run.loop, MS(20), &err), 0);
	process_kill(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "timeout");
	run_free(&run, 1);
	return in_time;
}

static void the_first_reason_is_told(void **state)
{
	(void)state;
	with_enough_time(timeout_and_kill, 150);
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
	assert_true(clock_monotonic_ns() - began < MS(60000));
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
