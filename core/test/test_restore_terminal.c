#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/restore_terminal.h"
#include "fixture.h"

static int said = -1;

/* Fork a child that draws, and then does as ACT does; its stderr is read from SAID. */
static pid_t start(void (*act)(void))
{
	static const struct rlimit none = {0, 0};
	int ends[2];
	pid_t pid;
	assert_int_equal(fd_pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		/* SIGTSTP stops nothing in a group without a parent in its session, which the tests' own may be. */
		setpgid(0, 0);
		dup2(ends[1], STDERR_FILENO);
		if (restore_terminal_set("back", 4, &err) < 0)
			_exit(98);
		act();
		_exit(99);
	}
	fd_close(&ends[1]);
	fd_close(&said);
	said = ends[0];
	return pid;
}

static void assert_said(const char *text)
{
	char bytes[64] = "";
	ssize_t len = fd_read(said, bytes, sizeof bytes - 1);
	assert_true(len >= 0);
	assert_string_equal(bytes, text);
}

static void act_quit(void)
{
	raise(SIGQUIT);
}

static void act_be_told(void)
{
	raise(SIGUSR1);
}

static void act_stop(void)
{
	raise(SIGTSTP);
	exit(restore_terminal_continued() && !restore_terminal_continued() ? 3 : 97);
}

static void act_be_quiet(void)
{
	if (restore_terminal_set("", 0, &err) == 0)
		raise(SIGQUIT);
}

static void act_fork(void)
{
	pid_t pid = fork();
	if (pid == 0)
		raise(SIGQUIT);
	waitpid(pid, NULL, 0);
	_exit(0);
}

static void assert_ended_by(pid_t pid, int signo)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signo);
}

static void is_written_before_a_signal_ends_the_program(void **state)
{
	pid_t pid = start(act_quit);
	(void)state;
	assert_said("back");
	assert_ended_by(pid, SIGQUIT);
	pid = start(act_be_told);
	assert_said("back");
	assert_ended_by(pid, SIGUSR1);
}

static void is_written_before_a_stop_which_is_noticed_and_at_exit(void **state)
{
	int status;
	pid_t pid = start(act_stop);
	(void)state;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGTSTP);
	assert_said("back");
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_said("back");
}

static void is_not_written_when_there_is_nothing(void **state)
{
	pid_t pid = start(act_be_quiet);
	(void)state;
	assert_said("");
	assert_ended_by(pid, SIGQUIT);
}

static void is_not_written_by_a_fork(void **state)
{
	int status;
	pid_t pid = start(act_fork);
	(void)state;
	assert_said("");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(is_written_before_a_signal_ends_the_program),
		FIXTURE_TEST(is_written_before_a_stop_which_is_noticed_and_at_exit),
		FIXTURE_TEST(is_not_written_when_there_is_nothing),
		FIXTURE_TEST(is_not_written_by_a_fork),
	};
	return cmocka_run_group_tests_name("restore_terminal", tests, NULL, NULL);
}
