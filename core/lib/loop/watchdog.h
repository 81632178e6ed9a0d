/* Ends a call of libcurl's that does not come back.
 *
 * A server can send without end what carries nothing: empty frames of HTTP/2, tickets of TLS. libcurl reads on within one call
 * then, for as long as more has come, and neither a timer nor a signal is heeded. The watchdog counts the processor time of such a
 * call, and ends it 250 ms after it began when a signal waits, after 1 s when a timer waits, else after 3 s. It
 * does so by shutting down the sockets that it knows. A call that waits takes no processor time, and so does a stopped process.
 *
 * Uses SIGPROF and ITIMER_PROF. The state is process-wide, as these are.
 */
#ifndef MOLBUILD_WATCHDOG_H
#define MOLBUILD_WATCHDOG_H

#include <stdint.h>

#include "base/maxima.h"

/* A socket of libcurl's, from when it is opened until before it is closed. Those beyond WATCHDOG_SOCKETS_MAX are not shut down. */
void watchdog_add(int fd);
void watchdog_remove(int fd);

/* The call begins; DUE_NS is when the next timer is due (clock.h), INT64_MAX for none. */
void watchdog_begin(int64_t due_ns);

/* It has come back. Returns 1 when it had to be ended. */
int watchdog_end(void);

#endif
