/* The one way in which this program forks. */
#ifndef MOLBUILD_FORK_H
#define MOLBUILD_FORK_H

#include <sys/types.h>

/* Fork a child in its own session and process group, with default signal dispositions and no signal blocked. No handler of this
 * program ever runs in it. If the system supports it, the child gets DEATH_SIGNAL when this process dies.
 *
 * Returns the child's pid, 0 in the child, or -1 with errno set. Until it calls exec or _exit(), the child may call only
 * async-signal-safe functions: libcurl's resolver may have threads that held a lock. */
pid_t fork_clean(int death_signal);

#endif
