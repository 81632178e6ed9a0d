#include "file/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/maxima.h"
#include "file/fs_internal.h"

static const char *type_name(mode_t mode)
{
	if (S_ISREG(mode))
		return "file";
	if (S_ISDIR(mode))
		return "directory";
	if (S_ISLNK(mode))
		return "link";
	if (S_ISFIFO(mode))
		return "fifo";
	return S_ISSOCK(mode) ? "socket" : "device";
}

static double mtime_of(const struct stat *st)
{
#ifdef __APPLE__
	return (double)st->st_mtimespec.tv_sec + (double)st->st_mtimespec.tv_nsec / 1e9;
#else
	return (double)st->st_mtim.tv_sec + (double)st->st_mtim.tv_nsec / 1e9;
#endif
}

int fs_lstat(const char *path, struct fs_stat *out, struct error *err)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return error_errno(err, errno, "cannot examine %s", path);
	*out = (struct fs_stat){
		.type = type_name(st.st_mode),
		.size = (int64_t)st.st_size,
		.mode = st.st_mode & 07777,
		.mtime = mtime_of(&st),
		.uid = st.st_uid,
		.dev = (uint64_t)st.st_dev,
		.ino = (uint64_t)st.st_ino,
		.nlink = (uint64_t)st.st_nlink,
	};
	return 0;
}

int fs_type(const char *path, const char **type, struct error *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return error_errno(err, errno, "cannot examine %s", path);
	*type = type_name(st.st_mode);
	return 0;
}

/* Returns 0 when PATH is now a directory, or -1 with errno set. */
static int make_directory(const char *path, mode_t mode)
{
	struct stat st;
	int saved;
	if (mkdir(path, mode) == 0)
		return 0;
	/* Any error (EEXIST, but also EROFS or EACCES) does not matter if the directory exists. */
	saved = errno;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		saved = ENOTDIR;
	}
	errno = saved;
	return -1;
}

int fs_mkdirp(const char *path, mode_t mode, struct error *err)
{
	struct stat st;
	char *copy;
	size_t len = strlen(path);
	int result = 0;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	copy = strdup(path);
	if (!copy)
		return error_errno(err, ENOMEM, "cannot create the directory %s", path);
	for (size_t at = 1; at <= len && result == 0; at++) {
		if (copy[at] != '/' && copy[at] != '\0')
			continue;
		copy[at] = '\0';
		if (copy[at - 1] != '/' && make_directory(copy, mode) < 0)
			result = error_errno(err, errno, "cannot create the directory %s", copy);
		if (at < len)
			copy[at] = '/';
	}
	if (len == 0)
		result = error_errno(err, ENOENT, "cannot create a directory without a name");
	free(copy);
	return result;
}

int fs_mkdtemp(const char *prefix, char **out, struct error *err)
{
	size_t size = strlen(prefix) + sizeof "XXXXXX";
	char *path = malloc(size);
	*out = NULL;
	if (!path)
		return error_errno(err, ENOMEM, "cannot create a temporary directory");
	snprintf(path, size, "%sXXXXXX", prefix);
	if (!mkdtemp(path)) {
		error_errno(err, errno, "cannot create a temporary directory %s*", prefix);
		free(path);
		return -1;
	}
	*out = path;
	return 0;
}

void fs_names_free(struct fs_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct fs_names){0};
}

/* Returns 0, or -1 with errno ENOMEM. */
static int add_name(struct fs_names *list, size_t *cap, const char *name)
{
	if (list->count == *cap) {
		size_t grown = *cap ? *cap * 2 : 32;
		char **names = realloc(list->names, grown * sizeof(char *));
		if (!names)
			return -1;
		list->names = names;
		*cap = grown;
	}
	list->names[list->count] = strdup(name);
	if (!list->names[list->count])
		return -1;
	list->count++;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Read DIR to its end. Returns 0, or -1 with err set. */
static int collect(DIR *dir, const char *path, size_t max, struct fs_names *out, struct error *err)
{
	size_t cap = 0;
	const char *name;
	while ((name = fs_next_entry(dir))) {
		if (out->count == max)
			return error_set(err, "too_large", "%s holds more than %zu entries", path, max);
		if (add_name(out, &cap, name) < 0)
			break;
	}
	return errno ? error_errno(err, errno, "cannot list %s", path) : 0;
}

int fs_list(const char *path, size_t max, struct fs_names *out, struct error *err)
{
	DIR *dir = opendir(path);
	int result;
	*out = (struct fs_names){0};
	if (!dir)
		return error_errno(err, errno, "cannot list %s", path);
	result = collect(dir, path, max, out, err);
	closedir(dir);
	if (result < 0)
		fs_names_free(out);
	else if (out->count)
		qsort(out->names, out->count, sizeof *out->names, by_bytes);
	return result;
}

int fs_rename(const char *from, const char *to, struct error *err)
{
	if (rename(from, to) < 0)
		return error_errno(err, errno, "cannot rename %s to %s", from, to);
	return 0;
}

/* The kernel's name of the file that PATH leads to, or NULL with errno set. It uses none of the newer system calls that
 * realpath() may use: a filter of system calls may answer EPERM to a call that is newer than itself. */
static char *kernel_path(const char *path)
{
#if defined(__linux__) && defined(O_PATH)
	struct stat meant, named;
	char link[64], text[PATH_MAX];
	ssize_t len = -1;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, text, sizeof text - 1);
	if (len > 0)
		text[len] = '\0';
	/* For a removed file, or one on another mount, the kernel's name is not a path. */
	if (len <= 0 || fstat(fd, &meant) < 0 || stat(text, &named) < 0 || meant.st_dev != named.st_dev ||
	    meant.st_ino != named.st_ino)
		len = -1;
	fd_close(&fd);
	if (len > 0)
		return strdup(text);
#else
	(void)path;
#endif
	errno = EPERM;
	return NULL;
}

int fs_realpath(const char *path, char **out, struct error *err)
{
	*out = realpath(path, NULL);
	if (!*out && errno == EPERM)
		*out = kernel_path(path);
	return *out ? 0 : error_errno(err, errno, "cannot resolve %s", path);
}

int fs_readlink(const char *path, char **out, struct error *err)
{
	char *text = NULL;
	*out = NULL;
	for (size_t size = 256; size <= FS_LINK_MAX; size *= 2) {
		char *grown = realloc(text, size);
		ssize_t len = grown ? readlink(path, grown, size) : -1;
		if (len < 0) {
			error_errno(err, errno, "cannot read the link %s", path);
			free(grown ? grown : text);
			return -1;
		}
		text = grown;
		if ((size_t)len < size) {
			text[len] = '\0';
			*out = text;
			return 0;
		}
	}
	free(text);
	return error_errno(err, ENAMETOOLONG, "cannot read the link %s", path);
}

int fs_free_bytes(const char *path, uint64_t *bytes, struct error *err)
{
	struct statvfs st;
	if (statvfs(path, &st) < 0)
		return error_errno(err, errno, "cannot determine the free space at %s", path);
	*bytes = (uint64_t)st.f_bavail * (uint64_t)(st.f_frsize ? st.f_frsize : st.f_bsize);
	return 0;
}

int fs_may_write(const char *path, struct error *err)
{
	struct stat st;
	int mode = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? W_OK | X_OK : W_OK;
	/* Not for the effective user, with AT_EACCESS: old container engines refuse the system call for that with EPERM. */
	if (access(path, mode) < 0)
		return error_errno(err, errno, "cannot write to %s", path);
	return 0;
}
