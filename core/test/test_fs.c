#include <errno.h>
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "file/fs.h"
#include "fixture.h"
#include "fs_fixture.h"

static int exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static void lstat_tells_types(void **state)
{
	struct fs_stat st;
	(void)state;
	make_file("f");
	assert_int_equal(chmod("f", 04751), 0);
	assert_int_equal(symlink("f", "l") | mkdir("d", 0700) | mkfifo("p", 0600) | link("f", "g"), 0);
	assert_int_equal(fs_lstat("f", &st, &err), 0);
	assert_string_equal(st.type, "file");
	assert_int_equal(st.size, 4);
	assert_int_equal(st.mode, 04751);
	assert_int_equal(st.nlink, 2);
	assert_int_equal(st.uid, getuid());
	assert_true(st.mtime > (double)time(NULL) - 60 && st.mtime < (double)time(NULL) + 60);
	assert_int_equal(fs_lstat("l", &st, &err), 0);
	assert_string_equal(st.type, "link");
	assert_int_equal(fs_lstat("d", &st, &err), 0);
	assert_string_equal(st.type, "directory");
	assert_int_equal(fs_lstat("p", &st, &err), 0);
	assert_string_equal(st.type, "fifo");
	assert_int_equal(fs_lstat("/dev/null", &st, &err), 0);
	assert_string_equal(st.type, "device");
	assert_failed(fs_lstat("none", &st, &err), "ENOENT");
}

static void mkdirp_makes_all_that_is_missing(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirp("a/b//c/", 0700, &err), 0);
	assert_int_equal(mode_of("a"), 0700);
	assert_int_equal(mode_of("a/b/c"), 0700);
	assert_int_equal(fs_mkdirp("a/b/c", 0755, &err), 0);
	assert_int_equal(mode_of("a/b/c"), 0700);
	assert_int_equal(fs_mkdirp("/", 0755, &err), 0);
	assert_int_equal(symlink("a", "link"), 0);
	assert_int_equal(fs_mkdirp("link/d", 0755, &err), 0);
	assert_true(exists("a/d"));
}

static void mkdirp_fails_where_something_else_is(void **state)
{
	(void)state;
	make_file("f");
	assert_failed(fs_mkdirp("f", 0755, &err), "ENOTDIR");
	assert_failed(fs_mkdirp("f/a/b", 0755, &err), "ENOTDIR");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_failed(fs_mkdirp("dangling/a", 0755, &err), "EEXIST");
	assert_failed(fs_mkdirp("", 0755, &err), "ENOENT");
}

static int mkdirp_denied(void)
{
	CHECK(mkdir("closed", 0555) == 0);
	CHECK(fs_mkdirp("closed/a/b", 0755, &err) == -1);
	CHECK(strcmp(err.code, "EACCES") == 0);
	CHECK(strstr(err.message, "closed/a:") != NULL);
	return 0;
}

static void mkdirp_names_what_it_could_not_make(void **state)
{
	(void)state;
	as_nobody(mkdirp_denied);
}

static void mkdtemp_makes_private_directories(void **state)
{
	char *a, *b;
	(void)state;
	assert_int_equal(fs_mkdtemp("tmp.", &a, &err), 0);
	assert_int_equal(fs_mkdtemp("tmp.", &b, &err), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 10);
	assert_int_equal(mode_of(a), 0700);
	free(a);
	free(b);
	assert_failed(fs_mkdtemp("none/tmp.", &a, &err), "ENOENT");
	assert_null(a);
}

static void lists_sorted_names(void **state)
{
	struct fs_names names;
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	make_file("d/b");
	make_file("d/.a");
	make_file("d/\xff\n");
	assert_int_equal(fs_list("d", 3, &names, &err), 0);
	assert_int_equal(names.count, 3);
	assert_string_equal(names.names[0], ".a");
	assert_string_equal(names.names[1], "b");
	assert_string_equal(names.names[2], "\xff\n");
	fs_names_free(&names);
	assert_int_equal(names.count, 0);
	assert_failed(fs_list("d", 2, &names, &err), "too_large");
	assert_int_equal(names.count, 0);
	assert_failed(fs_list("d/b", 2, &names, &err), "ENOTDIR");
	assert_failed(fs_list("none", 2, &names, &err), "ENOENT");
}

static void an_empty_directory_has_no_names(void **state)
{
	struct fs_names names;
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(fs_list("d", 0, &names, &err), 0);
	assert_int_equal(names.count, 0);
	fs_names_free(&names);
}

static void reads_up_to_the_maximum(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 1000);
	make_file("f");
	assert_int_equal(buf_append(&buf, "a ", 2), 0);
	assert_int_equal(fs_read("f", 4, &buf, &err), 0);
	assert_string_equal(buf.data, "a text");
	assert_failed(fs_read("f", 3, &buf, &err), "too_large");
	assert_string_equal(buf.data, "a text");
	assert_int_equal(buf.len, 6);
	buf_free(&buf);
	buf_init(&buf, 3);
	assert_failed(fs_read("f", 1000, &buf, &err), "too_large");
	buf_free(&buf);
	buf_init(&buf, 4);
	assert_int_equal(fs_read("f", SIZE_MAX, &buf, &err), 0);
	assert_string_equal(buf.data, "text");
	buf_free(&buf);
}

static void reads_a_large_file_whole(void **state)
{
	enum { SIZE = 300001 };
	char *bytes = malloc(SIZE);
	struct buf buf;
	(void)state;
	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 >> 3);
	buf_init(&buf, SIZE);
	assert_int_equal(fs_write_atomic("f", bytes, SIZE, 0600, &err), 0);
	assert_int_equal(fs_read("f", SIZE, &buf, &err), 0);
	assert_int_equal(buf.len, SIZE);
	assert_memory_equal(buf.data, bytes, SIZE);
	buf_free(&buf);
	free(bytes);
}

static void reads_a_file_of_its_own_only(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, SIZE_MAX);
	make_file("own");
	assert_int_equal(chmod("own", 0600), 0);
	assert_int_equal(fs_read_own("own", 4, &buf, &err), 0);
	assert_string_equal(buf.data, "text");
	assert_failed(fs_read_own("own", 3, &buf, &err), "too_large");
	for (unsigned bit = 1; bit <= 040; bit <<= 1) {
		assert_int_equal(chmod("own", 0600 | bit), 0);
		assert_failed(fs_read_own("own", 4, &buf, &err), "foreign");
	}
	assert_int_equal(chmod("own", 0600), 0);
	assert_int_equal(symlink("own", "to-own"), 0);
	assert_failed(fs_read_own("to-own", 4, &buf, &err), "ELOOP");
	assert_int_equal(mkfifo("own-pipe", 0600), 0);
	assert_failed(fs_read_own("own-pipe", 4, &buf, &err), "invalid");
	assert_failed(fs_read_own("missing", 4, &buf, &err), "ENOENT");
	if (geteuid() == 0) {
		assert_int_equal(chown("own", 1, 1), 0);
		assert_failed(fs_read_own("own", 4, &buf, &err), "foreign");
	}
	buf_free(&buf);
}

static void reads_a_part_of_a_file_that_grows(void **state)
{
	struct buf buf;
	int fd = open("f", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	(void)state;
	buf_init(&buf, 100);
	assert_int_equal(write(fd, "one two", 7), 7);
	assert_int_equal(fs_read_from("f", 4, 2, &buf, &err), 0);
	assert_string_equal(buf.data, "tw");
	assert_int_equal(fs_read_from("f", 6, 50, &buf, &err), 0);
	assert_int_equal(fs_read_from("f", 7, 50, &buf, &err), 0);
	assert_int_equal(fs_read_from("f", 1000, 50, &buf, &err), 0);
	assert_string_equal(buf.data, "two");
	assert_int_equal(write(fd, " three", 6), 6);
	assert_int_equal(fs_read_from("f", 7, 50, &buf, &err), 0);
	assert_string_equal(buf.data, "two three");
	assert_int_equal(symlink("f", "link") | mkfifo("pipe", 0600), 0);
	assert_failed(fs_read_from("link", 0, 50, &buf, &err), "ELOOP");
	assert_failed(fs_read_from("pipe", 0, 50, &buf, &err), "invalid");
	assert_failed(fs_read_from("missing", 0, 50, &buf, &err), "ENOENT");
	assert_failed(fs_read_from("f", 0, 1000, &buf, &err), "EMSGSIZE");
	assert_string_equal(buf.data, "two three");
	fd_close(&fd);
	buf_free(&buf);
}

static void reads_only_regular_files(void **state)
{
	struct buf buf;
	(void)state;
	buf_init(&buf, 100);
	assert_int_equal(mkfifo("p", 0600) | mkdir("d", 0700) | symlink("f", "l"), 0);
	assert_failed(fs_read("p", 100, &buf, &err), "invalid");
	assert_failed(fs_read("/dev/zero", 100, &buf, &err), "invalid");
	assert_failed(fs_read("d", 100, &buf, &err), "EISDIR");
	assert_failed(fs_read("l", 100, &buf, &err), "ENOENT");
	make_file("f");
	assert_int_equal(fs_read("l", 100, &buf, &err), 0);
	assert_string_equal(buf.data, "text");
	buf_free(&buf);
}

static void writes_in_one_step(void **state)
{
	char name[256];
	(void)state;
	assert_int_equal(fs_write_atomic("f", "one", 3, 0644, &err), 0);
	assert_int_equal(fs_write_atomic("f", "second", 6, 0600, &err), 0);
	assert_holds("f", "second");
	assert_int_equal(mode_of("f"), 0600);
	assert_int_equal(symlink("f", "l"), 0);
	assert_int_equal(fs_write_atomic("l", "third", 5, 0666, &err), 0);
	assert_holds("f", "second");
	assert_holds("l", "third");
	assert_int_equal(mode_of("l"), 0666);
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(fs_write_atomic(name, "", 0, 0600, &err), 0);
	assert_int_equal(entries("."), 3);
}

static int write_too_much(void)
{
	struct rlimit limit = {8, 8};
	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(fs_write_atomic("f", "much too much", 13, 0600, &err) == -1);
	CHECK(strcmp(err.code, "EFBIG") == 0);
	return 0;
}

static void a_failed_write_leaves_the_old_file_alone(void **state)
{
	(void)state;
	assert_int_equal(fs_write_atomic("f", "old", 3, 0644, &err), 0);
	as_nobody(write_too_much);
	assert_holds("f", "old");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_failed(fs_write_atomic("d", "x", 1, 0644, &err), "EISDIR");
	assert_failed(fs_write_atomic("none/f", "x", 1, 0644, &err), "ENOENT");
	assert_int_equal(entries("."), 2);
}

static void renames(void **state)
{
	(void)state;
	make_file("a");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(fs_rename("a", "b", &err), 0);
	assert_false(exists("a"));
	assert_holds("b", "text");
	assert_failed(fs_rename("a", "c", &err), "ENOENT");
	assert_failed(fs_rename("b", "d", &err), "EISDIR");
}

static void resolves_links(void **state)
{
	char *real, *here, *text, longest[1001];
	(void)state;
	assert_int_equal(mkdir("d", 0700) | symlink("d", "l"), 0);
	assert_int_equal(fs_realpath("d", &here, &err), 0);
	assert_int_equal(fs_realpath("l/../l/.", &real, &err), 0);
	assert_string_equal(real, here);
	free(real);
	free(here);
	assert_failed(fs_realpath("none", &real, &err), "ENOENT");
	assert_int_equal(fs_readlink("l", &text, &err), 0);
	assert_string_equal(text, "d");
	free(text);
	assert_failed(fs_readlink("d", &text, &err), "EINVAL");
	memset(longest, 'x', 1000);
	longest[1000] = '\0';
	assert_int_equal(symlink(longest, "long"), 0);
	assert_int_equal(fs_readlink("long", &text, &err), 0);
	assert_string_equal(text, longest);
	free(text);
}

static void tells_free_space(void **state)
{
	uint64_t bytes = 0;
	(void)state;
	assert_int_equal(fs_free_bytes(".", &bytes, &err), 0);
	assert_true(bytes > 0);
	assert_failed(fs_free_bytes("none", &bytes, &err), "ENOENT");
}

static void tells_whether_this_user_may_write(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | fs_write_atomic("f", "x", 1, 0600, &err), 0);
	assert_int_equal(fs_may_write("d", &err), 0);
	assert_int_equal(fs_may_write("f", &err), 0);
	assert_failed(fs_may_write("none", &err), "ENOENT");
	assert_failed(fs_may_write("f/below", &err), "ENOTDIR");
	if (geteuid() == 0) /* a mode keeps root from nothing */
		return;
	assert_int_equal(chmod("d", 0600) | chmod("f", 0400), 0);
	assert_failed(fs_may_write("d", &err), "EACCES");
	assert_failed(fs_may_write("f", &err), "EACCES");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(lstat_tells_types),
		FIXTURE_TEST(mkdirp_makes_all_that_is_missing),
		FIXTURE_TEST(mkdirp_fails_where_something_else_is),
		FIXTURE_TEST(mkdirp_names_what_it_could_not_make),
		FIXTURE_TEST(mkdtemp_makes_private_directories),
		FIXTURE_TEST(lists_sorted_names),
		FIXTURE_TEST(an_empty_directory_has_no_names),
		FIXTURE_TEST(reads_up_to_the_maximum),
		FIXTURE_TEST(reads_a_large_file_whole),
		FIXTURE_TEST(reads_a_file_of_its_own_only),
		FIXTURE_TEST(reads_a_part_of_a_file_that_grows),
		FIXTURE_TEST(reads_only_regular_files),
		FIXTURE_TEST(writes_in_one_step),
		FIXTURE_TEST(a_failed_write_leaves_the_old_file_alone),
		FIXTURE_TEST(renames),
		FIXTURE_TEST(resolves_links),
		FIXTURE_TEST(tells_free_space),
		FIXTURE_TEST(tells_whether_this_user_may_write),
	};
	return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
