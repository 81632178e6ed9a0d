/* The descendants of a program that was spawned: found and signalled in any group or session.
 *
 *   descendants_init(&descendants);            its marker goes into the program's environment
 *   descendants_start(&descendants, pid);      as soon as the program has been forked
 *   descendants_signal(&descendants, SIGTERM);
 *   descendants_reaped(&descendants);          as soon as the program's pid may be reused
 *   descendants_count(&descendants)            0: all have ended
 *   descendants_free(&descendants);
 *
 * A descendant is in the program's process group, or carries the marker in its environment, or has a parent that is a
 * descendant. Once found it stays one. After the death of its parent, a descendant is no longer found by its ancestry, so the first
 * signal must be sent while the program lives. Linux only (/proc); on other systems only the group is known.
 */
#ifndef MOLBUILD_DESCENDANTS_H
#define MOLBUILD_DESCENDANTS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

struct descendants {
	char marker[64]; /* "NAME=value", different for each struct */
	pid_t group;     /* the pid of the program and of its group; 0: not started */
	pid_t program;   /* 0: not started, or reaped */
	struct buf left; /* descendants that left the group */
};

void descendants_init(struct descendants *descendants);
void descendants_free(struct descendants *descendants);

void descendants_start(struct descendants *descendants, pid_t program);
void descendants_reaped(struct descendants *descendants);

/* Send SIGNO once to the program and to each of its descendants. A reused pid is never hit. Without memory, some
 * descendants outside of the group may be missed. */
void descendants_signal(struct descendants *descendants, int signo);

/* The number of living descendants, without the program itself. A zombie does not count: its parent may never reap it (the first
 * process of a container often does not). */
size_t descendants_count(struct descendants *descendants);

#endif
