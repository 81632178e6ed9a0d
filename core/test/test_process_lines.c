/* The reports of a child's lines, and what a flood of them costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/fs.h"
#include "fixture.h"
#include "process_fixture.h"
#include "secret/mask.h"

#define MIB (1L << 20)

/* In the order in which they come: "<line>" from on_line, "(lines)" from on_lines. */
static int tell_line(void *ud, const char *line, size_t len)
{
	struct run *run = ud;
	size_t used = strlen(run->lines);
	snprintf(run->lines + used, sizeof run->lines - used, "<%.*s>", (int)len, line);
	return run->answer_to && strncmp(line, run->answer_to, len) == 0 ? run->answer : LINES_GO_ON;
}

static int tell_lines(void *ud, const char *text, size_t len)
{
	struct run *run = ud;
	size_t used = strlen(run->lines);
	snprintf(run->lines + used, sizeof run->lines - used, "(%.*s)", (int)len, text);
	return run->answer;
}

static const char *const steps[] = {"#0 [", "Step ", NULL};

static void only_lines_of_interest_are_told(void **state)
{
	struct run run = {0};
	(void)state;
	run_script(&run, "printf '#1 [1/2] a\\n#1 0.1 b\\nStep 2\\nc\\n\\nSt'; sleep 0.1; printf 'ep 3\\nStep 4'",
	           (struct process_options){.lines.on_line = tell_line, .lines.only = steps});
	assert_string_equal(run.lines, "<#1 [1/2] a><Step 2><Step 3><Step 4>");
	assert_tail(&run, "#1 [1/2] a\n#1 0.1 b\nStep 2\nc\n\nStep 3\nStep 4");
	run_free(&run, 1);
}

static void what_is_drawn_over_a_line_can_be_left_out(void **state)
{
	struct run run = {0};
	struct buf log;
	(void)state;
	run_script(&run,
	           "printf 'Step 1\rStep 2\nStep 3\r\nx\r'; sleep 0.1;"
	           "printf 'Step 4\nStep 5\r'; sleep 0.1; printf '\nStep 6'",
	           (struct process_options){
			   .lines.on_line = tell_line, .lines.only = steps, .lines.after_newline = 1, .log_file = "log"});
	assert_string_equal(run.lines, "<Step 1><Step 3><Step 5><Step 6>");
	assert_tail(&run, "Step 1\nStep 2\nStep 3\nx\nStep 4\nStep 5\nStep 6");
	buf_init(&log, 1000);
	assert_int_equal(fs_read("log", 1000, &log, &err), 0);
	assert_string_equal(log.data, "Step 1\nStep 2\nStep 3\nx\nStep 4\nStep 5\nStep 6");
	buf_free(&log);
	run_free(&run, 1);
	run = (struct run){0};
	run_script(&run, "printf 'Step 1\rStep 2\n'",
	           (struct process_options){.lines.on_line = tell_line, .lines.only = steps});
	assert_string_equal(run.lines, "<Step 1><Step 2>");
	run_free(&run, 1);
}

static void lines_come_in_bundles_in_their_order(void **state)
{
	struct run run = {0};
	(void)state;
	assert_int_equal(mask_add("s3cret-value", 12, &err), 0);
	run_script(&run, "printf 'a\\nb s3cret-value\\nStep 1\\nc\\n\\nd'; sleep 0.2; printf 'd\\nStep 2\\ne'",
	           (struct process_options){.lines.on_line = tell_line, .lines.on_lines = tell_lines, .lines.only = steps});
	mask_clear();
	assert_string_equal(run.lines, "(a\nb ***\nStep 1\n)<Step 1>(c\n\n)(dd\nStep 2\n)<Step 2>(e\n)");
	run_free(&run, 1);
}

static void bundles_come_without_on_line_and_can_end_it(void **state)
{
	struct run run = {.answer = LINES_STOP};
	(void)state;
	run_script(&run, "printf 'a\\nb\\nc\\n'; sleep 60", (struct process_options){.lines.on_lines = tell_lines});
	assert_ended(&run, "cancelled");
	assert_string_equal(run.lines, "(a\nb\nc\n)");
	run_free(&run, 1);
}

/* Asks to wait each time, and at every second question. */
static int take_slowly(void *ud, const char *text, size_t len)
{
	static int asked;
	size_t *taken = ud;
	(void)text;
	*taken += len;
	return len > 0 || ++asked % 2 ? LINES_WAIT : LINES_GO_ON;
}

static int slow_done;

static void on_slow_done(void *ud, const struct error *error, const struct process_result *result)
{
	(void)ud;
	(void)result;
	slow_done = error ? -1 : 1;
}

/* None of it is silence, either. */
static int program_of_a_slow_receiver(int64_t ms)
{
	static const char *const argv[] = {"sh", "-c", "yes 1234567 | head -c 4194304", NULL};
	size_t taken = 0;
	struct process *process;
	struct loop *loop;
	struct process_options options = {.program = "/bin/sh",
	                                  .argv = argv,
	                                  .lines.on_lines = take_slowly,
	                                  .bounds.stall_ns = ms * NS_PER_MS,
	                                  .lines.ud = &taken};
	slow_done = 0;
	loop = loop_new(&err);
	assert_non_null(loop);
	process_fill_in(&options);
	process = process_start(loop, &options, on_slow_done, &taken, &err);
	assert_non_null(process);
	while (!slow_done)
		assert_int_equal(loop_step(loop, 20 * NS_PER_S, &err), 0);
	assert_true(slow_done < 0 || taken == 4 * MIB);
	process_free(process);
	loop_free(loop);
	return slow_done > 0;
}

static void a_slow_receiver_holds_the_program_up_and_misses_nothing(void **state)
{
	(void)state;
	with_enough_time(program_of_a_slow_receiver, 1000);
}

static int quiet_phase_with_other_lines(int64_t ms)
{
	struct run run = {.answer_to = "Step 1", .answer = LINES_QUIET};
	char script[200];
	int in_time;
	snprintf(script, sizeof script, "echo Step 1; echo x; sleep %g; echo Step 2; sleep 600", (double)ms / 600);
	run_script(&run, script,
	           (struct process_options){.lines.on_line = tell_line,
	                                    .lines.only = steps,
	                                    .bounds.stall_ns = ms * NS_PER_MS,
	                                    .bounds.quiet_phase_ns = 20 * ms * NS_PER_MS});
	assert_ended(&run, "stalled");
	in_time = has_tail(&run, "Step 1\nx\nStep 2\n");
	run_free(&run, 1);
	return in_time;
}

static void a_line_of_no_interest_does_not_end_a_quiet_phase(void **state)
{
	(void)state;
	with_enough_time(quiet_phase_with_other_lines, 1500);
}

#define FFFD "\xef\xbf\xbd"

/* Text without an end, what shows nothing, and the beginning of a character, each longer than the silence. */
static int bytes_of_any_kind(int64_t ms)
{
	struct run run = {0};
	char script[300], message[200];
	int in_time;
	snprintf(script, sizeof script,
	         "for what in . '\\000' '\\033[1m' '\\303'; do"
	         "  for i in 1 2 3 4 5 6 7; do printf \"$what\"; sleep %g; done; done; echo over; sleep 600",
	         (double)ms / 6000);
	run_script(&run, script, (struct process_options){.bounds.stall_ns = ms * NS_PER_MS});
	assert_ended(&run, "stalled");
	snprintf(message, sizeof message,
	         "sh was silent for %g s; the last line was: ......." FFFD FFFD FFFD FFFD FFFD FFFD FFFD "over",
	         (double)ms / 1000);
	in_time = strcmp(run.error.message, message) == 0;
	assert_true(!in_time || run.result.seconds >= (double)ms / 1000 * 5);
	run_free(&run, 1);
	return in_time;
}

static void any_byte_counts_as_life(void **state)
{
	(void)state;
	with_enough_time(bytes_of_any_kind, 1500);
}

static size_t reported;

static int count_lines(void *ud, const char *text, size_t len)
{
	(void)ud;
	assert_true(len > 0 && len <= OUTPUT_LINES_MAX && text[len - 1] == '\n');
	reported += len;
	return LINES_GO_ON;
}

static int never(void *ud, const char *line, size_t len)
{
	(void)ud;
	fail_msg("reported %.*s", (int)len, line);
	return LINES_STOP;
}

/* The log, bounded by MAX bytes, holds KEPT in the end, and we need less than 16 MiB more than before. */
static void flood(const char *script, uint64_t max, long kept)
{
	struct process_options options = {
		.log_file = "log", .log_max = max, .lines.on_line = never, .lines.on_lines = count_lines, .lines.only = steps};
	struct run run = {0};
	struct rusage before, after;
	struct stat st;
	long unit = 1024; /* of ru_maxrss */
#ifdef __APPLE__
	unit = 1;
#endif
	getrusage(RUSAGE_SELF, &before);
	reported = 0;
	run_script(&run, script, options);
	getrusage(RUSAGE_SELF, &after);
	assert_exit(&run, 0);
	assert_null(run.result.log_error);
	assert_int_equal(stat("log", &st), 0);
	assert_true(kept < 0 || st.st_size == kept);
	assert_true((after.ru_maxrss - before.ru_maxrss) * unit < 16 * MIB);
	run_free(&run, 1);
}

static void a_flood_takes_no_memory(void **state)
{
	(void)state;
	flood("yes '#12 13.0 a line such as a build prints' | head -c 134217728", 256 * MIB, 128 * MIB);
	assert_int_equal(reported, 128 * MIB + 1); /* the last line has no end */
	flood("head -c 104857600 /dev/zero | tr '\\0' x", 100 * MIB + 4096, 100 * MIB);
	assert_int_equal(reported, OUTPUT_LINE_MAX + 1);
	flood("yes x | head -c 33554432; head -c 67108864 /dev/zero; yes y | head -c 33554432", 256 * MIB, 64 * MIB);
	assert_int_equal(reported, 64 * MIB);
}

static void a_flood_fills_no_disk(void **state)
{
	struct stat st;
	(void)state;
	flood("yes '#12 13.0 a line such as a build prints' | head -c 134217728; echo the end", 0, -1);
	assert_int_equal(stat("log", &st), 0);
	assert_true(st.st_size <= 64 * MIB && st.st_size >= 48 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(only_lines_of_interest_are_told),
		FIXTURE_TEST(what_is_drawn_over_a_line_can_be_left_out),
		FIXTURE_TEST(lines_come_in_bundles_in_their_order),
		FIXTURE_TEST(bundles_come_without_on_line_and_can_end_it),
		FIXTURE_TEST(a_slow_receiver_holds_the_program_up_and_misses_nothing),
		FIXTURE_TEST(a_line_of_no_interest_does_not_end_a_quiet_phase),
		FIXTURE_TEST(any_byte_counts_as_life),
		FIXTURE_TEST(a_flood_takes_no_memory),
		FIXTURE_TEST(a_flood_fills_no_disk),
	};
	return cmocka_run_group_tests_name("process_lines", tests, NULL, NULL);
}
