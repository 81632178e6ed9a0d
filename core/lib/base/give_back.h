/* Giving the terminal back, however the program stops or pauses: what undoes the program's own settings (cursor, wrapping,
 * colours) is written to stderr by the handlers of signals, and at exit(). Process-wide, as signals are.
 *
 * Nothing is done before the first text: a program that draws nothing keeps all dispositions. */
#ifndef MOLBUILD_GIVE_BACK_H
#define MOLBUILD_GIVE_BACK_H

#include <stddef.h>

#include "base/error.h"
#include "base/maxima.h"

/* From now on write LEN bytes at TEXT, copied; 0 for nothing. The first text installs handlers: for the signals that end a
 * program, which then have their effect; for SIGTSTP (Ctrl-Z), which then stops it; and for SIGCONT. A signal that is caught
 * or ignored already is left alone. Returns 0, or -1 with err set: "invalid" when they are more than GIVE_BACK_MAX. */
WARN_UNUSED int give_back_set(const char *text, size_t len, struct error *err);

/* Write it, if there is room. Async-signal-safe. */
void give_back_now(void);

/* Whether the program has been continued since the last call, after it was stopped by whatever signal: the terminal is then as
 * the shell left it. */
int give_back_continued(void);

#endif
