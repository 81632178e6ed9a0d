#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/close_range.h>
#include <sys/syscall.h>
#endif

void fd_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_set_cloexec(int fd, int on)
{
	int flags = fcntl(fd, F_GETFD);
	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0 ? -1 : 0;
}

int fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -1 : 0;
}

int fd_pipe(int ends[2])
{
	if (pipe(ends) < 0) {
		ends[0] = ends[1] = -1;
		return -1;
	}
	/* pipe2() would avoid the moment in which another thread's fork inherits the ends. But no thread of this program
	 * forks, and macOS does not have it. */
	if (fd_set_cloexec(ends[0], 1) < 0 || fd_set_cloexec(ends[1], 1) < 0) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return -1;
	}
	return 0;
}

void fd_close_range(unsigned first, unsigned last, enum fd_range how)
{
	int saved = errno;
	long max;
#if defined(SYS_close_range) && defined(CLOSE_RANGE_CLOEXEC)
	if (syscall(SYS_close_range, first, last, how == FD_RANGE_CLOEXEC ? CLOSE_RANGE_CLOEXEC : 0U) == 0)
		return;
#endif
	max = sysconf(_SC_OPEN_MAX);
	if (max < 0 || max > FD_SCANNED_MAX)
		max = FD_SCANNED_MAX;
	for (long fd = first; fd < max && fd <= (long)last; fd++)
		if (how == FD_RANGE_CLOSE)
			close((int)fd);
		else if (fd_set_cloexec((int)fd, 1) < 0)
			continue;
	errno = saved;
}

void fd_pipe_room(int fd, size_t len)
{
#ifdef F_SETPIPE_SZ
	int saved = errno;
	int room = fcntl(fd, F_GETPIPE_SZ);
	if (room >= 0 && (size_t)room < len)
		fcntl(fd, F_SETPIPE_SZ, (int)len);
	errno = saved;
#else
	(void)fd;
	(void)len;
#endif
}

ssize_t fd_read(int fd, void *data, size_t len)
{
	ssize_t got;
	do
		got = read(fd, data, len);
	while (got < 0 && errno == EINTR);
	return got;
}

int fd_check_written(int fd)
{
	int copy = dup(fd);
	/* Without a copy the result is unknown, but the bytes are written. EINTR: the descriptor is closed anyway. */
	return copy >= 0 && close(copy) < 0 && errno != EINTR ? -1 : 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *bytes = data;
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);
		if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			struct pollfd room = {.fd = fd, .events = POLLOUT};
			if (poll(&room, 1, -1) < 0 && errno != EINTR)
				return -1;
			continue;
		}
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		bytes += put;
		len -= (size_t)put;
	}
	return 0;
}
