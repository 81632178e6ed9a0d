#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

static enum fault_call chosen;
static unsigned left; /* 0: nothing fails */
static int error_number;
static int happened;

void fault_fail_nth(enum fault_call call, unsigned n, int errnum)
{
	chosen = call;
	left = n;
	error_number = call == FAULT_ALLOC ? ENOMEM : errnum;
	happened = 0;
}

int fault_end(void)
{
	left = 0;
	return happened;
}

static int fails(enum fault_call call)
{
	if (left == 0 || call != chosen || --left > 0)
		return 0;
	happened = 1;
	errno = error_number;
	return 1;
}

/* A wrapper of NAME, which returns FAILURE when it is to fail. */
#define WRAP(kind, type, failure, name, parameters, arguments)                                                                 \
	type __real_##name parameters;                                                                                         \
	type __wrap_##name parameters;                                                                                         \
	type __wrap_##name parameters                                                                                          \
	{                                                                                                                      \
		if (fails(kind))                                                                                               \
			return failure;                                                                                        \
		return __real_##name arguments;                                                                                \
	}

WRAP(FAULT_ALLOC, void *, NULL, malloc, (size_t size), (size))
WRAP(FAULT_ALLOC, void *, NULL, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(FAULT_ALLOC, void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(FAULT_ALLOC, void *, NULL, realloc, (void *old, size_t size), (old, size))
WRAP(FAULT_ALLOC, char *, NULL, strdup, (const char *text), (text))
WRAP(FAULT_ALLOC, char *, NULL, strndup, (const char *text, size_t len), (text, len))
WRAP(FAULT_READ, ssize_t, -1, read, (int fd, void *data, size_t len), (fd, data, len))
WRAP(FAULT_READ, ssize_t, -1, pread, (int fd, void *data, size_t len, off_t at), (fd, data, len, at))
WRAP(FAULT_WRITE, ssize_t, -1, write, (int fd, const void *data, size_t len), (fd, data, len))
WRAP(FAULT_PWRITE, ssize_t, -1, pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
WRAP(FAULT_OPEN, DIR *, NULL, opendir, (const char *path), (path))
WRAP(FAULT_OPEN, DIR *, NULL, fdopendir, (int fd), (fd))
WRAP(FAULT_OPEN, int, -1, mkstemp, (char *path), (path))
WRAP(FAULT_STAT, int, -1, fstat, (int fd, struct stat *st), (fd, st))
WRAP(FAULT_STAT, int, -1, lstat, (const char *path, struct stat *st), (path, st))
WRAP(FAULT_STAT, int, -1, fstatat, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags))
WRAP(FAULT_SYNC, int, -1, fsync, (int fd), (fd))
WRAP(FAULT_NAME, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(FAULT_NAME, int, -1, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(FAULT_NAME, int, -1, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(FAULT_FLOCK, int, -1, flock, (int fd, int operation), (fd, operation))
WRAP(FAULT_FORK, pid_t, -1, fork, (void), ())
WRAP(FAULT_PIPE, int, -1, pipe, (int ends[2]), (ends))

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	int result = __real_close(fd);
	return fails(FAULT_SYNC) ? -1 : result;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;
	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	return fails(FAULT_OPEN) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;
	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	return fails(FAULT_OPEN) ? -1 : __real_openat(dir, path, flags, mode);
}
