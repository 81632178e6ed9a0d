#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/fs.h"
#include "fixture.h"

static void make_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static uid_t owner_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static void modes_become_those_of_a_commit(void **state)
{
	(void)state;
	assert_int_equal(mkdir("t", 0700) | mkdir("t/d", 0700) | mkdir("t/d/e", 0700), 0);
	make_file("t/f", 0600);
	make_file("t/wide", 0666);
	make_file("t/d/x", 0710);
	make_file("t/d/e/s", 06750);
	make_file("outside", 0600);
	assert_int_equal(symlink("../outside", "t/l") | chmod("t/d", 02770) | chmod("t/d/e", 01777), 0);
	assert_int_equal(fs_plain_modes("t", -1, &err), 0);
	assert_int_equal(mode_of("t"), 0700);
	assert_int_equal(mode_of("t/d"), 0755);
	assert_int_equal(mode_of("t/d/e"), 0755);
	assert_int_equal(mode_of("t/f"), 0644);
	assert_int_equal(mode_of("t/wide"), 0644);
	assert_int_equal(mode_of("t/d/x"), 0755);
	assert_int_equal(mode_of("t/d/e/s"), 0755);
	assert_int_equal(mode_of("outside"), 0600);
}

static void everything_below_gets_the_time(void **state)
{
	struct stat st;
	const char *names[] = {"t/f", "t/d", "t/d/x", "t/l"};
	(void)state;
	assert_int_equal(mkdir("t", 0700) | mkdir("t/d", 0700), 0);
	make_file("t/f", 0600);
	make_file("t/d/x", 0700);
	assert_int_equal(symlink("f", "t/l"), 0);
	assert_int_equal(fs_plain_modes("t", 1700000000, &err), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(lstat(names[i], &st), 0);
		assert_int_equal(st.st_mtime, 1700000000);
	}
	assert_int_equal(lstat("t", &st), 0);
	assert_true(st.st_mtime > 1700000000);
}

static void modes_of_what_is_no_directory_fail(void **state)
{
	(void)state;
	make_file("f", 0600);
	assert_int_equal(mkdir("d", 0700) | symlink("d", "l"), 0);
	assert_failed(fs_plain_modes("none", -1, &err), "ENOENT");
	assert_failed(fs_plain_modes("f", -1, &err), "ENOTDIR");
	assert_int_equal(fs_plain_modes("l", -1, &err), -1);
}

/* Only root can give something away. */
static void gives_a_tree_to_the_owner_of_another(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		assert_int_equal(mkdir("like", 0700) | fs_give("none", "like", &err), 0);
		return;
	}
	assert_int_equal(mkdir("like", 0700) | lchown("like", FIXTURE_NOBODY, FIXTURE_NOBODY), 0);
	assert_int_equal(mkdir("t", 0700) | mkdir("t/d", 0700) | symlink("../outside", "t/l"), 0);
	make_file("t/d/f", 0600);
	make_file("t/others", 0600);
	make_file("outside", 0600);
	make_file("twice", 0600);
	assert_int_equal(lchown("t/others", 12345, 12345) | link("twice", "t/twice"), 0);
	assert_int_equal(fs_give("t", "like", &err), 0);
	assert_int_equal(owner_of("t"), FIXTURE_NOBODY);
	assert_int_equal(owner_of("t/d"), FIXTURE_NOBODY);
	assert_int_equal(owner_of("t/d/f"), FIXTURE_NOBODY);
	assert_int_equal(owner_of("t/l"), FIXTURE_NOBODY);
	assert_int_equal(owner_of("t/others"), 12345);
	assert_int_equal(owner_of("outside"), 0);
	assert_int_equal(owner_of("twice"), 0);
}

static void gives_nothing_where_there_is_nothing_to_give(void **state)
{
	(void)state;
	make_file("f", 0600);
	assert_int_equal(fs_give("f", "f", &err), 0);
	assert_int_equal(fs_give("none", "f", &err), 0);
	assert_int_equal(owner_of("f"), geteuid());
	assert_failed(fs_give("f", "none", &err), "ENOENT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(modes_become_those_of_a_commit),
		FIXTURE_TEST(everything_below_gets_the_time),
		FIXTURE_TEST(modes_of_what_is_no_directory_fail),
		FIXTURE_TEST(gives_a_tree_to_the_owner_of_another),
		FIXTURE_TEST(gives_nothing_where_there_is_nothing_to_give),
	};
	return cmocka_run_group_tests_name("fs_modes", tests, NULL, NULL);
}
