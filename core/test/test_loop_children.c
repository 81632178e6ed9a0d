#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/restore_terminal.h"
#include "fixture.h"
#include "loop_fixture.h"

/* ---- children -------------------------------------------------------------------------------------------- */

struct named_child {
	struct loop_child child;
	char name;
	int status;
};

static void on_exited(struct loop_child *child, int status)
{
	struct named_child *named = (struct named_child *)child;
	named->status = status;
	note(named->name);
}

static pid_t fork_exit(int code, int wait_for)
{
	char byte;
	pid_t pid = fork();
	if (pid == 0) {
		if (wait_for >= 0)
			fd_read(wait_for, &byte, 1);
		_exit(code);
	}
	return pid;
}

static void start_child(struct named_child *child, char name, int code, int wait_for)
{
	assert_int_equal(loop_prepare_children(loop, &err), 0);
	*child = (struct named_child){.child.exited = on_exited, .name = name};
	child->child.pid = fork_exit(code, wait_for);
	assert_true(child->child.pid > 0);
	assert_int_equal(loop_child_start(loop, &child->child, &err), 0);
}

static void wait_for_zombie(pid_t pid)
{
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void the_end_of_a_child_is_told(void **state)
{
	struct named_child child;
	(void)state;
	start_child(&child, 'a', 9, -1);
	run_until_noted(1);
	assert_true(WIFEXITED(child.status));
	assert_int_equal(WEXITSTATUS(child.status), 9);
	assert_no_children();
}

static void a_child_that_ended_before_it_was_started_here_is_told(void **state)
{
	struct named_child child = {.child.exited = on_exited, .name = 'a'};
	(void)state;
	signal(SIGCHLD, SIG_DFL);
	child.child.pid = fork_exit(4, -1);
	wait_for_zombie(child.child.pid);
	assert_int_equal(loop_child_start(loop, &child.child, &err), 0);
	run_until_noted(1);
	assert_int_equal(WEXITSTATUS(child.status), 4);
}

static void a_child_of_somebody_else_is_left_alone(void **state)
{
	struct named_child child;
	pid_t foreign = fork_exit(5, -1);
	int status;
	(void)state;
	wait_for_zombie(foreign);
	start_child(&child, 'a', 6, -1);
	run_until_noted(1);
	assert_int_equal(WEXITSTATUS(child.status), 6);
	assert_int_equal(waitpid(foreign, &status, WNOHANG), foreign);
	assert_int_equal(WEXITSTATUS(status), 5);
}

static void a_child_that_somebody_else_reaped_is_told_with_255(void **state)
{
	struct named_child child;
	(void)state;
	start_child(&child, 'a', 0, -1);
	assert_int_equal(waitpid(child.child.pid, NULL, 0), child.child.pid);
	run_until_noted(1);
	assert_int_equal(WEXITSTATUS(child.status), 255);
}

static void a_stopped_child_is_the_callers_to_reap(void **state)
{
	struct named_child child, other;
	(void)state;
	start_child(&child, 'a', 1, -1);
	start_child(&other, 'b', 2, -1);
	loop_child_stop(loop, &child.child);
	run_until_noted(1);
	assert_string_equal(order, "b");
	assert_int_equal(waitpid(child.child.pid, NULL, 0), child.child.pid);
}

static void many_children_end_at_once(void **state)
{
	static struct named_child children[200];
	int gate[2];
	(void)state;
	assert_int_equal(fd_pipe(gate), 0);
	for (int i = 0; i < 200; i++) {
		/* Each holds the writing end, too: it gets a byte, not the end. */
		start_child(&children[i], 'x', i, gate[0]);
	}
	for (int i = 0; i < 200; i++)
		assert_int_equal(write(gate[1], "x", 1), 1);
	run_until_noted(200);
	for (int i = 0; i < 200; i++)
		assert_int_equal(WEXITSTATUS(children[i].status), i);
	assert_no_children();
	fd_close(&gate[0]);
	fd_close(&gate[1]);
}

/* ---- signals --------------------------------------------------------------------------------------------- */

static void signals_are_taken_in_order(void **state)
{
	(void)state;
	assert_int_equal(loop_catch_signal(loop, SIGUSR1, &err) | loop_catch_signal(loop, SIGUSR2, &err), 0);
	assert_int_equal(loop_take_signal(loop), 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR2);
	assert_int_equal(loop_step(loop, -1, &err), 0);
	assert_int_equal(loop_take_signal(loop), SIGUSR2);
	assert_int_equal(loop_take_signal(loop), SIGUSR1);
	assert_int_equal(loop_take_signal(loop), SIGUSR2);
	assert_int_equal(loop_take_signal(loop), 0);
	assert_failed(loop_catch_signal(loop, 1000, &err), "invalid");
}

static void a_signal_ends_the_wait(void **state)
{
	pid_t pid, self = getpid();
	(void)state;
	assert_int_equal(loop_catch_signal(loop, SIGUSR1, &err), 0);
	pid = fork();
	if (pid == 0) {
		usleep(20000);
		kill(self, SIGUSR1);
		_exit(0);
	}
	while (loop_take_signal(loop) != SIGUSR1)
		assert_int_equal(loop_step(loop, -1, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void an_ignored_signal_stays_ignored(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(loop_catch_signal(loop, SIGHUP, &err), 0);
	raise(SIGHUP);
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_int_equal(loop_take_signal(loop), 0);
	signal(SIGHUP, SIG_DFL);
}

/* Exits 0 when it lived through COUNT arrivals, taking each when TAKE. */
static int live_through(int count, int take)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct loop *own = loop_new(&err);
		if (!own || loop_catch_signal(own, SIGTERM, &err) < 0)
			_exit(1);
		for (int i = 0; i < count; i++) {
			raise(SIGTERM);
			if (take && (loop_step(own, -1, &err) < 0 || loop_take_signal(own) != SIGTERM))
				_exit(2);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void the_third_that_nobody_takes_has_its_effect(void **state)
{
	int status;
	(void)state;
	assert_int_equal(live_through(2, 0), 0);
	assert_int_equal(live_through(9, 1), 0);
	status = live_through(3, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

/* What the third of them finds on stderr, in TEXT. */
static void read_last_words(const char *words, char *text, size_t size)
{
	int ends[2], status;
	ssize_t got;
	pid_t pid;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct loop *own = loop_new(&err);
		dup2(ends[1], STDERR_FILENO);
		if (!own || loop_catch_signal(own, SIGTERM, &err) < 0 || restore_terminal_set("before", 6, &err) < 0 ||
		    restore_terminal_set(words, strlen(words), &err) < 0)
			_exit(1);
		for (int i = 0; i < 3; i++)
			raise(SIGTERM);
		_exit(0);
	}
	close(ends[1]);
	got = read(ends[0], text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void last_words_are_written_before_that_effect(void **state)
{
	char text[128];
	(void)state;
	read_last_words("\x1b[?25h", text, sizeof text);
	assert_string_equal(text, "\x1b[?25h");
	read_last_words("", text, sizeof text);
	assert_string_equal(text, "");
	memset(text, 'x', 65);
	assert_failed(restore_terminal_set(text, 65, &err), "invalid");
	assert_int_equal(restore_terminal_set(text, 64, &err), 0);
	assert_int_equal(restore_terminal_set("", 0, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(the_end_of_a_child_is_told),
		LOOP_TEST(a_child_that_ended_before_it_was_started_here_is_told),
		LOOP_TEST(a_child_of_somebody_else_is_left_alone),
		LOOP_TEST(a_child_that_somebody_else_reaped_is_told_with_255),
		LOOP_TEST(a_stopped_child_is_the_callers_to_reap),
		LOOP_TEST(many_children_end_at_once),
		LOOP_TEST(signals_are_taken_in_order),
		LOOP_TEST(a_signal_ends_the_wait),
		LOOP_TEST(an_ignored_signal_stays_ignored),
		LOOP_TEST(the_third_that_nobody_takes_has_its_effect),
		LOOP_TEST(last_words_are_written_before_that_effect),
	};
	return cmocka_run_group_tests_name("loop_children", tests, NULL, NULL);
}
