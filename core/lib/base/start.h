/* Resets what a program inherits from its starter and must not depend on: blocked signals, running timers, low limits, an
 * environment without a PATH. */
#ifndef MOLBUILD_START_H
#define MOLBUILD_START_H

/* Where programs are looked up when PATH is not set or empty. */
#define START_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* For main(), before anything else. Afterwards:
 *
 * - no signal is blocked. One that arrived while it was blocked is dropped, except for those that ask a program to end.
 * - SIGPIPE and SIGXFSZ are ignored in this process: a write that would cause one returns EPIPE or EFBIG, and is an
 *   ordinary error.
 *   Other ignored signals stay ignored (nohup, a background job). Children start with default dispositions (spawn.h).
 * timers that count the starter's processor time, such as a profiler's, are off. alarm(2) continues: some starters bound a
 *   program with it, and SIGALRM ends a run cleanly (loop.h).
 * - up to START_DESCRIPTORS descriptors can be open, if the hard limit allows it.
 * - PATH is set.
 * - threads can be started in containers of outdated engines (start_filter.h).
 *
 * No failure is reported: a setting that cannot be changed stays as it is. */
void start_clean(void);

/* Enough for some dozens of builds. Beyond 1024 select() fails in programs that still call it. */
enum { START_DESCRIPTORS = 1024 };

#endif
