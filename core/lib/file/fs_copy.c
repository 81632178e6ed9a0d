#include "file/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define CHUNK 65536U

static int copy_link(const char *from, const char *to, struct error *err)
{
	char *target;
	int result;
	if (fs_readlink(from, &target, err) < 0)
		return -1;
	result = symlink(target, to) < 0 ? error_errno(err, errno, "cannot create the link %s", to) : 0;
	free(target);
	return result;
}

/* The file may have been replaced since it was examined: no link is followed, and there is no wait for a FIFO. */
static int open_source(const char *path, struct stat *st, struct error *err)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot read %s", path);
	if (fstat(fd, st) < 0)
		error_errno(err, errno, "cannot read %s", path);
	else if (!S_ISREG(st->st_mode))
		error_set(err, "invalid", "%s is neither a regular file nor a link", path);
	else
		return fd;
	fd_close(&fd);
	return -1;
}

static int copy_bytes(int in, int out, const char *from, const char *to, struct error *err)
{
	char bytes[CHUNK];
	ssize_t got;
	while ((got = fd_read(in, bytes, sizeof bytes)) > 0)
		if (fd_write_all(out, bytes, (size_t)got) < 0)
			return error_errno(err, errno, "cannot write %s", to);
	return got < 0 ? error_errno(err, errno, "cannot read %s", from) : 0;
}

static int copy_file(const char *from, const char *to, struct error *err)
{
	struct stat st;
	int result, out, in = open_source(from, &st, err);
	if (in < 0)
		return -1;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0) {
		fd_close(&in);
		return error_errno(err, errno, "cannot write %s", to);
	}
	result = copy_bytes(in, out, from, to, err);
	if (result == 0 && fchmod(out, st.st_mode & S_IXUSR ? 0755 : 0644) < 0)
		result = error_errno(err, errno, "cannot write %s", to);
	fd_close(&in);
	/* On network file systems, a full disk may be reported only by close(). */
	if (close(out) < 0 && result == 0)
		result = error_errno(err, errno, "cannot write %s", to);
	if (result < 0)
		unlink(to);
	return result;
}

int fs_copy(const char *from, const char *to, struct error *err)
{
	struct stat st;
	if (lstat(from, &st) < 0)
		return error_errno(err, errno, "cannot read %s", from);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, err);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, err);
	return error_set(err, "invalid", "%s is neither a regular file nor a link", from);
}
