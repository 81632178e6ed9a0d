#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "child/descendants.h"
#include "child/process_table.h"
#include "child/spawn.h"
#include "fixture.h"
#include "limit.h"

static struct descendants descendants;
static pid_t program; /* 0: reaped */

static int enter(void **state)
{
	descendants_init(&descendants);
	return fixture_enter(state);
}

static void reap(void)
{
	if (program)
		assert_int_equal(waitpid(program, NULL, 0), program);
	program = 0;
	descendants_reaped(&descendants);
}

/* Wait until COUNT of them live. */
static void until(size_t count)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (descendants_count(&descendants) != count && clock_monotonic_ns() < deadline)
		usleep(1000);
	assert_int_equal(descendants_count(&descendants), count);
}

static int leave(void **state)
{
	descendants_signal(&descendants, SIGKILL);
	reap();
	until(0);
	descendants_free(&descendants);
	return fixture_leave(state);
}

/* Run a script whose last word is that all is there. */
static void start(const char *script)
{
	char text[1024];
	const char *argv[] = {"sh", "-c", text, NULL}, *set[] = {descendants.marker, NULL};
	const char **environment = spawn_environment(set, NULL, &err);
	struct spawn_options how = {.program = "/bin/sh", .argv = argv, .envp = environment};
	struct stat st;
	int status_fd;
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	snprintf(text, sizeof text, "%s; : >there; exec sleep 60", script);
	how.in = how.out = how.err = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(spawn(&how, &program, &status_fd, &err), 0);
	descendants_start(&descendants, program);
	fd_close(&status_fd);
	fd_close(&how.in);
	free(environment);
	while (stat("there", &st) < 0 && clock_monotonic_ns() < deadline)
		usleep(1000);
	assert_int_equal(stat("there", &st), 0);
}

static void each_has_a_marker_of_its_own(void **state)
{
	struct descendants other;
	(void)state;
	descendants_init(&other);
	assert_non_null(strchr(other.marker, '='));
	assert_string_not_equal(other.marker, descendants.marker);
	descendants_free(&other);
}

static void nothing_is_signalled_before_the_start(void **state)
{
	(void)state;
	descendants_signal(&descendants, SIGKILL);
	assert_int_equal(descendants_count(&descendants), 0);
}

static void the_group_is_known(void **state)
{
	(void)state;
	start("sleep 60 & sleep 60 & :");
	until(2);
	descendants_signal(&descendants, SIGTERM);
	reap();
	until(0);
}

#ifdef __linux__
/* Waits for the shell that it is in to have exec'ed a sleep. */
#define HIDDEN "setsid env -i /bin/sh -c ': >hidden; exec sleep 60' & until [ -e hidden ]; do sleep 0.01; done"
#define MARKED "setsid /bin/sh -c ': >marked; exec sleep 60' & until [ -e marked ]; do sleep 0.01; done"

static void the_marker_is_found_in_any_session(void **state)
{
	(void)state;
	start(MARKED);
	kill(program, SIGKILL);
	reap();
	until(1);
	descendants_signal(&descendants, SIGKILL);
	until(0);
}

static void ancestry_is_remembered_after_the_parents_death(void **state)
{
	(void)state;
	start(HIDDEN);
	until(1);
	kill(program, SIGKILL);
	reap();
	until(1);
	descendants_signal(&descendants, SIGKILL);
	until(0);
}

/* Neither the marker nor the group, but a parent that has the marker. */
static void a_descendants_child_is_one(void **state)
{
	(void)state;
	start("setsid /bin/sh -c \"" HIDDEN "; wait\" & until [ -e hidden ]; do sleep 0.01; done");
	kill(program, SIGKILL);
	reap();
	until(2);
	descendants_signal(&descendants, SIGKILL);
	until(0);
}

static void a_zombie_does_not_count(void **state)
{
	(void)state;
	/* The program, which exec replaced by then, never waits for it. */
	start("sleep 0.1 & :");
	until(0);
}

static void others_are_left_alone(void **state)
{
	pid_t other = fork();
	int status;
	(void)state;
	if (other == 0) {
		execlp("sleep", "sleep", "60", (char *)NULL);
		_exit(127);
	}
	start("sleep 60 & :");
	until(1);
	descendants_signal(&descendants, SIGKILL);
	reap();
	until(0);
	assert_int_equal(waitpid(other, &status, WNOHANG), 0);
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, &status, 0), other);
}

static void the_table_has_every_process(void **state)
{
	struct buf table;
	struct process_row *self;
	(void)state;
	assert_int_equal(setenv("NOT_AT_THE_START", "1", 1), 0);
	process_table_read(&table);
	self = process_table_find(&table, getpid());
	assert_non_null(self);
	assert_int_equal(self->parent, getppid());
	assert_int_equal(self->group, getpgrp());
	assert_true(process_row_lives(self) && process_row_same(self, self) && !self->marked);
	assert_false(process_row_has_entry(self, "NOT_AT_THE_START=1"));
	assert_null(process_table_find(&table, -1));
	buf_free(&table);
}

/* A number that is another process's by now. */
static void a_process_that_is_not_the_same_gets_no_signal(void **state)
{
	struct buf table;
	struct process_row other;
	(void)state;
	start(":");
	process_table_read(&table);
	other = *process_table_find(&table, program);
	buf_free(&table);
	other.start--;
	process_row_signal(&other, SIGKILL);
	usleep(20000);
	assert_int_equal(waitpid(program, NULL, WNOHANG), 0);
	other.start++;
	process_row_signal(&other, SIGKILL);
	reap();
}
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_has_a_marker_of_its_own),
		TEST(nothing_is_signalled_before_the_start),
		TEST(the_group_is_known),
#ifdef __linux__
		TEST(the_marker_is_found_in_any_session),
		TEST(ancestry_is_remembered_after_the_parents_death),
		TEST(a_descendants_child_is_one),
		TEST(a_zombie_does_not_count),
		TEST(others_are_left_alone),
		TEST(the_table_has_every_process),
		TEST(a_process_that_is_not_the_same_gets_no_signal),
#endif
	};
	return cmocka_run_group_tests_name("descendants", tests, NULL, NULL);
}
