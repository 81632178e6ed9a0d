#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/sys.h"
#include "child/detached.h"
#include "fixture.h"
#include "loop_fixture.h"

/* What a file holds when it ends in a newline; waits for that. */
static const char *written(const char *path)
{
	static char text[4096];
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	const struct timespec moment = {.tv_nsec = 5000000};
	while (clock_monotonic_ns() < deadline) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t got = fd < 0 ? -1 : fd_read(fd, text, sizeof text - 1);
		fd_close(&fd);
		text[got < 0 ? 0 : got] = '\0';
		if (got > 0 && text[got - 1] == '\n')
			return text;
		nanosleep(&moment, NULL);
	}
	return "nothing was written\n";
}

static pid_t start_script(const char *script, struct detached_options how)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	pid_t pid = 0;
	how.program = "/bin/sh";
	how.argv = argv;
	assert_int_equal(detached_start(&how, &pid, &err), 0);
	assert_true(pid > 1);
	return pid;
}

static void it_is_no_child_and_leads_a_session(void **state)
{
	long pid, session, group, parent;
	pid_t started;
	(void)state;
	started = start_script("read -r pid name state parent group session rest </proc/self/stat;"
	                       "echo $$ $session $group $PPID >f.new; mv f.new f",
	                       (struct detached_options){0});
	assert_int_equal(sscanf(written("f"), "%ld %ld %ld %ld", &pid, &session, &group, &parent), 4);
	assert_int_equal(pid, started);
	assert_int_equal(session, pid);
	assert_int_equal(group, pid);
	assert_int_not_equal(parent, getpid());
	assert_no_children();
}

/* The end of its starter, and a signal to the starter's group, do not reach it. */
static void it_outlives_its_starter(void **state)
{
	int status;
	pid_t starter;
	(void)state;
	starter = fork();
	if (starter == 0) {
		setpgid(0, 0);
		start_script("trap 'echo ended >>f' HUP TERM; echo on >on; until [ -e go ]; do sleep 0.01; done; echo done >>f",
		             (struct detached_options){0});
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(starter, &status, WUNTRACED), starter);
	assert_true(WIFSTOPPED(status));
	assert_string_equal(written("on"), "on\n");
	assert_int_equal(kill(-starter, SIGHUP) | kill(-starter, SIGTERM) | kill(-starter, SIGKILL), 0);
	assert_int_equal(waitpid(starter, &status, 0), starter);
	assert_int_equal(mkdir("go", 0700), 0);
	assert_string_equal(written("f"), "done\n");
}

static void it_has_no_descriptors_but_those_that_are_kept(void **state)
{
	int kept = fcntl(open("kept", O_RDWR | O_CREAT | O_CLOEXEC, 0600), F_DUPFD_CLOEXEC, 50);
	int open_one = fcntl(kept, F_DUPFD, 60);
	(void)state;
	start_script("ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> .*/\\1/p' | grep -v '^3$' | tr '\\n' ' ' >g; echo "
	             ">>g; mv g f",
	             (struct detached_options){.keep = &kept, .keep_count = 1});
	assert_string_equal(written("f"), "0 1 2 50 \n");
	fd_close(&kept);
	fd_close(&open_one);
}

static void its_messages_are_appended_to_a_log(void **state)
{
	struct stat st;
	(void)state;
	start_script("echo lost; echo one >&2", (struct detached_options){.log_file = "log"});
	assert_string_equal(written("log"), "one\n");
	start_script("read -r line; echo \"two $?\" >&2; echo >on", (struct detached_options){.log_file = "log"});
	written("on");
	assert_string_equal(written("log"), "one\ntwo 1\n");
	assert_int_equal(stat("log", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_log_is_a_file_and_does_not_grow_for_good(void **state)
{
	const char *argv[] = {"sh", "-c", ":", NULL};
	struct detached_options how = {.program = "/bin/sh", .argv = argv, .log_file = "pipe"};
	pid_t pid;
	(void)state;
	assert_int_equal(mkfifo("pipe", 0600) | symlink("log", "link"), 0);
	assert_failed(detached_start(&how, &pid, &err), "ENXIO");
	how.log_file = "link";
	assert_failed(detached_start(&how, &pid, &err), "ELOOP");
	how.log_file = "none/log";
	assert_failed(detached_start(&how, &pid, &err), "ENOENT");
	assert_int_equal(fs_write_atomic("log", "x", 1, 0600, &err) | truncate("log", 2 << 20), 0);
	start_script("echo new >&2", (struct detached_options){.log_file = "log"});
	assert_string_equal(written("log"), "new\n");
}

static void what_cannot_be_run_is_an_error(void **state)
{
	const char *argv[] = {"none", NULL};
	struct detached_options how = {.program = "/none", .argv = argv};
	struct detached detached = {0};
	int before = open_descriptors();
	pid_t pid;
	(void)state;
	assert_failed(detached_start(&how, &pid, &err), "ENOENT");
	assert_non_null(strstr(err.message, "/none"));
	assert_failed(detached_follow(loop, &detached, &how, &pid, &err), "ENOENT");
	detached_leave(&detached);
	assert_no_children();
	assert_int_equal(open_descriptors(), before);
}

/* What was taken out of this process's environment is in the other one's, and changes come last. */
static void it_has_the_whole_environment(void **state)
{
	const char *env[] = {"DETACHED_C=3", "DETACHED_B=new", NULL}, *unset[] = {"DETACHED_D", "DETACHED_E", NULL};
	char *value;
	(void)state;
	for (const char *name = "ABDE"; *name; name++) {
		const char variable[] = {'D', 'E', 'T', 'A', 'C', 'H', 'E', 'D', '_', *name, '\0'};
		setenv(variable, "old", 1);
		if (*name != 'E') {
			assert_int_equal(sys_take_env(variable, &value, &err), 0);
			free(value);
		}
	}
	setenv("MOLBUILD_CHILD", "another's", 1);
	start_script("echo $DETACHED_A $DETACHED_B $DETACHED_C [$DETACHED_D$DETACHED_E$MOLBUILD_CHILD] >g; mv g f",
	             (struct detached_options){.env = env, .unset = unset});
	assert_string_equal(written("f"), "old new 3 []\n");
	unsetenv("MOLBUILD_CHILD");
}

/* ---- followed ---------------------------------------------------------------------------------------------- */

static char heard[4096];
static int waits;

static void add(const char *data, size_t len)
{
	size_t at = strlen(heard);
	assert_true(at + len < sizeof heard);
	memcpy(heard + at, data, len);
	heard[at + len] = '\0';
}

static int on_output(struct detached *detached, const char *data, size_t len)
{
	(void)detached;
	if (len)
		add(data, len);
	return waits-- > 0;
}

static void on_result(struct detached *detached, const char *data, size_t len)
{
	(void)detached;
	add("=", 1);
	add(data, len);
}

static void on_ended(struct detached *detached)
{
	(void)detached;
	note('e');
}

static const struct detached_events followed = {.output = on_output, .result = on_result, .ended = on_ended};

static pid_t follow_script(struct detached *detached, const char *script, const char *more)
{
	const char *argv[] = {"sh", "-c", script, "sh", more, NULL};
	struct detached_options how = {.program = "/bin/sh", .argv = argv, .named = 1};
	pid_t pid;
	heard[0] = '\0';
	*detached = (struct detached){.events = &followed};
	assert_int_equal(detached_follow(loop, detached, &how, &pid, &err), 0);
	return pid;
}

static void its_output_is_read_to_its_end(void **state)
{
	struct detached detached;
	(void)state;
	waits = 3; /* a slow reader */
	follow_script(&detached, "echo one >&2; echo two >&2; until [ -e f ]; do sleep 0.01; done; echo result; exit 3", NULL);
	while (!strstr(heard, "two\n"))
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(mkdir("f", 0700), 0);
	run_until_noted(1);
	assert_string_equal(heard, "one\ntwo\n=result\n");
	detached_leave(&detached);
	assert_no_children();
}

static void it_goes_on_when_it_is_left(void **state)
{
	struct detached detached;
	(void)state;
	waits = 0;
	follow_script(&detached, "trap '' PIPE; until [ -e go ]; do sleep 0.01; done; echo lost; echo lost >&2; echo on >f",
	              NULL);
	detached_leave(&detached);
	detached_leave(&detached);
	assert_int_equal(mkdir("go", 0700), 0);
	assert_string_equal(written("f"), "on\n");
	assert_string_equal(heard, "");
}

static void it_inherits_what_is_named(void **state)
{
	struct detached detached;
	char named[32];
	int ends[2], own;
	(void)state;
	waits = 0;
	assert_int_equal(pipe(ends), 0);
	own = fcntl(ends[0], F_DUPFD_CLOEXEC, 70);
	assert_int_equal(write(ends[1], "through a pipe\n", 15), 15);
	snprintf(named, sizeof named, "/dev/fd/%d", ends[0]);
	setenv("DETACHED_NAMED", "/proc/self/fd/70", 1); /* this program's own: closed at exec */
	follow_script(&detached, "read -r line <$1; echo $line >&2; [ -e /proc/self/fd/70 ] || echo closed >&2", named);
	run_until_noted(1);
	assert_string_equal(heard, "through a pipe\nclosed\n");
	unsetenv("DETACHED_NAMED");
	detached_leave(&detached);
	fd_close(&own);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LOOP_TEST(it_is_no_child_and_leads_a_session),
		LOOP_TEST(it_outlives_its_starter),
		LOOP_TEST(it_has_no_descriptors_but_those_that_are_kept),
		LOOP_TEST(its_messages_are_appended_to_a_log),
		LOOP_TEST(a_log_is_a_file_and_does_not_grow_for_good),
		LOOP_TEST(what_cannot_be_run_is_an_error),
		LOOP_TEST(it_has_the_whole_environment),
		LOOP_TEST(its_output_is_read_to_its_end),
		LOOP_TEST(it_goes_on_when_it_is_left),
		LOOP_TEST(it_inherits_what_is_named),
	};
	return cmocka_run_group_tests_name("detached", tests, NULL, NULL);
}
