#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/ptrace.h>
#endif

#include <cmocka.h>

#include "fixture.h"
#include "limit.h"
#include "process_fixture.h"

#define MS(ms) ((int64_t)(ms)*NS_PER_MS)

/* Runs until it is stopped, whatever signal it gets. */
#define STUBBORN "trap '' TERM INT HUP; echo ready; while :; do sleep 0.05; done"

static void on_line_can_stop_it(void **state)
{
	struct run run = {.answer_to = "enough", .answer = LINES_STOP};
	(void)state;
	run_script(&run, "echo one; echo enough; sleep 60", NOTHING_SPECIAL);
	assert_ended(&run, "cancelled");
	assert_string_equal(run.error.message, "sh was cancelled");
	assert_string_equal(run.lines, "one|enough|");
	run_free(&run, 1);
}

static void the_first_signal_lets_it_end_in_good_order(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	run_start_script(&run, "trap 'echo bye; exit 3' INT; echo ready; while :; do sleep 0.05; done",
	                 (struct process_options){.bounds.first_signal = SIGINT, .bounds.grace_ns = MS(60000)});
	run_until(&run, "ready");
	process_cancel(run.process);
	process_cancel(run.process);
	assert_int_equal(run.done, 0);
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	assert_int_equal(run.result.code, 3);
	assert_string_equal(run.lines, "ready|bye|");
	assert_true(run.result.seconds < 50);
	run_free(&run, 1);
}

static int two_signals(int64_t ms)
{
	struct run run = {.answer_to = ""};
	int in_time;
	run_start_script(&run,
	                 "exec 2>/dev/null; trap 'echo INT' INT; trap 'echo TERM; sleep 0.3; exit 0' TERM; echo ready; "
	                 "while :; do sleep 0.05 & wait $!; done",
	                 (struct process_options){.bounds.first_signal = SIGINT, .bounds.grace_ns = MS(ms)});
	run_until(&run, "ready");
	process_cancel(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	/* One that is too slow for the grace is killed. */
	in_time = run.result.signo != SIGKILL;
	if (in_time)
		assert_string_equal(run.lines, "ready|INT|TERM|");
	run_free(&run, 1);
	return in_time;
}

/* docker, for example, exits without cleaning up when it gets the signal more than once. */
static void every_signal_is_heard_once(void **state)
{
	(void)state;
	with_enough_time(two_signals, 2000);
}

static int term_after_another_signal(int64_t ms)
{
	struct run run = {.answer_to = ""};
	int in_time;
	run_start_script(&run, "trap 'echo bye; exit 3' TERM; trap '' INT; echo ready; while :; do sleep 0.05; done",
	                 (struct process_options){.bounds.first_signal = SIGINT, .bounds.grace_ns = MS(ms)});
	run_until(&run, "ready");
	process_cancel(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	in_time = run.result.signo != SIGKILL;
	if (in_time)
		assert_int_equal(run.result.code, 3);
	if (in_time)
		assert_non_null(strstr(run.lines, "bye|"));
	assert_true(run.result.seconds >= (double)ms / 2000);
	run_free(&run, 1);
	return in_time;
}

static void after_another_signal_comes_term(void **state)
{
	(void)state;
	with_enough_time(term_after_another_signal, 1000);
}

static void after_the_grace_it_is_killed(void **state)
{
	struct run run = {.answer_to = "ready", .answer = LINES_STOP};
	(void)state;
	run_script(&run, STUBBORN, (struct process_options){.bounds.grace_ns = MS(200)});
	assert_ended(&run, "cancelled");
	assert_int_equal(run.result.signo, SIGKILL);
	assert_true(run.result.seconds >= 0.2 && run.result.seconds < 50);
	run_free(&run, 1);
}

static void kill_does_not_wait_for_the_grace(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	run_start_script(&run, STUBBORN, (struct process_options){.bounds.grace_ns = MS(60000)});
	run_until(&run, "ready");
	process_kill(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	assert_int_equal(run.result.signo, SIGKILL);
	assert_true(run.result.seconds < 50);
	run_free(&run, 1);
}

static void freeing_while_it_runs_leaves_nothing(void **state)
{
	struct run run = {.answer_to = ""};
	int before;
	(void)state;
	/* What the first loop makes for the whole process. */
	loop_free(loop_new(&err));
	before = open_descriptors();
	run_start_script(&run, "sleep 60 & " STUBBORN,
	                 (struct process_options){.capture = 100, .input = "x", .input_len = 1, .log_file = "log"});
	process_free(run.process);
	run.process = NULL;
	run_free(&run, 0);
	run_start_script(&run, "sleep 60 & " STUBBORN, NOTHING_SPECIAL);
	run_until(&run, "ready");
	run_free(&run, 0);
	assert_int_equal(open_descriptors(), before);
}

static void freeing_while_it_is_being_ended_leaves_nothing(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	run_start_script(&run, STUBBORN, NOTHING_SPECIAL);
	run_until(&run, "ready");
	process_cancel(run.process);
	run_free(&run, 0);
}

static void free_it(void *ud, const struct error *error, const struct process_result *result)
{
	struct run *run = ud;
	run_on_done(ud, error, result);
	process_free(run->process);
	run->process = NULL;
}

static void done_may_free_it(void **state)
{
	static const char *const scripts[] = {"exit 0", "sleep 60 & exit 0", "sleep 60"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		const char *argv[] = {"sh", "-c", scripts[i], NULL};
		struct process_options options = {.program = "/bin/sh", .argv = argv, .bounds.timeout_ns = MS(400)};
		struct run run = {.loop = loop_new(&err)};
		process_fill_in(&options);
		run.process = process_start(run.loop, &options, free_it, &run, &err);
		run_until(&run, NULL);
		assert_null(run.process);
		run_free(&run, 1);
	}
}

static void a_child_that_somebody_else_reaped_ends_too(void **state)
{
	struct run run = {0};
	(void)state;
	run_start_script(&run, "exit 3", NOTHING_SPECIAL);
	assert_true(waitpid(-1, NULL, 0) > 0);
	run_until(&run, NULL);
	assert_exit(&run, 255);
	run_free(&run, 1);
}

#ifdef __linux__
static void a_zombie_that_nobody_reaps_is_not_waited_for(void **state)
{
	struct run run = {.answer_to = "ready", .answer = LINES_STOP};
	(void)state;
	/* The orphaned sleep becomes a child of this process, which does not reap it. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	run_script(&run, "sleep 60 & echo ready; wait", (struct process_options){.bounds.grace_ns = MS(60000)});
	assert_ended(&run, "cancelled");
	assert_true(run.result.seconds < 50);
	assert_int_equal(run.result.strays_left, 0);
	assert_true(waitpid(-1, NULL, 0) > 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	run_free(&run, 1);
}

/* Starts a run and dies of KILL. */
static void die_running(void)
{
	struct run run = {.answer_to = ""};
	run_start_script(&run, "trap 'echo >ended; exit' TERM; echo ready; while :; do sleep 0.02; done", NOTHING_SPECIAL);
	run_until(&run, "ready");
	kill(getpid(), SIGKILL);
}

/* Become the tracer of PID, report it, and never wait for it: its parent learns of its exit only after the tracer has. */
static void hold(pid_t pid, int ready)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 && write(ready, "!", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

static void one_whose_exit_nobody_reports_is_not_waited_for(void **state)
{
	struct run run = {.answer_to = ""};
	int ready[2];
	char byte;
	pid_t tracer, pid;
	(void)state;
	run_start_script(&run, "echo $$; exec sleep 60", (struct process_options){.bounds.grace_ns = MS(100)});
	run_until(&run, "|");
	pid = atoi(run.lines);
	assert_int_equal(pipe(ready), 0);
	tracer = fork();
	if (tracer == 0)
		hold(pid, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	process_kill(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	assert_int_equal(run.result.strays_left, 1);
	kill(tracer, SIGKILL);
	assert_int_equal(waitpid(tracer, NULL, 0), tracer);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	run_free(&run, 1);
	close(ready[0]);
	close(ready[1]);
}

static void when_we_are_killed_it_gets_the_signal(void **state)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	pid_t pid = fork();
	(void)state;
	if (pid == 0)
		die_running();
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while ((access("ended", F_OK) < 0 || count_strays() > 0) && clock_monotonic_ns() < deadline)
		usleep(5000);
	assert_int_equal(access("ended", F_OK), 0);
	assert_int_equal(count_strays(), 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(on_line_can_stop_it),
		FIXTURE_TEST(the_first_signal_lets_it_end_in_good_order),
		FIXTURE_TEST(every_signal_is_heard_once),
		FIXTURE_TEST(after_another_signal_comes_term),
		FIXTURE_TEST(after_the_grace_it_is_killed),
		FIXTURE_TEST(kill_does_not_wait_for_the_grace),
#ifdef __linux__
		FIXTURE_TEST(a_zombie_that_nobody_reaps_is_not_waited_for),
		FIXTURE_TEST(one_whose_exit_nobody_reports_is_not_waited_for),
		FIXTURE_TEST(when_we_are_killed_it_gets_the_signal),
#endif
		FIXTURE_TEST(freeing_while_it_runs_leaves_nothing),
		FIXTURE_TEST(freeing_while_it_is_being_ended_leaves_nothing),
		FIXTURE_TEST(done_may_free_it),
		FIXTURE_TEST(a_child_that_somebody_else_reaped_ends_too),
	};
	return cmocka_run_group_tests_name("process_end", tests, NULL, NULL);
}
