/* System calls that a seccomp filter answers with EPERM, as outdated container engines do for each that is newer than
 * they are. ENOSYS would be the right answer, and is what libraries are prepared for. */
#include <errno.h>
#include <pthread.h>
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

#include "base/start.h"
#include "base/sys.h"
#include "file/fs.h"
#include "fixture.h"
#include "limit.h"
#include "lock/lock.h"
#include "process_fixture.h"

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Newer than the filters of 2018, under the numbers that all architectures share: pidfd_send_signal and what came after it. */
static int deny_new_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	}
	CHECK(syscall(424, -1, 0, NULL, 0) < 0 && errno == EPERM);
	return 0;
}

/* The filter is permanent: BODY runs in its own process. */
static void under_the_filter(int (*body)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int line = deny_new_calls();
		_exit(line ? line : body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
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

static void *set_flag(void *flag)
{
	*(int *)flag = 1;
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	int flag = 0;
	start_clean();
	CHECK(pthread_create(&thread, NULL, set_flag, &flag) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(flag);
	return 0;
}

static void threads_start(void **state)
{
	(void)state;
	under_the_filter(start_thread);
}

static int correct(void)
{
	int gave_up = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	start_clean();
	CHECK(syscall(SYS_clone3, NULL, (size_t)0) < 0 && errno == ENOSYS);
	CHECK(syscall(SYS_clone3 - 1, -1, 0, 0) < 0 && errno == EPERM);
	/* The filter before ours decides on what is no newer call. */
	CHECK(syscall(SYS_clone3 + 1000) < 0 && errno == EPERM);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == gave_up);
	return 0;
}

/* Programs such as sudo or newuidmap still work, if the system allows it. */
static void no_more_is_changed_than_needed(void **state)
{
	(void)state;
	under_the_filter(correct);
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
		FIXTURE_TEST(threads_start),
		FIXTURE_TEST(no_more_is_changed_than_needed),
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
