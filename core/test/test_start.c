#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/start.h"
#include "fixture.h"

/* Each test is a process of its own: what is inherited holds for all of it. */
static int status_of(int (*body)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void passes(int (*body)(void))
{
	int status = status_of(body);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int all_blocked_and_pending(void)
{
	sigset_t all, mask;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int signo = 1; signo < NSIG; signo++)
		if (signo != SIGKILL && signo != SIGSTOP && signo != SIGTERM && signo != SIGINT && signo != SIGHUP &&
		    signo != SIGQUIT && (signo < 32 || signo >= SIGRTMIN))
			kill(getpid(), signo);
	start_clean();
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int signo = 1; signo < NSIG; signo++)
		CHECK(sigismember(&mask, signo) != 1);
	return 0;
}

static void no_signal_stays_blocked_and_none_that_waited_is_felt(void **state)
{
	(void)state;
	passes(all_blocked_and_pending);
}

static int term_is_pending(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	raise(SIGTERM);
	start_clean();
	return 0;
}

static void one_that_asks_to_end_is_heard_late(void **state)
{
	int status = status_of(term_is_pending);
	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static int file_size_limit(void)
{
	struct rlimit limit = {1000, 1000};
	char bytes[2000] = {0};
	int fd = open("file", O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	start_clean();
	CHECK(write(fd, bytes, sizeof bytes) == 1000);
	CHECK(write(fd, bytes, sizeof bytes) < 0 && errno == EFBIG);
	return 0;
}

static void a_file_that_is_too_large_is_a_failed_write(void **state)
{
	(void)state;
	passes(file_size_limit);
}

static int ignored(void)
{
	signal(SIGHUP, SIG_IGN);
	start_clean();
	raise(SIGHUP);
	return 0;
}

static void what_nohup_ignores_stays_ignored(void **state)
{
	(void)state;
	passes(ignored);
}

static int profiled(void)
{
	const struct itimerval soon = {{0, 1000}, {0, 1000}};
	struct itimerval left;
	CHECK(setitimer(ITIMER_PROF, &soon, NULL) == 0 && setitimer(ITIMER_VIRTUAL, &soon, NULL) == 0);
	start_clean();
	CHECK(getitimer(ITIMER_PROF, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0);
	CHECK(getitimer(ITIMER_VIRTUAL, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_usec == 0);
	return 0;
}

static void a_profilers_timers_are_off(void **state)
{
	(void)state;
	passes(profiled);
}

static int few_descriptors(void)
{
	struct rlimit limit = {20, 200}, now;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	start_clean();
	CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 200 && now.rlim_max == 200);
	return 0;
}

static int many_descriptors(void)
{
	struct rlimit before, now;
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	start_clean();
	CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur >= before.rlim_cur && now.rlim_max == before.rlim_max);
	return 0;
}

static void the_limit_of_descriptors_is_raised_never_lowered(void **state)
{
	(void)state;
	passes(few_descriptors);
	passes(many_descriptors);
}

static int no_path(void)
{
	unsetenv("PATH");
	start_clean();
	CHECK(strcmp(getenv("PATH"), START_DEFAULT_PATH) == 0);
	setenv("PATH", "", 1);
	start_clean();
	CHECK(strcmp(getenv("PATH"), START_DEFAULT_PATH) == 0);
	setenv("PATH", "/own", 1);
	start_clean();
	CHECK(strcmp(getenv("PATH"), "/own") == 0);
	return 0;
}

static void without_a_path_there_is_a_default_one(void **state)
{
	(void)state;
	passes(no_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(no_signal_stays_blocked_and_none_that_waited_is_felt),
		FIXTURE_TEST(one_that_asks_to_end_is_heard_late),
		FIXTURE_TEST(a_file_that_is_too_large_is_a_failed_write),
		FIXTURE_TEST(what_nohup_ignores_stays_ignored),
		FIXTURE_TEST(a_profilers_timers_are_off),
		FIXTURE_TEST(the_limit_of_descriptors_is_raised_never_lowered),
		FIXTURE_TEST(without_a_path_there_is_a_default_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
