#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "file/fs.h"
#include "file/memory_file.h"

static struct error err;

#ifdef __linux__
static void assert_holds(const char *path, const char *data, size_t len)
{
	struct buf got;
	buf_init(&got, 1 << 20);
	assert_int_equal(fs_read(path, 1 << 20, &got, &err), 0);
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data ? got.data : "", data, len);
	buf_free(&got);
}

static void each_open_reads_it_from_its_beginning(void **state)
{
	char path[MEMORY_FILE_PATH_SIZE];
	int fd = memory_file_make("one\0two\n", 8, &err);
	(void)state;
	assert_true(fd >= 0);
	memory_file_path(fd, path);
	assert_holds(path, "one\0two\n", 8);
	assert_holds(path, "one\0two\n", 8);
	fd_close(&fd);
	assert_int_equal(open(path, O_RDONLY), -1);
}

static void may_be_empty_or_large(void **state)
{
	static char large[512000];
	char path[MEMORY_FILE_PATH_SIZE];
	int empty = memory_file_make("", 0, &err), full;
	(void)state;
	memset(large, 'x', sizeof large);
	full = memory_file_make(large, sizeof large, &err);
	assert_true(empty >= 0 && full >= 0);
	memory_file_path(empty, path);
	assert_holds(path, "", 0);
	memory_file_path(full, path);
	assert_holds(path, large, sizeof large);
	fd_close(&empty);
	fd_close(&full);
}

static void is_inherited_by_nobody_and_cannot_be_changed(void **state)
{
	struct stat st;
	int fd = memory_file_make("data", 4, &err);
	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	fd_close(&fd);
}
#endif

/* Make one while the soft limit of RESOURCE is MAX. */
static int make_within(int resource, rlim_t max)
{
	struct rlimit before, limit;
	int fd;
	assert_int_equal(getrlimit(resource, &before), 0);
	limit = before;
	limit.rlim_cur = max;
	assert_int_equal(setrlimit(resource, &limit), 0);
	fd = memory_file_make("data", 4, &err);
	assert_int_equal(setrlimit(resource, &before), 0);
	return fd;
}

static void says_why_there_is_none(void **state)
{
	int next = dup(STDIN_FILENO);
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(make_within(RLIMIT_NOFILE, 0), -1);
	assert_true(strcmp(err.code, "EMFILE") == 0 || strcmp(err.code, "ENOSYS") == 0);
	assert_int_equal(make_within(RLIMIT_FSIZE, 1), -1);
	assert_true(strcmp(err.code, "EFBIG") == 0 || strcmp(err.code, "ENOSYS") == 0);
	/* Nothing is left open. */
	close(next);
	assert_int_equal(dup(STDIN_FILENO), next);
	close(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __linux__
		cmocka_unit_test(each_open_reads_it_from_its_beginning),
		cmocka_unit_test(may_be_empty_or_large),
		cmocka_unit_test(is_inherited_by_nobody_and_cannot_be_changed),
#endif
		cmocka_unit_test(says_why_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
