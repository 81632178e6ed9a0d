/* Shared by lock.c (acquiring and releasing) and lock_wait.c (waiting). */
#ifndef MOLBUILD_LOCK_INTERNAL_H
#define MOLBUILD_LOCK_INTERNAL_H

#include "lock/lock.h"

/* The descriptor of the lock file, or -1 with err set. */
WARN_UNUSED int lock_open(const char *path, struct error *err);

/* Try to lock FD. Returns 1 when it is locked and still the file at PATH, 0 when another process holds it, or -1 with
 * err set. ESTALE: it is locked, but PATH is now another file, or missing; open it again. */
WARN_UNUSED int lock_take(int fd, const char *path, struct error *err);

/* FD has been locked: write the record and store FD in LOCK. */
void lock_adopt(struct lock *lock, int fd, const char *purpose);

/* Unlock and close. */
void lock_close_fd(int *fd);

/* Fill err with "locked", naming the holder of PATH if it is known. Returns -1. */
int lock_say_locked(const char *path, struct error *err);

#endif
