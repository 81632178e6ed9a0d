/* Copies of files and links. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/fs.h"
#include "fixture.h"
#include "fs_fixture.h"

static void copies_files_and_links(void **state)
{
	enum { SIZE = 200001 };
	static char bytes[SIZE];
	struct buf buf;
	char *target;
	(void)state;
	buf_init(&buf, SIZE);
	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 >> 3);
	assert_int_equal(fs_write_atomic("f", bytes, SIZE, 04710, &err), 0);
	assert_int_equal(fs_write_atomic("g", "", 0, 0661, &err), 0);
	assert_int_equal(symlink("f", "l"), 0);
	assert_int_equal(fs_copy("f", "f2", &err) | fs_copy("g", "g2", &err) | fs_copy("l", "l2", &err), 0);
	assert_int_equal(fs_read("f2", SIZE, &buf, &err), 0);
	assert_int_equal(buf.len, SIZE);
	assert_memory_equal(buf.data, bytes, SIZE);
	buf_free(&buf);
	assert_int_equal(mode_of("f2"), 0755);
	assert_int_equal(mode_of("g2"), 0644);
	assert_int_equal(fs_readlink("l2", &target, &err), 0);
	assert_string_equal(target, "f");
	free(target);
}

static void copies_nothing_else(void **state)
{
	(void)state;
	make_file("f");
	assert_int_equal(mkdir("d", 0700) | mkfifo("p", 0600) | symlink("f", "l"), 0);
	assert_failed(fs_copy("d", "c", &err), "invalid");
	assert_failed(fs_copy("p", "c", &err), "invalid");
	assert_failed(fs_copy("/dev/null", "c", &err), "invalid");
	assert_failed(fs_copy("none", "c", &err), "ENOENT");
	assert_failed(fs_copy("f", "none/c", &err), "ENOENT");
	assert_failed(fs_copy("f", "l", &err), "EEXIST");
	assert_failed(fs_copy("l", "f", &err), "EEXIST");
	assert_holds("f", "text");
	assert_int_equal(entries("."), 4);
}

static int copy_too_much(void)
{
	struct rlimit limit = {8, 8};
	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(fs_copy("f", "c", &err) == -1);
	CHECK(strcmp(err.code, "EFBIG") == 0);
	return 0;
}

static void a_failed_copy_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(fs_write_atomic("f", "much too much", 13, 0644, &err), 0);
	as_nobody(copy_too_much);
	assert_int_equal(entries("."), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(copies_files_and_links),
		FIXTURE_TEST(copies_nothing_else),
		FIXTURE_TEST(a_failed_copy_leaves_nothing),
	};
	return cmocka_run_group_tests_name("fs_copy", tests, NULL, NULL);
}
