#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cmocka.h>

#include "base/sys.h"
#include "file/fs.h"
#include "fixture.h"

static void make_file(const char *path, mode_t mode)
{
	assert_int_equal(fs_write_atomic(path, "#!/bin/sh\n", 10, mode, &err), 0);
}

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", fixture_dir, name);
	return path;
}

static void assert_found(const char *name, const char *path_env, const char *expected)
{
	char *found = NULL;
	assert_int_equal(sys_find_program(name, path_env, &found, &err), 0);
	assert_string_equal(found, expected);
	free(found);
}

static void assert_not_found(const char *name, const char *path_env)
{
	char *found = NULL;
	err.code[0] = '\0';
	assert_int_equal(sys_find_program(name, path_env, &found, &err), -1);
	assert_string_equal(err.code, "not_found");
	assert_null(found);
}

static void finds_the_first_on_path(void **state)
{
	char path_env[PATH_MAX * 2];
	(void)state;
	assert_int_equal(mkdir("a", 0700) | mkdir("b", 0700), 0);
	make_file("b/tool", 0755);
	snprintf(path_env, sizeof path_env, "/nonexistent:%s/a:%s/b", fixture_dir, fixture_dir);
	assert_found("tool", path_env, in_dir("b/tool"));
	make_file("a/tool", 0755);
	assert_found("tool", path_env, in_dir("a/tool"));
}

static void passes_by_what_cannot_be_run(void **state)
{
	char path_env[PATH_MAX * 3];
	(void)state;
	assert_int_equal(mkdir("a", 0700) | mkdir("b", 0700) | mkdir("b/tool", 0700), 0);
	make_file("a/tool", 0644);
	snprintf(path_env, sizeof path_env, "%s/a:%s/b:%s", fixture_dir, fixture_dir, fixture_dir);
	assert_not_found("tool", path_env);
	make_file("real", 0755);
	assert_int_equal(symlink("nowhere", "tool"), 0);
	assert_not_found("tool", path_env);
	assert_int_equal(unlink("tool") | symlink("real", "tool"), 0);
	assert_found("tool", path_env, in_dir("tool"));
}

static void never_takes_a_tool_from_the_working_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir("bin", 0700), 0);
	make_file("tool", 0755);
	make_file("bin/tool", 0755);
	assert_not_found("tool", "");
	assert_not_found("tool", ":");
	assert_not_found("tool", "::/nonexistent:");
	assert_not_found("tool", ".:bin");
	assert_not_found("tool", NULL);
}

static void without_a_path_looks_in_the_usual_directories(void **state)
{
	char *with_none = NULL, *with_empty = NULL;
	(void)state;
	assert_int_equal(sys_find_program("sh", NULL, &with_none, &err), 0);
	assert_int_equal(sys_find_program("sh", "", &with_empty, &err), 0);
	assert_string_equal(with_none, with_empty);
	assert_string_equal(with_none + strlen(with_none) - strlen("/bin/sh"), "/bin/sh");
	free(with_none);
	free(with_empty);
}

static void says_what_was_not_found(void **state)
{
	(void)state;
	assert_not_found("no-such-tool", "/usr/bin:/bin");
	assert_string_equal(err.message, "\"no-such-tool\" not found on PATH");
	assert_not_found("", "/usr/bin:/bin");
	assert_not_found(".", "/usr/bin:/bin");
}

static void checks_a_name_with_a_slash_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(mkdir("bin", 0700), 0);
	make_file("bin/tool", 0755);
	make_file("bin/text", 0644);
	assert_found("bin/tool", "/usr/bin", in_dir("bin/tool"));
	assert_found(in_dir("bin/tool"), NULL, in_dir("bin/tool"));
	assert_not_found("bin/text", "/usr/bin");
	assert_not_found("./sh", "/bin:/usr/bin");
}

static void knows_this_program(void **state)
{
	char *path = NULL;
	struct stat st;
	(void)state;
	assert_int_equal(sys_executable_path(&path, &err), 0);
	assert_int_equal(path[0], '/');
	assert_string_equal(strrchr(path, '/'), "/test_sys");
	assert_int_equal(stat(path, &st), 0);
	free(path);
}

static void knows_the_host_name(void **state)
{
	char name[256], expected[256] = "", cut[3];
	(void)state;
	assert_int_equal(gethostname(expected, sizeof expected), 0);
	sys_hostname(name, sizeof name);
	assert_string_equal(name, expected[0] ? expected : "localhost");
	sys_hostname(cut, sizeof cut);
	assert_true(strlen(cut) <= 2);
	assert_true(strlen(cut) > 0);
}

static void counts_processors(void **state)
{
	(void)state;
	assert_in_range(sys_cpus(), 1, sysconf(_SC_NPROCESSORS_CONF));
}

static void asks_the_terminal_for_its_size(void **state)
{
	struct winsize size = {.ws_col = 81, .ws_row = 25};
	int columns = 0, rows = 0, terminal, pty = posix_openpt(O_RDWR | O_NOCTTY);
	(void)state;
	assert_true(pty >= 0);
	assert_int_equal(grantpt(pty) | unlockpt(pty), 0);
	terminal = open(ptsname(pty), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(sys_terminal_size(terminal, &columns, &rows), -1);
	assert_int_equal(errno, ENXIO);
	assert_int_equal(ioctl(pty, TIOCSWINSZ, &size), 0);
	assert_int_equal(sys_terminal_size(terminal, &columns, &rows), 0);
	assert_int_equal(columns, 81);
	assert_int_equal(rows, 25);
	close(terminal);
	close(pty);
}

static void a_file_is_no_terminal(void **state)
{
	int columns, rows, fd = open("/dev/null", O_RDONLY);
	(void)state;
	assert_int_equal(sys_terminal_size(fd, &columns, &rows), -1);
	assert_int_equal(errno, ENOTTY);
	close(fd);
}

static void names_signals(void **state)
{
	char name[SYS_SIGNAL_NAME_MAX];
	(void)state;
	sys_signal_name(SIGKILL, name);
	assert_string_equal(name, "SIGKILL (9)");
	sys_signal_name(SIGTERM, name);
	assert_string_equal(name, "SIGTERM (15)");
	sys_signal_name(99, name);
	assert_string_equal(name, "signal 99");
}

static void takes_a_variable_out_of_the_environment(void **state)
{
	/* The same name twice: the starter of a program may do that. */
	static char first[] = "TAKEN=s3cret", other[] = "TAKEN_NOT=stays", second[] = "TAKEN=t00";
	static char *list[] = {first, other, second, NULL};
	char **before = environ, *value;
	(void)state;
	environ = list;
	assert_int_equal(sys_take_env("TAKEN", &value, &err), 0);
	assert_string_equal(value, "s3cret");
	free(value);
	assert_null(getenv("TAKEN"));
	assert_string_equal(getenv("TAKEN_NOT"), "stays");
	assert_memory_equal(first, "TAKEN=\0\0\0\0\0\0", sizeof first);
	assert_memory_equal(second, "TAKEN=\0\0\0", sizeof second);
	assert_int_equal(sys_take_env("TAKEN", &value, &err), 0);
	assert_null(value);
	assert_failed(sys_take_env("TAKEN_NOT=stays", &value, &err), "EINVAL");
	assert_failed(sys_take_env("", &value, &err), "EINVAL");
	assert_string_equal(other, "TAKEN_NOT=stays");
	environ = before;
}

/* In a child: the protection cannot be taken back. Gives 0, or what is wrong. */
static int protected_process(rlim_t allowed, rlim_t wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return 1;
	limit.rlim_max = limit.rlim_max < allowed ? limit.rlim_max : allowed;
	limit.rlim_cur = limit.rlim_max;
	wanted = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	if (setrlimit(RLIMIT_CORE, &limit) < 0 || sys_protect_memory(&err) < 0 || getrlimit(RLIMIT_CORE, &limit) < 0)
		return 2;
	if (limit.rlim_cur != wanted || limit.rlim_max != wanted)
		return 3;
#ifdef __linux__
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 4;
#endif
	return 0;
}

static void keeps_what_it_has_taken(void **state)
{
	const char *const *all;
	char *value;
	size_t count = 0;
	(void)state;
	unsetenv("TAKEN_NONE");
	assert_int_equal(sys_take_env("TAKEN_NONE", &value, &err), 0);
	assert_null(value);
	for (all = sys_taken_env(); all && *all; all++)
		count++;
	setenv("TAKEN_A", "1=2", 1);
	setenv("TAKEN_B", "", 1);
	assert_int_equal(sys_take_env("TAKEN_A", &value, &err), 0);
	free(value);
	assert_int_equal(sys_take_env("TAKEN_B", &value, &err), 0);
	free(value);
	all = sys_taken_env() + count;
	assert_string_equal(all[0], "TAKEN_A=1=2");
	assert_string_equal(all[1], "TAKEN_B=");
	assert_null(all[2]);
}

static void assert_protected(rlim_t allowed, rlim_t wanted)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(protected_process(allowed, wanted));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void protects_memory_for_good(void **state)
{
	(void)state;
#ifdef __linux__
	assert_protected(RLIM_INFINITY, 1);
#else
	assert_protected(RLIM_INFINITY, 0);
#endif
	assert_protected(0, 0);
}

static void a_full_disk_is_an_error(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	(void)state;
#ifdef __linux__
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, "tag\n", 4, &err), -1);
	assert_string_equal(err.code, "ENOSPC");
#endif
	if (fd >= 0)
		close(fd);
	assert_int_equal(sys_write_all(-1, "tag\n", 4, &err), -1);
	assert_string_equal(err.code, "EBADF");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(finds_the_first_on_path),
		FIXTURE_TEST(passes_by_what_cannot_be_run),
		FIXTURE_TEST(never_takes_a_tool_from_the_working_directory),
		FIXTURE_TEST(without_a_path_looks_in_the_usual_directories),
		FIXTURE_TEST(says_what_was_not_found),
		FIXTURE_TEST(checks_a_name_with_a_slash_as_it_is),
		FIXTURE_TEST(knows_this_program),
		FIXTURE_TEST(knows_the_host_name),
		FIXTURE_TEST(counts_processors),
		FIXTURE_TEST(asks_the_terminal_for_its_size),
		FIXTURE_TEST(a_file_is_no_terminal),
		FIXTURE_TEST(names_signals),
		FIXTURE_TEST(takes_a_variable_out_of_the_environment),
		FIXTURE_TEST(keeps_what_it_has_taken),
		FIXTURE_TEST(protects_memory_for_good),
		FIXTURE_TEST(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests_name("sys", tests, NULL, NULL);
}
