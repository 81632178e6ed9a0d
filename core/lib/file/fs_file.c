#include "file/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define CHUNK 65536U

/* What may be read: a regular file; also a pipe; only a regular file that is this user's alone; a regular file, not through a link. */
enum readable { READ_FILE, READ_PIPE, READ_OWN, READ_PART };

/* Returns a descriptor, or -1 with err set. */
static int open_to_read(const char *path, enum readable what, struct error *err)
{
	struct stat st;
	/* O_NONBLOCK: opening a FIFO waits for a writer. It changes nothing for a regular file. */
	int no_link = what == READ_OWN || what == READ_PART ? O_NOFOLLOW : 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | no_link);
	if (fd < 0)
		return error_errno(err, errno, "cannot read %s", path);
	if (fstat(fd, &st) < 0)
		error_errno(err, errno, "cannot read %s", path);
	else if (S_ISDIR(st.st_mode))
		error_errno(err, EISDIR, "cannot read %s", path);
	else if (!S_ISREG(st.st_mode) && !(what == READ_PIPE && S_ISFIFO(st.st_mode)))
		error_set(err, "invalid", "%s is not a regular file", path);
	/* Of the open file: the name may lead to another file by now. */
	else if (what == READ_OWN && (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO))))
		error_set(err, "foreign", "%s belongs to another user, or other users may use it", path);
	else
		return fd;
	fd_close(&fd);
	return -1;
}

/* The time within which a pipe must have a writer. */
#define WRITER_NS (2 * NS_PER_S)

struct reader {
	int fd;
	int64_t writer_ns, deadline_ns; /* for a pipe: the times by which it must have a writer, and must end; 0: a file */
	int begun;                      /* data, or the end, of a writer was read */
};

/* As read(). For a pipe it waits; errno EPIPE: there was no writer; ETIME: it did not end in time. */
static ssize_t read_some(struct reader *reader, void *data, size_t len)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = reader->fd, .events = POLLIN};
		ssize_t got = fd_read(reader->fd, data, len);
		int64_t left;
		int ready;
		if (got > 0)
			reader->begun = 1;
		if (!reader->deadline_ns || got > 0 || (got == 0 && reader->begun) || (got < 0 && errno != EAGAIN))
			return got;
		/* 0: no process has opened it for writing yet. EAGAIN: there is a writer, which is not ready. */
		left = (got == 0 ? reader->writer_ns : reader->deadline_ns) - clock_monotonic_ns();
		ready = left <= 0 ? 0 : poll(&poll_fd, 1, (int)(left / NS_PER_MS) + 1);
		if (ready < 0)
			return -1;
		if (left <= 0) {
			errno = got == 0 ? EPIPE : ETIME;
			return -1;
		}
		reader->begun |= ready > 0;
	}
}

/* Returns 0, or -1 with errno set: EMSGSIZE when there is more than MAX. */
static int read_all(struct reader *reader, size_t max, struct buf *out)
{
	size_t end = out->max - out->len < max ? out->max : out->len + max;
	for (;;) {
		size_t left = end - out->len;
		size_t want = left < CHUNK ? left : CHUNK;
		char probe;
		ssize_t got;
		/* At the maximum, one more byte shows whether the end is reached. */
		if (want && buf_reserve(out, want) < 0)
			return -1;
		got = want ? read_some(reader, out->data + out->len, want) : read_some(reader, &probe, 1);
		if (got <= 0)
			return (int)got;
		if (!want) {
			errno = EMSGSIZE;
			return -1;
		}
		out->len += (size_t)got;
		out->data[out->len] = '\0';
	}
}

static int read_into(const char *path, enum readable what, size_t max, int64_t wait_ns, struct buf *out, struct error *err)
{
	size_t before = out->len;
	struct reader reader = {.fd = open_to_read(path, what, err)};
	int result;
	if (reader.fd < 0)
		return -1;
	if (wait_ns > 0) {
		int64_t now = clock_monotonic_ns();
		reader.deadline_ns = now + wait_ns;
		reader.writer_ns = now + (wait_ns < WRITER_NS ? wait_ns : WRITER_NS);
	}
	result = read_all(&reader, max, out);
	fd_close(&reader.fd);
	if (result == 0)
		return 0;
	out->len = before;
	if (out->data)
		out->data[before] = '\0';
	if (errno == EPIPE)
		return error_set(err, "invalid", "%s is not a regular file, and no process writes to it", path);
	if (errno == ETIME)
		return error_set(err, "timeout", "cannot read %s: it did not end within %g s", path,
		                 (double)wait_ns / (double)NS_PER_S);
	if (errno == EMSGSIZE)
		return error_set(err, "too_large", "%s is larger than %zu bytes", path, max);
	return error_errno(err, errno, "cannot read %s", path);
}

int fs_read_from(const char *path, uint64_t offset, size_t max, struct buf *out, struct error *err)
{
	ssize_t got;
	int fd = open_to_read(path, READ_PART, err);
	if (fd < 0)
		return -1;
	got = buf_reserve(out, max);
	if (got == 0)
		do
			got = pread(fd, out->data + out->len, max, (off_t)offset);
		while (got < 0 && errno == EINTR);
	fd_close(&fd);
	if (got < 0)
		return error_errno(err, errno, "cannot read %s", path);
	out->len += (size_t)got;
	out->data[out->len] = '\0';
	return 0;
}

int fs_read(const char *path, size_t max, struct buf *out, struct error *err)
{
	return read_into(path, READ_FILE, max, 0, out, err);
}

int fs_read_pipe(const char *path, size_t max, int64_t wait_ns, struct buf *out, struct error *err)
{
	return read_into(path, wait_ns > 0 ? READ_PIPE : READ_FILE, max, wait_ns, out, err);
}

int fs_read_own(const char *path, size_t max, struct buf *out, struct error *err)
{
	return read_into(path, READ_OWN, max, 0, out, err);
}

/* So that the new name survives a power failure. Some file systems cannot do this, and the file itself is complete anyway. */
static void sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	int fd = dir ? open(dir, O_RDONLY | O_CLOEXEC | O_DIRECTORY) : -1;
	if (fd >= 0 && fsync(fd) < 0)
		errno = 0;
	fd_close(&fd);
	free(dir);
}

/* PATH's temporary neighbour, as a template for mkstemp(); NULL without memory. It begins with a dot. */
static char *temporary_for(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
	size_t size = strlen(path) + sizeof "..XXXXXX";
	char *name = malloc(size);
	/* At most 200 bytes of the name: with the suffix it must stay below 255 bytes, the limit of a name. */
	if (name)
		snprintf(name, size, "%.*s.%.200s.XXXXXX", (int)dir, path, path + dir);
	return name;
}

static int fill(int fd, const void *data, size_t len, mode_t mode)
{
	return fchmod(fd, mode) < 0 || fd_write_all(fd, data, len) < 0 ? -1 : fsync(fd);
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err)
{
	char *temporary = temporary_for(path);
	int fd, failed;
	if (!temporary)
		return error_errno(err, ENOMEM, "cannot write %s", path);
	fd = mkstemp(temporary);
	if (fd < 0) {
		error_errno(err, errno, "cannot write %s", path);
		free(temporary);
		return -1;
	}
	failed = fd_set_cloexec(fd, 1) < 0 || fill(fd, data, len, mode) < 0;
	/* On network file systems, a full disk may be reported only by close(). */
	if (failed)
		fd_close(&fd);
	else
		failed = close(fd) < 0;
	if (failed || rename(temporary, path) < 0) {
		error_errno(err, errno, "cannot write %s", path);
		unlink(temporary);
		free(temporary);
		return -1;
	}
	free(temporary);
	sync_directory_of(path);
	return 0;
}
