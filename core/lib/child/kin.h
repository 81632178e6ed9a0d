/* Descendants of a process that neither its group nor a marker in their environment tells: those of a program that
 * gives its children a session and an environment of their own, as a builder of images does. They are noted while
 * it lives, since their parents' death cuts them off. Linux only (/proc); elsewhere nobody is found. */
#ifndef MOLBUILD_KIN_H
#define MOLBUILD_KIN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

struct kin {
	struct buf members;
};

void kin_init(struct kin *kin);
void kin_free(struct kin *kin);

/* Note the descendants of ROOT (0: it is gone), and of those noted before, that are neither in GROUP nor carry
 * MARKER. Without memory some may be missed. */
void kin_note(struct kin *kin, pid_t root, pid_t group, const char *marker);

/* Send SIGNO (0: just look) to everyone who was noted and lives. Returns how many there are. */
size_t kin_signal(const struct kin *kin, int signo);

#endif
