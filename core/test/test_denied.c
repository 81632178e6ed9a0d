/* The primitives where a filter denies newer system calls (denied_fixture.h). Threads: test_start_filter.c. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"
#include "file/fs.h"
#include "fixture.h"
#include "limit.h"
#include "lock/lock.h"
#include "process_fixture.h"

#ifdef __linux__
#include "denied_fixture.h"

static void under_the_filter(int (*body)(void))
{
	below_filter(NEWER_THAN_2018, body);
}

static int find(void)
{
	char *path = NULL;
	CHECK(sys_find_program("sh", "/bin", &path, &err) == 0);
	free(path);
	return 0;
}

static void programs_are_found(void **state)
{
	(void)state;
	under_the_filter(find);
}

static int resolve(void)
{
	char *path = NULL, expected[4096];
	snprintf(expected, sizeof expected, "%s/a/b", fixture_dir);
	CHECK(fs_realpath("link/.././b", &path, &err) == 0);
	CHECK(strcmp(path, expected) == 0);
	free(path);
	CHECK(fs_realpath("a/../none", &path, &err) == -1 && strcmp(err.code, "ENOENT") == 0);
	CHECK(fs_realpath("a/../file/", &path, &err) == -1 && strcmp(err.code, "ENOTDIR") == 0);
	return 0;
}

static void paths_are_resolved(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirp("a/b", 0700, &err), 0);
	assert_int_equal(symlink("a/b", "link"), 0);
	assert_int_equal(fs_write_atomic("file", "", 0, 0600, &err), 0);
	under_the_filter(resolve);
}

static int remove_closed(void)
{
	struct stat st;
	CHECK(fs_remove_tree("closed", &err) == 0);
	CHECK(lstat("closed", &st) < 0 && errno == ENOENT);
	return 0;
}

static int remove_closed_as_nobody(void)
{
	if (getuid() == 0)
		CHECK(setgid(FIXTURE_NOBODY) == 0 && setuid(FIXTURE_NOBODY) == 0);
	CHECK(fs_mkdirp("closed/in/it", 0700, &err) == 0);
	CHECK(chmod("closed/in", 0) == 0);
	return remove_closed();
}

static void trees_with_closed_directories_are_removed(void **state)
{
	(void)state;
	under_the_filter(remove_closed_as_nobody);
}

static int run_and_end(void)
{
	struct run run = {.answer_to = "up", .answer = LINES_STOP};
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	const char *argv[] = {"sh", "-c", "setsid sleep 1000 & echo up; wait", NULL};
	struct process_options options = {.program = "/bin/sh", .argv = argv};
	run_start(&run, &options);
	while (!run.done && clock_monotonic_ns() < deadline)
		CHECK(loop_step(run.loop, NS_PER_S, &err) == 0);
	CHECK(run.done && strcmp(run.error.code, "cancelled") == 0);
	CHECK(run.result.strays_left == 0);
	process_free(run.process);
	loop_free(run.loop);
	return 0;
}

static void children_run_and_are_ended_with_those_that_left_them(void **state)
{
	(void)state;
	under_the_filter(run_and_end);
	assert_no_strays();
}

static void on_lock(struct lock_wait *wait, int ok)
{
	(void)wait;
	(void)ok;
}

static int wait_for_lock(void)
{
	struct loop *loop = loop_new(&err);
	struct lock first = {0};
	struct lock_wait wait = {.done = on_lock};
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	CHECK(loop && lock_try(&first, "lock", "", &err) == 0);
	CHECK(lock_wait_start(loop, &wait, "lock", "", NS_NEVER, &err) == 0);
	lock_release(&first);
	while (!wait.lock.owner && clock_monotonic_ns() < deadline)
		CHECK(loop_step(loop, NS_PER_S, &err) == 0);
	CHECK(wait.lock.owner != 0);
	lock_release(&wait.lock);
	lock_wait_cancel(&wait);
	loop_free(loop);
	return 0;
}

static void locks_are_waited_for(void **state)
{
	(void)state;
	under_the_filter(wait_for_lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(programs_are_found),
		FIXTURE_TEST(paths_are_resolved),
		FIXTURE_TEST(trees_with_closed_directories_are_removed),
		FIXTURE_TEST(children_run_and_are_ended_with_those_that_left_them),
		FIXTURE_TEST(locks_are_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	return 0;
}

#endif
