/* File descriptors: all descriptors of this program are close-on-exec, and -1 means "none". */
#ifndef MOLBUILD_FD_H
#define MOLBUILD_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"
#include "base/maxima.h"

/* Close *FD if there is one and set it to -1. Keeps errno. */
void fd_close(int *fd);

/* A close-on-exec pipe: ENDS[0] reads, ENDS[1] writes. Returns 0, or -1 with errno set and both ends -1. */
WARN_UNUSED int fd_pipe(int ends[2]);

/* Request a capacity of LEN bytes for a pipe, so that reader and writer wait for each other less often. If the system
 * does not support or allow it, the pipe stays as it is; a larger pipe stays as it is, too. */
void fd_pipe_room(int fd, size_t len);

/* Returns 0, or -1 with errno set. */
WARN_UNUSED int fd_set_nonblocking(int fd);
WARN_UNUSED int fd_set_cloexec(int fd, int on);

/* Close every descriptor from FIRST to LAST (~0U: all), or have exec close it. Async-signal-safe, for a child after fork; keeps
 * errno. If the system has no call for a range, descriptors from FD_SCANNED_MAX on stay as they are. */
enum fd_range { FD_RANGE_CLOSE, FD_RANGE_CLOEXEC };
void fd_close_range(unsigned first, unsigned last, enum fd_range how);

/* Write all LEN bytes, with as many calls as needed; waits when the descriptor is non-blocking and full.
 * Returns 0, or -1 with errno set (some bytes may have been written). */
WARN_UNUSED int fd_write_all(int fd, const void *data, size_t len);

/* Check that what was written to FD is stored, as far as the system reports it: some file systems report a failure only when a
 * descriptor is closed; here that is a copy of FD. Returns 0, or -1 with errno set. */
WARN_UNUSED int fd_check_written(int fd);

/* read() that is repeated after EINTR. */
ssize_t fd_read(int fd, void *data, size_t len);

#endif
