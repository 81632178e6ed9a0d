#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/fs.h"
#include "fixture.h"

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
}

static int exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static mode_t mode_of(const char *path)
{
	struct fs_stat st;
	assert_int_equal(fs_lstat(path, &st, &err), 0);
	return st.mode;
}

static void assert_holds_text(const char *path)
{
	char bytes[5] = "";
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, bytes, 4), 4);
	assert_string_equal(bytes, "text");
	close(fd);
}

static void removes_a_tree_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirp("out/kept", 0755, &err), 0);
	make_file("out/kept/f");
	assert_int_equal(fs_mkdirp("t/a/b", 0755, &err), 0);
	make_file("t/a/b/f");
	make_file("t/a/g");
	assert_int_equal(symlink("../out", "t/link") | symlink("../../out/kept/f", "t/a/link") | mkfifo("t/p", 0600), 0);
	assert_int_equal(fs_remove_tree("t///", &err), 0);
	assert_false(exists("t"));
	assert_holds_text("out/kept/f");
}

static void removing_a_link_or_a_file_removes_just_that(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirp("d/e", 0755, &err), 0);
	assert_int_equal(symlink("d", "l"), 0);
	make_file("f");
	assert_int_equal(fs_remove_tree("l/", &err), 0);
	assert_false(exists("l"));
	assert_true(exists("d/e"));
	assert_int_equal(fs_remove_tree("f", &err), 0);
	assert_false(exists("f"));
}

static void removing_what_is_missing_is_fine(void **state)
{
	(void)state;
	assert_int_equal(fs_remove_tree("none", &err), 0);
	assert_int_equal(fs_remove_tree("none/at/all", &err), 0);
	make_file("f");
	assert_failed(fs_remove_tree("f/x", &err), "ENOTDIR");
}

static void refuses_to_remove_what_has_no_name(void **state)
{
	static const char *const paths[] = {"", "/", "//", ".", "..", "d/.", "d/..", "d/../", "d/.//"};
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_failed(fs_remove_tree(paths[i], &err), "invalid");
	assert_true(exists("d"));
}

static int remove_closed_tree(void)
{
	CHECK(fs_mkdirp("t/none/deep", 0755, &err) == 0);
	CHECK(fs_mkdirp("t/unreadable/deep", 0755, &err) == 0);
	CHECK(fs_mkdirp("t/unwritable/deep/er", 0755, &err) == 0);
	CHECK(chmod("t/unwritable/deep", 0555) == 0 && chmod("t/unwritable", 0555) == 0);
	CHECK(chmod("t/unreadable", 0300) == 0 && chmod("t/none", 0) == 0 && chmod("t", 0) == 0);
	CHECK(fs_remove_tree("t", &err) == 0);
	CHECK(!exists("t"));
	return 0;
}

static void opens_up_directories_of_ours(void **state)
{
	(void)state;
	as_nobody(remove_closed_tree);
}

static int remove_in_closed_parent(void)
{
	CHECK(fs_mkdirp("parent/t", 0755, &err) == 0);
	CHECK(chmod("parent", 0555) == 0);
	CHECK(fs_remove_tree("parent/t", &err) == -1);
	CHECK(strcmp(err.code, "EACCES") == 0);
	CHECK(exists("parent/t"));
	return 0;
}

static void leaves_the_mode_of_the_parent_alone(void **state)
{
	(void)state;
	as_nobody(remove_in_closed_parent);
	assert_int_equal(mode_of("parent"), 0555);
}

/* LEVELS directories inside each other below PATH, each with a file and an empty directory beside the next. */
static int make_deep(const char *path, int levels)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < levels && fd >= 0; i++) {
		int next, file = openat(fd, "f", O_WRONLY | O_CREAT, 0600);
		if (file < 0 || mkdirat(fd, "empty", 0) < 0 || mkdirat(fd, "d", 0700) < 0)
			return -1;
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(file);
		close(fd);
		fd = next;
	}
	return fd < 0 ? -1 : close(fd);
}

static int remove_deep(void)
{
	struct rlimit files = {64, 64};
	CHECK(mkdir("deep", 0700) == 0);
	CHECK(mkdir("deep/.molbuild-rm-1", 0700) == 0 && mkdir("deep/.molbuild-rm-1/x", 0700) == 0);
	/* The longest path is longer than PATH_MAX. */
	CHECK(make_deep("deep", 3000) == 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
	CHECK(fs_remove_tree("deep", &err) == 0);
	CHECK(!exists("deep"));
	return 0;
}

static void removes_three_thousand_levels_with_64_descriptors(void **state)
{
	(void)state;
	as_nobody(remove_deep);
}

static void removes_a_wide_directory(void **state)
{
	char name[32];
	(void)state;
	assert_int_equal(mkdir("wide", 0700), 0);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "wide/%d", i);
		assert_int_equal(mkdir(name, 0700), 0);
		snprintf(name, sizeof name, "wide/%d/x", i);
		assert_int_equal(mkdir(name, 0700), 0);
	}
	assert_int_equal(fs_remove_tree("wide", &err), 0);
	assert_false(exists("wide"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(removes_a_tree_and_no_more),
		FIXTURE_TEST(removing_a_link_or_a_file_removes_just_that),
		FIXTURE_TEST(removing_what_is_missing_is_fine),
		FIXTURE_TEST(refuses_to_remove_what_has_no_name),
		FIXTURE_TEST(opens_up_directories_of_ours),
		FIXTURE_TEST(leaves_the_mode_of_the_parent_alone),
		FIXTURE_TEST(removes_three_thousand_levels_with_64_descriptors),
		FIXTURE_TEST(removes_a_wide_directory),
	};
	return cmocka_run_group_tests_name("fs_tree", tests, NULL, NULL);
}
