/* Every call that can fail, failing once, at every place where it is made: the error is the one that happened,
 * nothing is half done, and no descriptor, child or (under ASan) memory is lost. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sys.h"
#include "fault.h"
#include "fixture.h"
#include "limit.h"
#include "lock_fixture.h"
#include "secret/mask.h"
#include "text/lines.h"

/* More calls of one kind than any of the scenarios makes. */
#define MANY_CALLS 500

struct scenario {
	const char *name;
	void (*prepare)(void);      /* may be NULL */
	int (*run)(void);           /* under the fault; 0, or -1 with err set */
	void (*verify)(int result); /* without it: what RUN returned must be true, and is undone */
};

static const struct {
	enum fault_call call;
	int errnum;
} faults[] = {
	{FAULT_ALLOC, ENOMEM}, {FAULT_READ, EIO},    {FAULT_WRITE, ENOSPC}, {FAULT_PWRITE, ENOSPC},
	{FAULT_OPEN, EMFILE},  {FAULT_STAT, EIO},    {FAULT_SYNC, EIO},     {FAULT_NAME, EROFS},
	{FAULT_FLOCK, ENOLCK}, {FAULT_FORK, EAGAIN}, {FAULT_PIPE, EMFILE},
};

/* Returns 1 when the fault happened. */
static int try_fault(const struct scenario *scenario, size_t fault, unsigned n)
{
	int result, happened, before = open_descriptors();
	if (scenario->prepare)
		scenario->prepare();
	memset(&err, 0, sizeof err);
	fault_fail_nth(faults[fault].call, n, faults[fault].errnum);
	result = scenario->run();
	happened = fault_end();
	if (result < 0 && strcmp(err.code, error_errno_name(faults[fault].errnum)) != 0)
		fail_msg("%s, call %u of kind %zu: \"%s: %s\" is another error", scenario->name, n, fault, err.code,
		         err.message);
	if (!happened && result != 0)
		fail_msg("%s fails without a fault: %s", scenario->name, err.message);
	scenario->verify(result);
	if (open_descriptors() != before)
		fail_msg("%s, call %u of kind %zu: a descriptor is lost", scenario->name, n, fault);
	return happened;
}

static void walk(const struct scenario *scenario)
{
	unsigned happened = 0;
	for (size_t fault = 0; fault < ARRAY_LEN(faults); fault++) {
		unsigned n = 1;
		while (n < MANY_CALLS && try_fault(scenario, fault, n))
			n++;
		assert_true(n < MANY_CALLS);
		happened += n - 1;
	}
	/* None at all: the calls are not wrapped, and nothing was tested. */
	assert_true(happened > 0);
}

/* For functions that set errno. */
static int by_errno(int result)
{
	return result < 0 ? error_errno(&err, errno, "failed") : 0;
}

static int exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

/* buf */

static struct buf buf;

static int run_buf(void)
{
	char bytes[3000];
	memset(bytes, 'x', sizeof bytes);
	buf_init(&buf, 4000);
	for (int i = 0; i < 3; i++)
		if (by_errno(buf_append_tail(&buf, bytes, sizeof bytes / 3 * (size_t)(i + 1))) < 0)
			return -1;
	return 0;
}

static void verify_buf(int result)
{
	if (result == 0)
		assert_int_equal(buf.len, 4000);
	if (buf.data)
		assert_int_equal(buf.data[buf.len], '\0');
	buf_free(&buf);
}

/* mask and lines */

static int run_mask(void)
{
	struct mask_stream stream;
	int result;
	mask_stream_init(&stream);
	buf_init(&buf, 1000);
	result = mask_add("a-secret-token", 14, &err);
	if (result == 0)
		result = by_errno(mask_feed(&stream, "see a-secret", 12, &buf));
	if (result == 0)
		result = by_errno(mask_feed(&stream, "-token.", 7, &buf));
	if (result == 0)
		result = by_errno(mask_finish(&stream, &buf));
	mask_stream_free(&stream);
	return result;
}

static void verify_mask(int result)
{
	if (result == 0)
		assert_string_equal(buf.data, "see ***.");
	else if (buf.data)
		assert_null(strstr(buf.data, "secret"));
	buf_free(&buf);
	mask_clear();
}

static int count_line(void *ud, const char *line, size_t len)
{
	(void)line;
	*(size_t *)ud += len;
	return 0;
}

static size_t line_bytes;

static int run_lines(void)
{
	struct lines lines;
	int result;
	line_bytes = 0;
	lines_init(&lines, 600, count_line, &line_bytes);
	result = by_errno(lines_feed(&lines, "one\ntwo", 7));
	for (int i = 0; i < 50 && result == 0; i++)
		result = by_errno(lines_feed(&lines, "0123456789", 10));
	if (result == 0)
		result = by_errno(lines_finish(&lines));
	lines_free(&lines);
	return result;
}

static void verify_lines(int result)
{
	if (result == 0)
		assert_int_equal(line_bytes, 506);
}

/* fs */

static int run_mkdirp(void)
{
	return fs_mkdirp("a/b/c", 0755, &err);
}

static void verify_mkdirp(int result)
{
	assert_int_equal(exists("a/b/c"), result == 0);
	assert_int_equal(fs_remove_tree("a", &err), 0);
}

static char *made;

static int run_mkdtemp(void)
{
	return fs_mkdtemp("tmp.", &made, &err);
}

static void verify_mkdtemp(int result)
{
	assert_int_equal(made != NULL, result == 0);
	if (made)
		assert_int_equal(rmdir(made), 0);
	free(made);
}

static void prepare_file(void)
{
	assert_int_equal(fs_write_atomic("f", "old", 3, 0600, &err), 0);
}

static int run_write(void)
{
	return fs_write_atomic("f", "new", 3, 0600, &err);
}

static int run_read(void)
{
	buf_init(&buf, 100);
	return fs_read("f", 100, &buf, &err);
}

static void verify_read(int result)
{
	if (result == 0)
		assert_string_equal(buf.data, "old");
	else
		assert_int_equal(buf.len, 0);
	buf_free(&buf);
}

static void verify_write(int result)
{
	struct fs_names names;
	assert_int_equal(run_read(), 0);
	assert_string_equal(buf.data, result == 0 ? "new" : "old");
	buf_free(&buf);
	assert_int_equal(fs_list(".", 100, &names, &err), 0);
	assert_int_equal(names.count, 1);
	fs_names_free(&names);
}

static void prepare_tree(void)
{
	assert_int_equal(fs_mkdirp("t/a/b", 0755, &err) | fs_mkdirp("t/c", 0755, &err), 0);
	assert_int_equal(symlink("..", "t/l") | symlink("none", "t/a/l"), 0);
}

static struct fs_names listed;

static int run_list(void)
{
	return fs_list("t", 10, &listed, &err);
}

static void verify_list(int result)
{
	assert_int_equal(listed.count, result == 0 ? 3 : 0);
	fs_names_free(&listed);
	assert_int_equal(fs_remove_tree("t", &err), 0);
}

static int run_remove(void)
{
	return fs_remove_tree("t", &err);
}

static void verify_remove(int result)
{
	if (result == 0)
		assert_false(exists("t"));
	assert_int_equal(fs_remove_tree("t", &err), 0);
}

static int run_readlink(void)
{
	return fs_readlink("t/l", &made, &err);
}

static void verify_readlink(int result)
{
	if (result == 0)
		assert_string_equal(made, "..");
	free(made);
	made = NULL;
	assert_int_equal(fs_remove_tree("t", &err), 0);
}

/* sys */

static int run_find(void)
{
	return sys_find_program("sh", "/nonexistent:/usr/bin:/bin", &made, &err);
}

static void verify_find(int result)
{
	assert_int_equal(made != NULL, result == 0);
	free(made);
	made = NULL;
}

/* lock */

static struct lock lock, first;

static int run_lock(void)
{
	return lock_try(&lock, "l", "me", &err);
}

static void verify_lock(int result)
{
	assert_int_equal(can_take("l"), result != 0);
	if (result == 0)
		lock_release(&lock);
	assert_true(can_take("l"));
}

static struct loop *loop;
static struct lock_wait wait_for;
static int ended;

static void on_wait_done(struct lock_wait *wait, int ok)
{
	ended = ok ? 1 : -1;
	if (!ok)
		err = wait->error;
}

static void prepare_wait(void)
{
	loop = loop_new(&err);
	assert_non_null(loop);
	assert_int_equal(lock_try(&first, "l", "first", &err), 0);
	wait_for = (struct lock_wait){.done = on_wait_done};
	ended = 0;
}

static int run_wait(void)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	int got = lock_wait_start(loop, &wait_for, "l", "me", 60 * NS_PER_S, &err);
	lock_release(&first);
	if (got < 0)
		return -1;
	while (!ended && clock_monotonic_ns() < deadline)
		if (loop_step(loop, NS_PER_S, &err) < 0)
			return -1;
	return ended == 1 ? 0 : -1;
}

static void verify_wait(int result)
{
	lock_wait_cancel(&wait_for);
	assert_no_children();
	assert_int_equal(can_take("l"), result != 0);
	lock_release(&wait_for.lock);
	assert_true(can_take("l"));
	loop_free(loop);
}

static const struct scenario scenarios[] = {
	{"buf", NULL, run_buf, verify_buf},
	{"mask", NULL, run_mask, verify_mask},
	{"lines", NULL, run_lines, verify_lines},
	{"fs_mkdirp", NULL, run_mkdirp, verify_mkdirp},
	{"fs_mkdtemp", NULL, run_mkdtemp, verify_mkdtemp},
	{"fs_write_atomic", prepare_file, run_write, verify_write},
	{"fs_read", prepare_file, run_read, verify_read},
	{"fs_list", prepare_tree, run_list, verify_list},
	{"fs_remove_tree", prepare_tree, run_remove, verify_remove},
	{"fs_readlink", prepare_tree, run_readlink, verify_readlink},
	{"sys_find_program", NULL, run_find, verify_find},
	{"lock_try", NULL, run_lock, verify_lock},
	{"lock_wait", prepare_wait, run_wait, verify_wait},
};

static int enter_scenario(void **state)
{
	void *scenario = *state;
	int result = fixture_enter(state);
	*state = scenario;
	return result;
}

static void survives_every_fault(void **state)
{
	walk(*state);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(scenarios)];
	/* The signal pipe is made with the first loop, and stays. */
	loop_free(loop_new(&err));
	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
		tests[i] = (struct CMUnitTest){scenarios[i].name, survives_every_fault, enter_scenario, fixture_leave,
		                               (void *)&scenarios[i]};
	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
