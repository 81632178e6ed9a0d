#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "loop/fork.h"

static volatile sig_atomic_t handled;

static void handle(int signo)
{
	handled = signo;
}

/* The exit code of the child PID. */
static int code_of(pid_t pid)
{
	int status;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int is_blocked(int signo)
{
	sigset_t set;
	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, signo);
}

static void the_child_has_nothing_of_ours(void **state)
{
	struct sigaction action;
	sigset_t set, before;
	pid_t pid;
	(void)state;
	signal(SIGUSR1, handle);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &before);
	pid = fork_clean(SIGTERM);
	if (pid == 0) {
		if (getsid(0) != getpid() || getpgrp() != getpid() || is_blocked(SIGUSR2))
			_exit(1);
		if (sigaction(SIGUSR1, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
			_exit(2);
		_exit(sigaction(SIGHUP, NULL, &action) < 0 || action.sa_handler != SIG_DFL ? 3 : 42);
	}
	assert_int_equal(code_of(pid), 42);
	/* Here all is as it was. */
	assert_true(is_blocked(SIGUSR2));
	assert_false(is_blocked(SIGTERM));
	raise(SIGUSR1);
	assert_int_equal(handled, SIGUSR1);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

#ifdef __linux__
/* In between stands a process whose death the child is to notice. */
static void the_child_gets_the_signal_when_its_parent_dies(void **state)
{
	int ends[2];
	char byte;
	pid_t between;
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	between = fork();
	if (between == 0) {
		if (fork_clean(SIGKILL) == 0) {
			fd_close(&ends[0]);
			for (;;)
				pause();
		}
		_exit(0);
	}
	fd_close(&ends[1]);
	assert_int_equal(code_of(between), 0);
	/* The end of the pipe: no process has the other end any more. */
	assert_int_equal(fd_read(ends[0], &byte, 1), 0);
	fd_close(&ends[0]);
}
#endif

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_child_has_nothing_of_ours),
#ifdef __linux__
		cmocka_unit_test(the_child_gets_the_signal_when_its_parent_dies),
#endif
	};
	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
