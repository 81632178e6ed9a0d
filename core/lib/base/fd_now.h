/* Writing without waiting, to a shared descriptor.
 *
 * stdout and stderr are open file descriptions that the starter shares, and perhaps a shell and other programs. O_NONBLOCK
 * would change them for all of these. So poll() is asked whether there is room. A write can still wait, if there was less
 * room or another program wrote first. Then a timer interrupts it.
 */
#ifndef MOLBUILD_FD_NOW_H
#define MOLBUILD_FD_NOW_H

#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"

/* The longest wait of a write. */
#define FD_NOW_MAX_NS (10 * NS_PER_MS)

/* Create the timer, once per process, so that fd_write_now() may be called in a signal handler. It sends SIGURG, whose
 * handler then does nothing. If no timer can be created, a write has at most the length that a pipe with room accepts
 * without waiting. */
void fd_now_prepare(void);

/* Write at most LEN bytes. Returns the number of written bytes, 0 when there is no room now, or -1 with errno set. */
WARN_UNUSED ssize_t fd_write_now(int fd, const void *data, size_t len);

#endif
