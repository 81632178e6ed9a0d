/* The self-pipe: signal handlers write one byte, the loop reads it. Process-wide, like signals.
 * Part of the loop; all other code uses loop.h. */
#ifndef MOLBUILD_SIGNALS_H
#define MOLBUILD_SIGNALS_H

#include <stddef.h>

#include "base/error.h"

/* Create the pipe (once per process). Returns its reading end, non-blocking, or -1 with err set. */
WARN_UNUSED int signals_open(struct error *err);

/* Install the handler for SIGNO. Returns 0, or -1 with err set. Idempotent. A signal that the process was started
 * with ignored stays ignored; SIGCHLD is always caught. */
WARN_UNUSED int signals_catch(int signo, struct error *err);

/* Read what has arrived: *CHILD becomes 1 if a SIGCHLD was received. */
void signals_drain(int *child);

/* How many caught signals other than SIGCHLD have arrived and have not been taken yet. Async-signal-safe. */
int signals_waiting(void);

/* The oldest caught signal not taken yet, or 0. */
int signals_take(void);

/* For a child after fork: default dispositions, and no signal blocked. Async-signal-safe. */
void signals_reset(void);

#endif
