/* What several test programs need: a working directory of their own for each test, and a user whom modes bind.
 * Everything is static inline, so that a test program stays one file. Include it after cmocka.h. */
#ifndef MOLBUILD_TEST_FIXTURE_H
#define MOLBUILD_TEST_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "file/fs.h"

#define FIXTURE_NOBODY 65534

static char *fixture_dir; /* absolute, without links; all users may write to it */
static struct error err;

static inline int fixture_enter(void **state)
{
	char *made;
	int result;
	(void)state;
	memset(&err, 0, sizeof err);
	umask(022);
	if (fs_mkdtemp("/tmp/molbuild-test-", &made, &err) < 0)
		return -1;
	result = fs_realpath(made, &fixture_dir, &err);
	free(made);
	return result < 0 ? -1 : chmod(fixture_dir, 0777) | chdir(fixture_dir);
}

/* Makes an ATTEMPT with a bound of MS milliseconds; when something else was too late for it, which it reports by 0, again with
 * twice the time. */
static inline void with_enough_time(int (*attempt)(int64_t ms), int64_t ms)
{
	while (!attempt(ms)) {
		ms *= 2;
		assert_true(ms < 60000);
	}
}

static inline int fixture_leave(void **state)
{
	(void)state;
	if (chdir("/") < 0 || fs_remove_tree(fixture_dir, &err) < 0)
		return -1;
	free(fixture_dir);
	return 0;
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_enter, fixture_leave)

/* RESULT is -1 and err says CODE and something to read. */
static inline void assert_failed(int result, const char *code)
{
	assert_int_equal(result, -1);
	assert_string_equal(err.code, code);
	assert_true(err.message[0] != '\0');
}

/* Run BODY in a child process, as another user when this one is root. It returns 0, or names the line that
 * failed. */
static inline void as_nobody(int (*body)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (getuid() == 0 && (setgroups(0, NULL) < 0 || setgid(FIXTURE_NOBODY) < 0 || setuid(FIXTURE_NOBODY) < 0))
			_exit(255);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In such a body: the line (modulo 250) becomes the exit code. */
#define CHECK(condition)                                                                                                       \
	do {                                                                                                                   \
		if (!(condition))                                                                                              \
			return __LINE__ % 250 + 1;                                                                             \
	} while (0)

static inline void assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static inline int open_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#endif
