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

static void tells_the_exit_code(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "exit 42", NOTHING_SPECIAL);
	assert_exit(&run, 42);
	assert_tail(&run, "");
	assert_true(run.result.seconds > 0 && run.result.seconds < 60);
	run_free(&run, 1);
}

static void tells_the_signal(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "kill -KILL $$", NOTHING_SPECIAL);
	assert_false(run.failed);
	assert_int_equal(run.result.code, -1);
	assert_int_equal(run.result.signo, SIGKILL);
	run_free(&run, 1);
}

static void cannot_run(const char *program, const char *cwd, const char *code, const char *message)
{
	const char *argv[] = {"it", NULL};
	struct run run = {0};
	run_start(&run, &(struct process_options){.program = program, .argv = argv, .cwd = cwd});
	assert_non_null(run.process);
	run_until(&run, NULL);
	assert_ended(&run, code);
	assert_string_equal(run.error.message, message);
	run_free(&run, 1);
}

static void a_program_that_cannot_be_run_is_an_error(void **state)
{
	int fd = open("text", O_WRONLY | O_CREAT, 0644);
	(void)state;
	fd_close(&fd);
	cannot_run("/nowhere/tool", NULL, "ENOENT", "cannot run tool: No such file or directory");
	cannot_run("text", NULL, "EACCES", "cannot run text: Permission denied");
	cannot_run("/bin/sh", "missing", "ENOENT", "cannot enter the directory of sh: No such file or directory");
}

static void input_is_given_whole_and_ends(void **state)
{
	struct run run = {0};
	char *input = malloc(1 << 20);
	(void)state;
	assert_non_null(input);
	memset(input, 'x', 1 << 20);
	run_script(&run, "wc -c | tr -d ' '", (struct process_options){.input = input, .input_len = 1 << 20});
	assert_exit(&run, 0);
	assert_tail(&run, "1048576\n");
	run_free(&run, 1);
	run = (struct run){0};
	/* A program need not read it. */
	run_script(&run, "exec 0<&-; echo ok", (struct process_options){.input = input, .input_len = 1 << 20});
	assert_exit(&run, 0);
	assert_tail(&run, "ok\n");
	run_free(&run, 1);
	free(input);
}

static void without_input_it_reads_nothing(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "cat; echo end", NOTHING_SPECIAL);
	assert_tail(&run, "end\n");
	run_free(&run, 1);
	run = (struct run){0};
	run_script(&run, "cat; echo end", (struct process_options){.input = "", .input_len = 0});
	assert_tail(&run, "end\n");
	run_free(&run, 1);
}

static void both_outputs_come_in_order(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "echo a; echo b >&2; echo c; echo d >&2; printf e", NOTHING_SPECIAL);
	assert_tail(&run, "a\nb\nc\nd\ne");
	assert_string_equal(run.result.last_line, "e");
	run_free(&run, 1);
}

static void only_the_end_is_kept(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "echo 0123456789", (struct process_options){.tail = 5});
	assert_tail(&run, "6789\n");
	run_free(&run, 1);
}

static void captured_output_is_kept_apart_and_as_it_is(void **state)
{
	struct run run = {0};
	(void)state;
	assert_int_equal(mask_add("open-sesame", 11, &err), 0);
	run_script(&run, "printf 'a\\000open-sesame'; echo open-sesame >&2", (struct process_options){.capture = 13});
	assert_exit(&run, 0);
	assert_int_equal(run.result.captured_len, 13);
	assert_memory_equal(run.result.captured, "a\0open-sesame", 13);
	assert_tail(&run, "***\n");
	mask_clear();
	run_free(&run, 1);
}

static void too_much_captured_output_is_an_error(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "echo 0123; sleep 60", (struct process_options){.capture = 4});
	assert_ended(&run, "too_large");
	assert_string_equal(run.error.message, "sh printed more than 4 bytes");
	run_free(&run, 1);
}

static void every_line_is_told_once(void **state)
{
	struct run run = {.answer_to = ""};
	(void)state;
	run_script(&run, "printf 'one\\ntwo\\r\\n'; echo three >&2; printf '10%%\\r20%%\\rfo'; printf ur", NOTHING_SPECIAL);
	assert_string_equal(run.lines, "one|two|three|10%|20%|four|");
	run_free(&run, 1);
}

static void the_log_is_whole_and_masked(void **state)
{
	struct run run = {.answer_to = ""};
	struct buf log;
	struct stat st;
	(void)state;
	assert_int_equal(mask_add("s3cret-value", 12, &err), 0);
	/* Cut within the secret: the two halves arrive apart. */
	run_script(&run, "echo first; printf 'x s3cre'; sleep 0.1; printf 't-value y\\n'",
	           (struct process_options){.log_file = "log", .tail = 4});
	mask_clear();
	buf_init(&log, 1000);
	assert_int_equal(fs_read("log", 1000, &log, &err), 0);
	assert_string_equal(log.data, "first\nx *** y\n");
	buf_free(&log);
	assert_int_equal(stat("log", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(run.lines, "first|x *** y|");
	assert_tail(&run, "* y\n");
	assert_null(run.result.log_error);
	run_free(&run, 1);
}

static void a_log_that_cannot_be_made_starts_nothing(void **state)
{
	const char *argv[] = {"sh", "-c", "touch started", NULL};
	struct process_options options = {.program = "/bin/sh", .argv = argv, .log_file = "none/log"};
	struct run run = {0};
	(void)state;
	run_start(&run, &options);
	assert_null(run.process);
	assert_string_equal(err.code, "ENOENT");
	run_free(&run, 0);
	/* Never through a link that another user put there. */
	assert_int_equal(symlink("victim", "link"), 0);
	options.log_file = "link";
	run_start(&run, &options);
	assert_null(run.process);
	assert_string_equal(err.code, "ELOOP");
	run_free(&run, 0);
	assert_int_equal(access("victim", F_OK) | access("started", F_OK), -1);
}

#ifdef __linux__
static void a_full_disk_is_told_and_no_failure(void **state)
{
	const struct rlimit any = {RLIM_INFINITY, RLIM_INFINITY}, none = {0, RLIM_INFINITY};
	struct run run = {0};
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	run_script(&run, "echo a; exit 3", (struct process_options){.log_file = "log"});
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &any), 0);
	assert_exit(&run, 3);
	assert_string_equal(run.result.log_error, "the log is incomplete: File too large");
	assert_tail(&run, "a\n");
	run_free(&run, 1);
}
#endif

static size_t longest, total;

static int measure(void *ud, const char *line, size_t len)
{
	(void)ud;
	(void)line;
	total += len;
	longest = len > longest ? len : longest;
	return LINES_GO_ON;
}

static void a_line_without_end_takes_no_memory(void **state)
{
	struct run run = {0};
	struct rusage before, after;
	long unit = 1024; /* of ru_maxrss */
	(void)state;
#ifdef __APPLE__
	unit = 1;
#endif
	getrusage(RUSAGE_SELF, &before);
	run_script(&run, "head -c 104857600 /dev/zero | tr '\\0' x; head -c 1048576 /dev/zero",
	           (struct process_options){.lines.on_line = measure, .tail = 100});
	getrusage(RUSAGE_SELF, &after);
	assert_exit(&run, 0);
	assert_true(longest <= OUTPUT_LINE_MAX);
	assert_true(total >= OUTPUT_LINE_MAX);
	assert_true((after.ru_maxrss - before.ru_maxrss) * unit < 16L << 20);
	run_free(&run, 1);
}

static void many_run_at_once(void **state)
{
	static const char *const argv[] = {"sh", "-c", "sleep 0.1; exit 7", NULL};
	struct process_options options = {.program = "/bin/sh", .argv = argv};
	struct run runs[30] = {0};
	struct loop *loop = loop_new(&err);
	int left = 30, before = open_descriptors();
	(void)state;
	for (int i = 0; i < 30; i++) {
		process_fill_in(&options);
		runs[i].process = process_start(loop, &options, run_on_done, &runs[i], &err);
		assert_non_null(runs[i].process);
	}
	for (int64_t end = clock_monotonic_ns() + TEST_LIMIT_NS; left > 0 && clock_monotonic_ns() < end;) {
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
		left = 0;
		for (int i = 0; i < 30; i++)
			left += !runs[i].done;
	}
	assert_int_equal(left, 0);
	for (int i = 0; i < 30; i++) {
		assert_exit(&runs[i], 7);
		process_free(runs[i].process);
	}
	assert_int_equal(open_descriptors(), before);
	assert_no_children();
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(tells_the_exit_code),
		FIXTURE_TEST(tells_the_signal),
		FIXTURE_TEST(a_program_that_cannot_be_run_is_an_error),
		FIXTURE_TEST(input_is_given_whole_and_ends),
		FIXTURE_TEST(without_input_it_reads_nothing),
		FIXTURE_TEST(both_outputs_come_in_order),
		FIXTURE_TEST(only_the_end_is_kept),
		FIXTURE_TEST(captured_output_is_kept_apart_and_as_it_is),
		FIXTURE_TEST(too_much_captured_output_is_an_error),
		FIXTURE_TEST(every_line_is_told_once),
		FIXTURE_TEST(the_log_is_whole_and_masked),
		FIXTURE_TEST(a_log_that_cannot_be_made_starts_nothing),
#ifdef __linux__
		FIXTURE_TEST(a_full_disk_is_told_and_no_failure),
#endif
		FIXTURE_TEST(a_line_without_end_takes_no_memory),
		FIXTURE_TEST(many_run_at_once),
	};
	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
