/* What the tests of processes share. Include it after cmocka.h and fixture.h. */
#ifndef MOLBUILD_TEST_PROCESS_FIXTURE_H
#define MOLBUILD_TEST_PROCESS_FIXTURE_H

#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "child/process.h"
#include "child/process_table.h"
#include "limit.h"

/* In the environment of whatever run_start() starts: what carries it when a test is over has been left behind. */
static inline const char *test_mark(void)
{
	static char mark[64];
	if (!mark[0])
		snprintf(mark, sizeof mark, "MOLBUILD_TEST_MARK=%ld", (long)getpid());
	return mark;
}
#define TEST_MARK test_mark()

/* A run and how it ended. */
struct run {
	struct loop *loop;
	struct process *process;
	struct process_result result;
	int done; /* how often it was called */
	int failed;
	struct error error;
	char lines[4096]; /* what on_line was given, '|' behind each */
	int answer;       /* for the line that is ANSWER_TO */
	const char *answer_to;
};

static inline void run_on_done(void *ud, const struct error *error, const struct process_result *result)
{
	struct run *run = ud;
	run->done++;
	run->failed = error != NULL;
	if (error)
		run->error = *error;
	run->result = *result;
}

static inline int run_on_line(void *ud, const char *line, size_t len)
{
	struct run *run = ud;
	size_t used = strlen(run->lines);
	snprintf(run->lines + used, sizeof run->lines - used, "%.*s|", (int)len, line);
	if (run->answer_to && strlen(run->answer_to) == len && memcmp(line, run->answer_to, len) == 0)
		return run->answer;
	return LINES_GO_ON;
}

/* What a test leaves out. */
static inline void process_fill_in(struct process_options *how)
{
	struct life_bounds *bounds = &how->bounds;
	int64_t *const numbers[] = {&bounds->timeout_ns, &bounds->stall_ns, &bounds->quiet_phase_ns};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (!*numbers[i])
			*numbers[i] = NS_NEVER;
	bounds->grace_ns = bounds->grace_ns ? bounds->grace_ns : 10 * NS_PER_S;
	bounds->first_signal = bounds->first_signal ? bounds->first_signal : SIGTERM;
	how->max_memory = how->max_memory ? how->max_memory : NO_BOUND;
	how->log_max = how->log_max ? how->log_max : 64 << 20;
	how->tail = how->tail ? how->tail : 65536;
	how->capture = how->capture ? how->capture : -1;
	how->umask = how->umask ? how->umask : -1;
}

static inline void run_start(struct run *run, const struct process_options *options)
{
	const char *const mark[] = {TEST_MARK, NULL};
	struct process_options how = *options;
	run->loop = loop_new(&err);
	assert_non_null(run->loop);
	if (!how.env)
		how.env = mark;
	process_fill_in(&how);
	if (!how.lines.on_line && run->answer_to)
		how.lines.on_line = run_on_line;
	how.lines.ud = run;
	run->process = process_start(run->loop, &how, run_on_done, run, &err);
}

/* Start a shell script with more OPTIONS. */
static inline void run_start_script(struct run *run, const char *script, struct process_options options)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	options.program = "/bin/sh";
	options.argv = argv;
	run_start(run, &options);
	assert_non_null(run->process);
}

/* Step until it is done or, with LINE, until that line was seen; a test that hangs here has failed. */
static inline void run_until(struct run *run, const char *line)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (!run->done && !(line && strstr(run->lines, line)) && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(run->loop, NS_PER_S, &err), 0);
	assert_true(run->done || line);
	assert_true(!line || strstr(run->lines, line));
}

/* How many processes carry the mark of the tests. */
static inline size_t count_strays(void)
{
	size_t count = 0;
	struct buf table;
	process_table_read(&table);
	for (size_t at = 0; at < table.len; at += sizeof(struct process_row)) {
		const struct process_row *row = (const void *)(table.data + at);
		count += row->pid != getpid() && process_row_lives(row) && process_row_has_entry(row, TEST_MARK);
	}
	buf_free(&table);
	return count;
}

/* What was killed may take a moment to be gone. */
static inline void assert_no_strays(void)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (count_strays() > 0 && clock_monotonic_ns() < deadline)
		usleep(1000);
	assert_int_equal(count_strays(), 0);
}

/* Give everything back; nothing of it is left, and done was called DONE times. */
static inline void run_free(struct run *run, int done)
{
	process_free(run->process);
	assert_int_equal(run->done, done);
	assert_no_children();
	assert_no_strays();
	loop_free(run->loop);
}

static inline void run_script(struct run *run, const char *script, struct process_options options)
{
	run_start_script(run, script, options);
	run_until(run, NULL);
}

static inline void assert_tail(const struct run *run, const char *text)
{
	assert_int_equal(run->result.tail_len, strlen(text));
	assert_memory_equal(run->result.tail, text, strlen(text));
}

static inline int has_tail(const struct run *run, const char *text)
{
	return run->result.tail_len == strlen(text) && memcmp(run->result.tail, text, strlen(text)) == 0;
}

/* It was ended, for CODE. */
static inline void assert_ended(const struct run *run, const char *code)
{
	assert_true(run->failed);
	assert_string_equal(run->error.code, code);
}

/* It ended by itself with this exit code. */
static inline void assert_exit(const struct run *run, int code)
{
	assert_false(run->failed);
	assert_int_equal(run->result.signo, 0);
	assert_int_equal(run->result.code, code);
}

#define NOTHING_SPECIAL ((struct process_options){0})

#endif
