#include <errno.h>
#include <pthread.h>
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

#include "base/start_filter.h"
#include "fixture.h"

#ifdef __linux__
#include "denied_fixture.h"

/* How a system call without valid arguments fails. */
static int failure_of(long number)
{
	return syscall(number, NULL, (size_t)0, NULL, 0) < 0 ? errno : 0;
}

static int gave_up_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void *set_flag(void *flag)
{
	*(int *)flag = 1;
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	int flag = 0;
	start_filter_correct();
	CHECK(pthread_create(&thread, NULL, set_flag, &flag) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(flag);
	return 0;
}

static void threads_start(void **state)
{
	(void)state;
	below_filter(NEWER_THAN_2018, start_thread);
	/* The call itself is the first one that this filter does not know. */
	below_filter(SYS_clone3, start_thread);
}

static int correct(void)
{
	start_filter_correct();
	CHECK(failure_of(SYS_clone3) == ENOSYS);
	CHECK(failure_of(SYS_clone3 + 1) == ENOSYS);
	CHECK(failure_of(SYS_clone3 - 1) == EPERM);
	/* The filter before ours decides on what is no newer call. */
	CHECK(failure_of(SYS_clone3 + 1000) == EPERM);
	return 0;
}

static void newer_calls_are_unknown_and_no_others(void **state)
{
	(void)state;
	below_filter(NEWER_THAN_2018, correct);
}

static int correct_again(void)
{
	int line = correct();
	return line ? line : correct();
}

static void a_second_correction_changes_nothing(void **state)
{
	(void)state;
	below_filter(NEWER_THAN_2018, correct_again);
}

static int correct_for_child(void)
{
	int status;
	pid_t pid;
	start_filter_correct();
	pid = fork();
	if (pid == 0)
		_exit(failure_of(SYS_clone3) != ENOSYS);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}

static void children_inherit_it(void **state)
{
	(void)state;
	below_filter(NEWER_THAN_2018, correct_for_child);
}

static int keep_privileges(void)
{
	int before = gave_up_privileges();
	start_filter_correct();
	CHECK(gave_up_privileges() == before);
	return 0;
}

/* Programs such as sudo or newuidmap still work, if the system allows it. */
static void an_administrator_gives_up_no_privileges(void **state)
{
	(void)state;
	below_filter(NEWER_THAN_2018, keep_privileges);
}

static int correct_as_nobody(void)
{
	if (getuid() == 0)
		CHECK(setgid(FIXTURE_NOBODY) == 0 && setuid(FIXTURE_NOBODY) == 0);
	start_filter_correct();
	CHECK(gave_up_privileges() == 1);
	CHECK(failure_of(SYS_clone3) == ENOSYS);
	return 0;
}

static void another_user_gives_them_up_for_it(void **state)
{
	(void)state;
	below_filter(NEWER_THAN_2018, correct_as_nobody);
}

static int leave_alone(void)
{
	int before = gave_up_privileges(), failure = failure_of(SYS_clone3);
	int denied = failure_of(SYS_clone3 + 1);
	start_filter_correct();
	CHECK(failure_of(SYS_clone3) == failure && failure_of(SYS_clone3 + 1) == denied);
	CHECK(gave_up_privileges() == before);
	return 0;
}

/* Also a filter that denies only what is newer than clone3: that call works, and so do threads. */
static void a_filter_that_knows_the_call_is_left_alone(void **state)
{
	(void)state;
	below_filter(SYS_clone3 + 1, leave_alone);
}

static void without_a_filter_none_is_added(void **state)
{
	(void)state;
	as_nobody(leave_alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(threads_start),
		FIXTURE_TEST(newer_calls_are_unknown_and_no_others),
		FIXTURE_TEST(a_second_correction_changes_nothing),
		FIXTURE_TEST(children_inherit_it),
		FIXTURE_TEST(an_administrator_gives_up_no_privileges),
		FIXTURE_TEST(another_user_gives_them_up_for_it),
		FIXTURE_TEST(a_filter_that_knows_the_call_is_left_alone),
		FIXTURE_TEST(without_a_filter_none_is_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return 0;
}

#endif
