#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "child/spawn.h"
#include "fixture.h"

static char printed[4096];

/* Run "sh -c SCRIPT" with more options; its output, with stderr, goes to `printed`. Returns its exit code, or -1 when it was not run:
 * FAILURE says why. */
static int run(const char *script, struct spawn_options how, struct spawn_failure *failure)
{
	const char *argv[] = {"sh", "-c", script, NULL}, *envp[] = {"PATH=/usr/bin:/bin", "A=1", NULL};
	int ends[2], status, status_fd;
	ssize_t got;
	size_t len = 0;
	pid_t pid;
	assert_int_equal(fd_pipe(ends), 0);
	how.program = how.program ? how.program : "/bin/sh";
	how.argv = argv;
	how.envp = envp;
	how.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	how.out = how.err = ends[1];
	assert_int_equal(spawn(&how, &pid, &status_fd, &err), 0);
	fd_close(&how.in);
	fd_close(&ends[1]);
	while ((got = fd_read(ends[0], printed + len, sizeof printed - 1 - len)) > 0)
		len += (size_t)got;
	printed[len] = '\0';
	fd_close(&ends[0]);
	memset(failure, 0, sizeof *failure);
	got = fd_read(status_fd, failure, sizeof *failure);
	fd_close(&status_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (got == (ssize_t)sizeof *failure) {
		assert_int_equal(WEXITSTATUS(status), 127);
		return -1;
	}
	assert_int_equal(got, 0);
	return WEXITSTATUS(status);
}

static void it_runs_with_what_it_is_given(void **state)
{
	struct spawn_failure failure;
	(void)state;
	assert_int_equal(run("echo out; echo err >&2; echo $A; exit 3", (struct spawn_options){0}, &failure), 3);
	assert_string_equal(printed, "out\nerr\n1\n");
	assert_int_equal(mkdir("sub", 0755), 0);
	assert_int_equal(run("basename $PWD; umask", (struct spawn_options){.cwd = "sub", .umask = 027}, &failure), 0);
	assert_string_equal(printed, "sub\n0027\n");
}

static void what_keeps_it_from_running_is_reported(void **state)
{
	struct spawn_failure failure;
	(void)state;
	assert_int_equal(run("", (struct spawn_options){.program = "/none"}, &failure), -1);
	assert_int_equal(failure.errnum, ENOENT);
	assert_false(failure.at_cwd);
	assert_int_equal(run("", (struct spawn_options){.cwd = "none"}, &failure), -1);
	assert_int_equal(failure.errnum, ENOENT);
	assert_true(failure.at_cwd);
}

static void it_keeps_only_the_named_descriptors(void **state)
{
	struct spawn_failure failure;
	int kept = fcntl(open("kept", O_RDWR | O_CREAT | O_CLOEXEC, 0600), F_DUPFD_CLOEXEC, 7);
	int other = fcntl(kept, F_DUPFD, 8);
	char script[128];
	(void)state;
	assert_true(kept >= 7 && kept < 10 && other > kept && other < 10);
	snprintf(script, sizeof script,
	         "{ echo x >&%d; } 2>/dev/null && echo kept; { echo x >&%d; } 2>/dev/null || echo closed", kept, other);
	assert_int_equal(run(script, (struct spawn_options){.keep = &kept, .keep_count = 1}, &failure), 0);
	assert_string_equal(printed, "kept\nclosed\n");
	close(kept);
	close(other);
}

#ifdef __linux__
static void memory_can_be_bounded(void **state)
{
	struct spawn_failure failure;
	(void)state;
	assert_int_equal(run("ulimit -Sd", (struct spawn_options){.max_memory = (size_t)64 << 20}, &failure), 0);
	assert_string_equal(printed, "65536\n");
}
#endif

static const char **environment;

static int has(const char *entry)
{
	for (const char **at = environment; *at; at++)
		if (strcmp(*at, entry) == 0)
			return 1;
	return 0;
}

static void an_environment_is_ours_with_changes(void **state)
{
	const char *const set[] = {"SPAWN_A=new", "SPAWN_NEW=1", NULL};
	const char *const unset[] = {"SPAWN_B", "SPAWN_X*", NULL};
	(void)state;
	setenv("SPAWN_A", "old", 1);
	setenv("SPAWN_B", "1", 1);
	setenv("SPAWN_BB", "1", 1);
	setenv("SPAWN_X1", "1", 1);
	environment = spawn_environment(set, unset, &err);
	assert_non_null(environment);
	assert_true(has("SPAWN_A=new") && has("SPAWN_NEW=1") && has("SPAWN_BB=1"));
	assert_false(has("SPAWN_A=old") || has("SPAWN_B=1") || has("SPAWN_X1=1"));
	free(environment);
	environment = spawn_environment(NULL, NULL, &err);
	assert_true(has("SPAWN_A=old") && has("SPAWN_B=1"));
	free(environment);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_enter, fixture_leave)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(it_runs_with_what_it_is_given),
		TEST(what_keeps_it_from_running_is_reported),
		TEST(it_keeps_only_the_named_descriptors),
#ifdef __linux__
		TEST(memory_can_be_bounded),
#endif
		TEST(an_environment_is_ours_with_changes),
	};
	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
