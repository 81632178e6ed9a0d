#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "loop/signals.h"

static struct error err;

static int catch_(int signo)
{
	int fd = signals_open(&err);
	return fd < 0 ? -1 : signals_catch(signo, &err);
}

static void the_pipe_is_made_once(void **state)
{
	int fd = signals_open(&err);
	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(signals_open(&err), fd);
}

static void caught_signals_come_in_their_order(void **state)
{
	int child = 0;
	(void)state;
	assert_int_equal(catch_(SIGUSR2) | catch_(SIGUSR1) | catch_(SIGUSR1), 0);
	assert_int_equal(signals_take(), 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	assert_true(signals_waiting());
	signals_drain(&child);
	assert_int_equal(signals_take(), SIGUSR2);
	assert_int_equal(signals_take(), SIGUSR1);
	assert_int_equal(signals_take(), 0);
	assert_false(signals_waiting());
	assert_int_equal(child, 0);
}

static void a_childs_end_is_no_signal_to_take(void **state)
{
	int child = 0;
	(void)state;
	assert_int_equal(catch_(SIGCHLD), 0);
	raise(SIGCHLD);
	assert_false(signals_waiting());
	signals_drain(&child);
	assert_int_equal(child, 1);
	assert_int_equal(signals_take(), 0);
	child = 0;
	signals_drain(&child);
	assert_int_equal(child, 0);
}

static void what_cannot_be_caught_is_refused(void **state)
{
	(void)state;
	assert_int_equal(signals_catch(0, &err), -1);
	assert_string_equal(err.code, "invalid");
	assert_int_equal(signals_catch(10000, &err), -1);
	assert_string_equal(err.code, "invalid");
	assert_int_equal(signals_catch(SIGKILL, &err), -1);
	assert_string_equal(err.code, "EINVAL");
}

static void what_was_ignored_stays_ignored(void **state)
{
	struct sigaction now;
	int child = 0;
	(void)state;
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(catch_(SIGHUP), 0);
	assert_int_equal(sigaction(SIGHUP, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_IGN);
	raise(SIGHUP);
	signals_drain(&child);
	assert_int_equal(signals_take(), 0);
}

/* In a child: how it ends. */
static int status_of(void (*run)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void raise_untaken(void)
{
	if (catch_(SIGTERM) < 0)
		_exit(9);
	for (int i = 0; i < 3; i++)
		raise(SIGTERM);
}

static void raise_taken(void)
{
	int child;
	if (catch_(SIGTERM) < 0)
		_exit(9);
	for (int i = 0; i < 9; i++) {
		raise(SIGTERM);
		signals_drain(&child);
		if (signals_take() != SIGTERM)
			_exit(8);
	}
}

static void the_third_that_nobody_takes_has_its_effect(void **state)
{
	int status = status_of(raise_untaken);
	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = status_of(raise_taken);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void reset(void)
{
	sigset_t set;
	if (catch_(SIGTERM) < 0)
		_exit(9);
	signal(SIGUSR1, SIG_IGN);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals_reset();
	raise(SIGUSR1);
}

static void a_reset_leaves_the_defaults(void **state)
{
	int status = status_of(reset);
	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pipe_is_made_once),
		cmocka_unit_test(caught_signals_come_in_their_order),
		cmocka_unit_test(a_childs_end_is_no_signal_to_take),
		cmocka_unit_test(what_cannot_be_caught_is_refused),
		cmocka_unit_test(what_was_ignored_stays_ignored),
		cmocka_unit_test(the_third_that_nobody_takes_has_its_effect),
		cmocka_unit_test(a_reset_leaves_the_defaults),
	};
	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
