/* Restores the terminal however the program stops or pauses: a text that undoes the program's own settings (cursor, wrapping,
 * colours) is written to stderr by signal handlers, and at exit(). Process-wide, like signals.
 *
 * Nothing is changed before the first text: a program that draws nothing keeps all dispositions. */
#ifndef MOLBUILD_RESTORE_TERMINAL_H
#define MOLBUILD_RESTORE_TERMINAL_H

#include <stddef.h>

#include "base/error.h"
#include "base/maxima.h"

/* From now on write LEN bytes at TEXT, copied; 0 bytes for none. The first text installs handlers: for the signals that end a
 * program, which then have their effect; for SIGTSTP (Ctrl-Z), which then stops it; and for SIGCONT. A signal that is already
 * caught or ignored is left alone. Returns 0, or -1 with err set: "invalid" when LEN is more than RESTORE_TERMINAL_MAX. */
WARN_UNUSED int restore_terminal_set(const char *text, size_t len, struct error *err);

/* Write the text, if there is room. Async-signal-safe. */
void restore_terminal_now(void);

/* Whether the program has been continued since the last call after a stop by any signal: the terminal is then in the shell's
 * state. */
int restore_terminal_continued(void);

#endif
