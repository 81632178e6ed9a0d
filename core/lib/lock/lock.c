#include "lock/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sys.h"
#include "lock/lock_internal.h"

static int open_as(const char *path, int flags, int also_directory, struct error *err)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO at this path must not block this process. */
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the lock file %s", path);
	if (fstat(fd, &st) < 0)
		error_errno(err, errno, "cannot open the lock file %s", path);
	else if (!S_ISREG(st.st_mode) && !(also_directory && S_ISDIR(st.st_mode)))
		error_set(err, "invalid", "the lock file %s is not a regular file", path);
	else
		return fd;
	fd_close(&fd);
	return -1;
}

int lock_open(const char *path, struct error *err)
{
	return open_as(path, O_RDWR | O_CREAT, 0, err);
}

/* Whether FD is the file at PATH: a lock on an unlinked or replaced file excludes no other process. */
static int is_current(int fd, const char *path)
{
	struct stat ours, theirs;
	return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

/* As lock_take(), with either kind of lock; whether FD is still the file at PATH is not checked. */
static int take_as(int fd, int how, const char *path, struct error *err)
{
	int got;
	do
		got = flock(fd, how | LOCK_NB);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EWOULDBLOCK)
		return 0;
	return got < 0 ? error_errno(err, errno, "cannot lock %s", path) : 1;
}

int lock_take(int fd, const char *path, struct error *err)
{
	int got = take_as(fd, LOCK_EX, path, err);
	if (got != 1)
		return got;
	if (!is_current(fd, path))
		return error_errno(err, ESTALE, "the lock file %s is replaced repeatedly", path);
	return 1;
}

static void write_record(const struct lock *lock, const char *purpose)
{
	struct lock_holder holder = {.pid = (long)lock->owner, .start = lock->start};
	char record[LOCK_RECORD_MAX];
	size_t len;
	sys_hostname(holder.host, sizeof holder.host);
	snprintf(holder.purpose, sizeof holder.purpose, "%s", purpose);
	len = lock_format_record(&holder, record);
	/* Overwrite the old record first, then truncate: a reader sees the old record, the new one, or a first line
	 * that is not a record, but never an empty file. If the new record does not fit on the disk, the file must not name
	 * the previous holder. */
	if (pwrite(lock->fd, record, len, 0) != (ssize_t)len)
		len = 0;
	if (ftruncate(lock->fd, (off_t)len) < 0)
		errno = 0;
}

void lock_adopt(struct lock *lock, int fd, const char *purpose)
{
	INVARIANT(fd >= 0);
	*lock = (struct lock){.fd = fd, .owner = getpid(), .start = (int64_t)clock_now()};
	write_record(lock, purpose);
}

void lock_describe(struct lock *lock, const char *purpose)
{
	int saved = errno;
	if (lock->owner == getpid())
		write_record(lock, purpose);
	errno = saved;
}

void lock_leave(struct lock *lock)
{
	if (lock->owner)
		fd_close(&lock->fd);
	*lock = (struct lock){.fd = -1};
}

void lock_close_fd(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		flock(*fd, LOCK_UN);
	fd_close(fd);
	errno = saved;
}

int lock_say_locked(const char *path, struct error *err)
{
	struct lock_holder holder;
	char since[32] = "?";
	struct tm tm;
	time_t start;
	if (lock_read_holder(path, &holder) < 0)
		return error_set(err, "locked", "%s is locked by another process", path);
	start = (time_t)holder.start;
	if (gmtime_r(&start, &tm))
		strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return error_set(err, "locked", "%s is locked by pid %ld on %s since %s (%s)", path, holder.pid, holder.host, since,
	                 holder.purpose);
}

int lock_try(struct lock *lock, const char *path, const char *purpose, struct error *err)
{
	for (int round = 0; round < LOCK_ROUNDS_MAX; round++) {
		int got, fd = lock_open(path, err);
		if (fd < 0)
			return -1;
		got = lock_take(fd, path, err);
		if (got == 1) {
			lock_adopt(lock, fd, purpose);
			return 0;
		}
		lock_close_fd(&fd);
		if (got == 0)
			return lock_say_locked(path, err);
		if (strcmp(err->code, "ESTALE") != 0)
			return -1;
	}
	return -1;
}

int lock_inherit(struct lock *lock, int fd, const char *path, const char *purpose, struct error *err)
{
	int got;
	if (fd <= STDERR_FILENO || !is_current(fd, path))
		return error_set(err, "invalid", "descriptor %d is not the lock file %s", fd, path);
	got = take_as(fd, LOCK_EX, path, err);
	if (got == 0)
		return lock_say_locked(path, err);
	if (got < 0 || fd_set_cloexec(fd, 1) < 0)
		return got < 0 ? -1 : error_errno(err, errno, "cannot use the lock %s", path);
	lock_adopt(lock, fd, purpose);
	return 0;
}

int lock_is_free(const char *path, struct error *err)
{
	int got, fd = open_as(path, O_RDONLY, 1, err);
	if (fd < 0)
		return -1;
	/* Shared: network file systems lock a descriptor exclusively only if it can be written. */
	got = take_as(fd, LOCK_SH, path, err);
	lock_close_fd(&fd);
	return got;
}

void lock_release(struct lock *lock)
{
	int saved = errno;
	if (lock->owner == 0)
		return;
	INVARIANT(lock->fd >= 0);
	if (lock->owner != getpid()) {
		fd_close(&lock->fd);
	} else {
		if (ftruncate(lock->fd, 0) < 0)
			errno = saved; /* a stale record is harmless */
		lock_close_fd(&lock->fd);
	}
	*lock = (struct lock){.fd = -1};
	errno = saved;
}
