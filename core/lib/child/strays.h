/* Descendants that got away: processes that carry a marker in their environment, whatever session, group or
 * parent they have by now. Linux only (/proc); elsewhere nothing is found, and only process groups are ended. */
#ifndef MOLBUILD_STRAYS_H
#define MOLBUILD_STRAYS_H

#include <stddef.h>
#include <sys/types.h>

/* Send SIGNO (0: just look) to every living process whose environment holds the entry MARKER ("NAME=value") and
 * that may be read by us; never to this process, and not to those in process group GROUP (0: none), which can be sent
 * it at once. Returns how many there are, in the group or out of it. */
size_t strays_signal(const char *marker, pid_t group, int signo);

/* Whether the process PID has MARKER in its environment, as far as we may know. */
int strays_carries(const char *pid, const char *marker);

/* Whether anything lives in process group GROUP. Where the system tells (/proc), a zombie does not count: its parent
 * may take its time to reap it, or never do so (the first process of a container often does not). */
int strays_in_group(pid_t group);

#endif
