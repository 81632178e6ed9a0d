/* What a program starts with. */
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
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "fixture.h"
#include "limit.h"
#include "process_fixture.h"
#include "secret/mask.h"

static void memory_is_bounded(void **state)
{
	struct run run = {0};
	(void)state;
	/* In KiB, for the program and for what it starts; a child that it is not meant for can lift it. */
	run_script(&run, "ulimit -d; (ulimit -S -d); (ulimit -S -d \"$(ulimit -H -d)\"; test $(ulimit -d) = $(ulimit -H -d))",
	           (struct process_options){.max_memory = (size_t)32 << 20});
	assert_exit(&run, 0);
	assert_string_equal(run.result.tail, "32768\n32768\n");
	run_free(&run, 1);
}

static void makes_files_by_the_umask_given(void **state)
{
	struct run given = {0}, own = {0};
	(void)state;
	umask(077);
	run_script(&given, "umask", (struct process_options){.umask = 022});
	run_script(&own, "umask", (struct process_options){0});
	umask(022);
	assert_string_equal(given.result.tail, "0022\n");
	assert_string_equal(own.result.tail, "0077\n");
	run_free(&given, 1);
	run_free(&own, 1);
}

static void runs_in_the_directory_given(void **state)
{
	struct run run = {0};
	(void)state;
	assert_int_equal(mkdir("sub", 0755), 0);
	run_script(&run, "pwd -P", (struct process_options){.cwd = "sub"});
	assert_exit(&run, 0);
	assert_memory_equal(run.result.tail, fixture_dir, strlen(fixture_dir));
	assert_string_equal(run.result.tail + strlen(fixture_dir), "/sub\n");
	run_free(&run, 1);
}

static void the_environment_is_set_and_unset(void **state)
{
	const char *const set[] = {TEST_MARK, "CHANGED=new", "GONE_BUT_SET=back", NULL};
	const char *const unset[] = {"GONE", "PRE_*", "GONE_BUT_SET", "NOT_THERE", NULL};
	struct run run = {0};
	(void)state;
	setenv("CHANGED", "old", 1);
	setenv("GONE", "x", 1);
	setenv("GONE_TOO_NOT", "kept", 1);
	setenv("GONE_BUT_SET", "x", 1);
	setenv("PRE_A", "x", 1);
	setenv("PRE_", "x", 1);
	setenv("PREX", "kept", 1);
	run_script(&run, "echo $CHANGED ${GONE-none} $GONE_TOO_NOT $GONE_BUT_SET ${PRE_A-none} ${PRE_-none} $PREX",
	           (struct process_options){.env = set, .unset = unset});
	assert_tail(&run, "new none kept back none none kept\n");
	run_free(&run, 1);
}

static void inherits_no_descriptor_but_those_to_keep(void **state)
{
	struct run run = {0};
	char expected[16];
	int fd = open("/dev/null", O_RDONLY);
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	(void)state;
	/* A shell knows descriptors of one digit. */
	assert_true(fd > 2 && kept > fd && kept < 10);
	run_script(&run, "for n in 3 4 5 6 7 8 9; do (eval \"exec 1>&$n\") 2>/dev/null && echo $n; done; :",
	           (struct process_options){.keep = &kept, .keep_count = 1});
	snprintf(expected, sizeof expected, "%d\n", kept);
	assert_tail(&run, expected);
	assert_int_not_equal(fcntl(kept, F_GETFD) & FD_CLOEXEC, 0);
	run_free(&run, 1);
	fd_close(&kept);
	fd_close(&fd);
}

static void signals_have_their_default_effect(void **state)
{
	const int signals[] = {SIGINT, SIGPIPE, SIGTERM, SIGCHLD};
	const int ends[] = {SIGINT, SIGPIPE, SIGTERM, 0};
	sigset_t term;
	char script[64];
	(void)state;
	signal(SIGINT, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct run run = {0};
		snprintf(script, sizeof script, "kill -%d $$; exit 0", signals[i]);
		run_script(&run, script, NOTHING_SPECIAL);
		assert_false(run.failed);
		assert_int_equal(run.result.signo, ends[i]);
		run_free(&run, 1);
	}
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	signal(SIGINT, SIG_DFL);
}

static void has_no_terminal_and_a_group_of_its_own(void **state)
{
	struct run run = {0};
	char expected[64];
	(void)state;
	run_script(&run, "(: </dev/tty) 2>/dev/null && echo tty; kill -0 -$$ && echo $$", NOTHING_SPECIAL);
	snprintf(expected, sizeof expected, "%.*s", (int)run.result.tail_len, run.result.tail);
	assert_int_not_equal(strspn(expected, "0123456789"), 0);
	assert_int_not_equal(atol(expected), getpgrp());
	run_free(&run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(memory_is_bounded),
		FIXTURE_TEST(makes_files_by_the_umask_given),
		FIXTURE_TEST(runs_in_the_directory_given),
		FIXTURE_TEST(the_environment_is_set_and_unset),
		FIXTURE_TEST(inherits_no_descriptor_but_those_to_keep),
		FIXTURE_TEST(signals_have_their_default_effect),
		FIXTURE_TEST(has_no_terminal_and_a_group_of_its_own),
	};
	return cmocka_run_group_tests_name("process_start", tests, NULL, NULL);
}
