/* What the tests of files share: files with a known text, and what is there afterwards. Include it after fixture.h. */
#ifndef MOLBUILD_TEST_FS_FIXTURE_H
#define MOLBUILD_TEST_FS_FIXTURE_H

static inline void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
}

static inline mode_t mode_of(const char *path)
{
	struct fs_stat st;
	assert_int_equal(fs_lstat(path, &st, &err), 0);
	return st.mode;
}

static inline size_t entries(const char *path)
{
	struct fs_names names;
	size_t count;
	assert_int_equal(fs_list(path, 1000, &names, &err), 0);
	count = names.count;
	fs_names_free(&names);
	return count;
}

static inline void assert_holds(const char *path, const char *text)
{
	struct buf buf;
	buf_init(&buf, 1000);
	assert_int_equal(fs_read(path, 1000, &buf, &err), 0);
	assert_string_equal(buf.data, text);
	buf_free(&buf);
}

#endif
