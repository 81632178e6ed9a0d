/* Writing without waiting, to a descriptor that is shared.
 *
 * stdout and stderr are open file descriptions that the starter has, too, and perhaps a shell and other programs: O_NONBLOCK
 * would change them for all of these. So poll() is asked whether there is room, and a write that then has to wait all the
 * same, because there was less room or another program was quicker, is interrupted by a timer.
 */
#ifndef MOLBUILD_FD_NOW_H
#define MOLBUILD_FD_NOW_H

#include <stddef.h>
#include <sys/types.h>

#include "base/macros.h"

/* How long a write may wait. */
#define FD_NOW_MAX_NS (10 * NS_PER_MS)

/* Make the timer, once for the process, so that fd_write_now() may be called in a signal handler. It sends SIGURG, whose
 * handler becomes one that does nothing. Where no timer can be made, a write is at most as long as what a pipe with room
 * takes at once. */
void fd_now_prepare(void);

/* Write at most LEN bytes. Returns how many were written, 0 when there is no room now, or -1 with errno set. */
WARN_UNUSED ssize_t fd_write_now(int fd, const void *data, size_t len);

#endif
