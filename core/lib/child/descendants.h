/* The descendants of a program that was spawned: found and signalled wherever they went.
 *
 *   descendants_init(&descendants);            its marker goes into the program's environment
 *   descendants_start(&descendants, pid);      as soon as the program has been forked
 *   descendants_signal(&descendants, SIGTERM);
 *   descendants_reaped(&descendants);          as soon as the program's number may be another process's
 *   descendants_count(&descendants)            0: all are gone
 *   descendants_free(&descendants);
 *
 * A descendant is in the program's process group, or carries the marker in its environment, or has a parent that is a
 * descendant. Once found it stays one: a descendant is no longer found by its ancestry when its parent is dead, so the first
 * signal must be sent while the program lives. Linux only (/proc); elsewhere only the group is known.
 */
#ifndef MOLBUILD_DESCENDANTS_H
#define MOLBUILD_DESCENDANTS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

struct descendants {
	char marker[64]; /* "NAME=value", different for each struct */
	pid_t group;     /* the program's number, and its group's; 0: not started */
	pid_t program;   /* 0: not started, or reaped */
	struct buf left; /* those that left the group */
};

void descendants_init(struct descendants *descendants);
void descendants_free(struct descendants *descendants);

void descendants_start(struct descendants *descendants, pid_t program);
void descendants_reaped(struct descendants *descendants);

/* Send SIGNO once to the program and to each of its descendants. A number that is used again is never hit. Without memory some
 * descendants out of the group may be missed. */
void descendants_signal(struct descendants *descendants, int signo);

/* How many live, without the program itself. A zombie does not live: its parent may never reap it (the first process of a
 * container often does not). */
size_t descendants_count(struct descendants *descendants);

#endif
