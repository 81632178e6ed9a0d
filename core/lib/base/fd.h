/* File descriptors: every one we make is close-on-exec, and -1 means "none". */
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

/* Ask for room for LEN bytes in a pipe, so that reader and writer wait for each other less often. Where the system
 * knows no such thing, or gives no more, the pipe stays as it is; one that has more keeps it. */
void fd_pipe_room(int fd, size_t len);

/* Returns 0, or -1 with errno set. */
WARN_UNUSED int fd_set_nonblocking(int fd);
WARN_UNUSED int fd_set_cloexec(int fd, int on);

/* Every descriptor from FIRST to LAST (~0U: all): close it, or have exec close it. Async-signal-safe, for a child after fork; keeps
 * errno. Where the system cannot do it at once, descriptors from FD_SCANNED_MAX on stay as they are. */
enum fd_range { FD_RANGE_CLOSE, FD_RANGE_CLOEXEC };
void fd_close_range(unsigned first, unsigned last, enum fd_range how);

/* Write all LEN bytes, however many calls it takes; waits when the descriptor is non-blocking and full.
 * Returns 0, or -1 with errno set (some bytes may have been written). */
WARN_UNUSED int fd_write_all(int fd, const void *data, size_t len);

/* Whether what was written to FD is written as far as can be told: some file systems tell of a failure only when a descriptor
 * is closed, which here is a copy of FD. Returns 0, or -1 with errno set. */
WARN_UNUSED int fd_check_written(int fd);

/* read() that is called again on EINTR. */
ssize_t fd_read(int fd, void *data, size_t len);

#endif
