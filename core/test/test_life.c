#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#include "child/life.h"
#include "child/spawn.h"
#include "loop_fixture.h"

#define MS(ms) ((int64_t)(ms)*NS_PER_MS)

static struct life life;
static struct error why; /* of must_end */

static void on_must_end(struct life *which, const struct error *reason)
{
	note('m');
	why = *reason;
	life_end(which);
}

static void on_exited(struct life *which)
{
	(void)which;
	note('x');
}

static void on_over(struct life *which)
{
	assert_int_equal(which->phase, LIFE_OVER);
	note('o');
}

static const struct life_events events = {.must_end = on_must_end, .exited = on_exited, .over = on_over};

/* Run a script. What BOUNDS leave out is no bound, ten seconds, SIGTERM. */
static void start(const char *script, struct life_bounds bounds)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct spawn_options how = {.program = "/bin/sh", .argv = argv};
	const char **environment;
	int status_fd;
	pid_t pid;
	memset(&why, 0, sizeof why);
	bounds.timeout_ns = bounds.timeout_ns ? bounds.timeout_ns : NS_NEVER;
	bounds.stall_ns = bounds.stall_ns ? bounds.stall_ns : NS_NEVER;
	bounds.quiet_phase_ns = bounds.quiet_phase_ns ? bounds.quiet_phase_ns : NS_NEVER;
	bounds.grace_ns = bounds.grace_ns ? bounds.grace_ns : 10 * NS_PER_S;
	bounds.first_signal = bounds.first_signal ? bounds.first_signal : SIGTERM;
	life_init(&life, loop, &bounds, &events);
	environment = spawn_environment((const char *[]){life.descendants.marker, NULL}, NULL, &err);
	how.envp = environment;
	how.in = how.out = how.err = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(loop_prepare_children(loop, &err), 0);
	assert_int_equal(spawn(&how, &pid, &status_fd, &err), 0);
	fd_close(&status_fd);
	fd_close(&how.in);
	free(environment);
	assert_int_equal(life_start(&life, pid, &err), 0);
}

static void until_ready(void)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (access("ready", F_OK) < 0 && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, MS(10), &err), 0);
	assert_int_equal(access("ready", F_OK), 0);
}

/* Step until it is over, whatever else is noted. */
static void until_over(void)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (!strchr(order, 'o') && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_non_null(strchr(order, 'o'));
}

static void it_is_over_when_both_have_ended(void **state)
{
	(void)state;
	start("exit 3", (struct life_bounds){0});
	life_output_ended(&life);
	assert_string_equal(order, "");
	until_over();
	assert_string_equal(order, "xo");
	assert_int_equal(life.code, 3);
	assert_int_equal(life.signo, 0);
	life_free(&life);
}

/* Its output never ends, and none of its own processes has it open. */
static void output_is_waited_for_a_little(void **state)
{
	int64_t begin = clock_monotonic_ns();
	(void)state;
	start("exit 0", (struct life_bounds){0});
	until_over();
	assert_string_equal(order, "xo");
	assert_true(clock_monotonic_ns() - begin >= MS(200));
	assert_int_equal(life.strays, 0);
	life_free(&life);
}

static void who_holds_the_output_on_is_ended(void **state)
{
	(void)state;
	start("sleep 60 & exit 0", (struct life_bounds){0});
	until_over();
	assert_int_equal(life.strays, 1);
	assert_int_equal(life.strays_left, 0);
	assert_int_equal(life.code, 0);
	life_free(&life);
}

static void the_ceiling_ends_it(void **state)
{
	(void)state;
	start("exec sleep 60", (struct life_bounds){.timeout_ns = MS(50)});
	until_over();
	assert_string_equal(order, "mxo");
	assert_string_equal(why.code, "timeout");
	assert_string_equal(why.message, "took longer than 0.05 s");
	assert_int_equal(life.signo, SIGTERM);
	life_free(&life);
}

static void silence_ends_it(void **state)
{
	(void)state;
	start("exec sleep 60", (struct life_bounds){.stall_ns = MS(50)});
	until_over();
	assert_string_equal(why.code, "stalled");
	assert_string_equal(why.message, "was silent for 0.05 s");
	life_free(&life);
}

/* For longer than the silence that would end it. */
static int signs_of_life(int64_t ms)
{
	int64_t begin = clock_monotonic_ns();
	int in_time;
	start("exec sleep 600", (struct life_bounds){.stall_ns = MS(ms)});
	while (!order[0] && clock_monotonic_ns() - begin < MS(ms) / 2 * 3) {
		assert_int_equal(loop_step(loop, MS(20), &err), 0);
		life_heard(&life);
	}
	in_time = !order[0];
	life_free(&life);
	order[0] = '\0';
	return in_time;
}

static void a_sign_of_life_ends_the_silence(void **state)
{
	(void)state;
	with_enough_time(signs_of_life, 1000);
}

static void a_quiet_phase_has_a_bound_of_its_own(void **state)
{
	(void)state;
	start("exec sleep 60", (struct life_bounds){.stall_ns = 30 * NS_PER_S, .quiet_phase_ns = MS(50)});
	life_set_quiet(&life, 1);
	until_over();
	assert_string_equal(why.message, "was silent for 0.05 s");
	life_free(&life);
}

static void the_grace_ends_in_kill(void **state)
{
	(void)state;
	start("trap '' TERM; : >ready; while :; do sleep 0.05; done", (struct life_bounds){.grace_ns = MS(50)});
	until_ready();
	life_end(&life);
	assert_int_equal(life.phase, LIFE_ENDING);
	until_over();
	assert_int_equal(life.signo, SIGKILL);
	life_free(&life);
}

static void term_follows_another_first_signal(void **state)
{
	(void)state;
	start("trap '' INT; : >ready; while :; do sleep 0.05; done",
	      (struct life_bounds){.grace_ns = 20 * NS_PER_S / 100, .first_signal = SIGINT});
	until_ready();
	life_end(&life);
	until_over();
	assert_int_equal(life.signo, SIGTERM);
	life_free(&life);
}

static void a_kill_waits_for_nothing(void **state)
{
	(void)state;
	start("trap '' TERM; : >ready; while :; do sleep 0.05; done", (struct life_bounds){.grace_ns = 60 * NS_PER_S});
	until_ready();
	life_kill(&life);
	assert_int_equal(life.phase, LIFE_KILLING);
	life_end(&life);
	assert_int_equal(life.phase, LIFE_KILLING);
	until_over();
	assert_int_equal(life.signo, SIGKILL);
	life_free(&life);
}

static void freeing_ends_and_reaps_it(void **state)
{
	(void)state;
	start("exec sleep 60", (struct life_bounds){0});
	life_free(&life);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_string_equal(order, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOOP_TEST(it_is_over_when_both_have_ended),
		LOOP_TEST(output_is_waited_for_a_little),
#ifdef __linux__
		LOOP_TEST(who_holds_the_output_on_is_ended),
#endif
		LOOP_TEST(the_ceiling_ends_it),
		LOOP_TEST(silence_ends_it),
		LOOP_TEST(a_sign_of_life_ends_the_silence),
		LOOP_TEST(a_quiet_phase_has_a_bound_of_its_own),
		LOOP_TEST(the_grace_ends_in_kill),
		LOOP_TEST(term_follows_another_first_signal),
		LOOP_TEST(a_kill_waits_for_nothing),
		LOOP_TEST(freeing_ends_and_reaps_it),
	};
	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
