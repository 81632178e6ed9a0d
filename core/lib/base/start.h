/* What a program inherits from its starter, and must not depend on: signals that are blocked, timers that run, limits that
 * are lower than they need to be, an environment without a PATH. */
#ifndef MOLBUILD_START_H
#define MOLBUILD_START_H

/* Where programs are looked for when PATH is not set or empty. */
#define START_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* For main(), before anything else. Afterwards:
 *
 * - no signal is blocked. One that arrived while it was blocked is dropped, except for those that ask a program to end.
 * - SIGPIPE and SIGXFSZ are ignored in this process: a write that fails for their reasons returns EPIPE or EFBIG, and is an
 *   error like any other.
 *   What else was ignored stays so (nohup, a background job). Children start with default dispositions (spawn.h).
 * - timers that count the starter's processor time, such as a profiler's, are off. alarm(2) goes on: it is how some
 *   starters bound a program, and SIGALRM ends a run in good order (loop.h).
 * - up to START_DESCRIPTORS descriptors can be open, where the hard limit allows as many.
 * - PATH is set.
 * - threads can be started in containers of old engines (start_filter.h).
 *
 * Nothing here can fail in a way that matters: what cannot be changed stays as it is. */
void start_clean(void);

/* Enough for some dozens of builds. Beyond 1024 select() fails in programs that still call it. */
enum { START_DESCRIPTORS = 1024 };

#endif
