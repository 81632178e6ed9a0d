#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "limit.h"
#include "process_fixture.h"

#define MS(ms) ((int64_t)(ms)*NS_PER_MS)

/* A descendant in a session of its own, which ignores TERM. The shell waits until it is there. */
#define ESCAPED                                                                                                                \
	"setsid sh -c 'trap \"\" TERM; : >there; while :; do sleep 0.05; done' & "                                             \
	"until [ -e there ]; do sleep 0.01; done; echo ready"

static void a_grandchild_that_keeps_the_pipe_does_not_hang_it(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "sleep 60 & echo hi; exit 5", NOTHING_SPECIAL);
	assert_exit(&run, 5);
	assert_tail(&run, "hi\n");
	assert_int_equal(run.result.strays, 1);
	assert_int_equal(run.result.strays_left, 0);
	assert_true(run.result.seconds >= 0.2 && run.result.seconds < 50);
	run_free(&run, 1);
}

/* It has the time that the program gives it, which a busy machine may not: then it is tried again. */
static int short_grandchild(int64_t ms)
{
	struct run run = {0};
	int in_time;
	(void)ms;
	run_script(&run, "(sleep 0.05; echo late) & echo early", NOTHING_SPECIAL);
	assert_exit(&run, 0);
	in_time = run.result.strays == 0;
	if (in_time)
		assert_tail(&run, "early\nlate\n");
	run_free(&run, 1);
	return in_time;
}

static void a_short_grandchild_is_waited_for(void **state)
{
	(void)state;
	with_enough_time(short_grandchild, 1);
}

#ifdef __linux__
static int is_dead(pid_t pid)
{
	struct buf table;
	const struct process_row *row;
	int dead;
	process_table_read(&table);
	row = process_table_find(&table, pid);
	dead = !row || !process_row_lives(row);
	buf_free(&table);
	return dead;
}

static void start_escaped(struct run *run, const char *after, struct process_options options)
{
	char script[512];
	snprintf(script, sizeof script, ESCAPED "; %s", after);
	run_start_script(run, script, options);
}

static void a_grandchild_in_its_own_session_is_ended_too(void **state)
{
	struct run run = {0};
	(void)state;
	start_escaped(&run, "exit 0", (struct process_options){.bounds.grace_ns = MS(100)});
	run_until(&run, NULL);
	assert_exit(&run, 0);
	assert_tail(&run, "ready\n");
	/* Itself and at times its sleep. */
	assert_in_range(run.result.strays, 1, 2);
	assert_int_equal(run.result.strays_left, 0);
	run_free(&run, 1);
}

/* In a session of its own, and with an environment of its own: a container's process. */
static void cancelling_ends_what_hides(void **state)
{
	struct run run = {.answer_to = ""};
	long pid = 0;
	FILE *file;
	(void)state;
	run_start_script(&run,
	                 "env -i setsid sh -c 'trap \"\" TERM; echo $$ >there; while :; do sleep 0.05; done' & "
	                 "until [ -s there ]; do sleep 0.01; done; echo ready; sleep 60",
	                 (struct process_options){.bounds.grace_ns = MS(100)});
	run_until(&run, "ready");
	file = fopen("there", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld", &pid), 1);
	fclose(file);
	process_cancel(run.process);
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	assert_in_range(run.result.strays, 1, 2);
	assert_int_equal(run.result.strays_left, 0);
	assert_true(is_dead((pid_t)pid));
	run_free(&run, 1);
}

static void freeing_kills_what_escaped(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	start_escaped(&run, "sleep 60", NOTHING_SPECIAL);
	run_until(&run, "ready");
	assert_true(count_strays() >= 2);
	run_free(&run, 0);
}

static void cancelling_ends_what_escaped(void **state)
{
	struct run run = {.answer_to = "ready", .answer = LINES_STOP};
	(void)state;
	start_escaped(&run, "sleep 60", (struct process_options){.bounds.grace_ns = MS(100)});
	run_until(&run, NULL);
	assert_ended(&run, "cancelled");
	run_free(&run, 1);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_grandchild_that_keeps_the_pipe_does_not_hang_it),
		FIXTURE_TEST(a_short_grandchild_is_waited_for),
#ifdef __linux__
		FIXTURE_TEST(a_grandchild_in_its_own_session_is_ended_too),
		FIXTURE_TEST(freeing_kills_what_escaped),
		FIXTURE_TEST(cancelling_ends_what_escaped),
		FIXTURE_TEST(cancelling_ends_what_hides),
#endif
	};
	return cmocka_run_group_tests_name("process_strays", tests, NULL, NULL);
}
