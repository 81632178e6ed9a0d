/* Time. */
#ifndef MOLBUILD_CLOCK_H
#define MOLBUILD_CLOCK_H

#include <stdint.h>

/* Nanoseconds on a clock that never goes back; its zero has no meaning. */
int64_t clock_monotonic_ns(void);

/* The same, but on Linux the time in which the machine was suspended counts, too. */
int64_t clock_steady_ns(void);

/* Seconds since 1970-01-01 00:00:00 UTC, with a fraction. */
double clock_now(void);

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* As a duration: no bound. 31 years, so that it can be added to the time of a clock. */
#define NS_NEVER (1000000000 * NS_PER_S)

#endif
