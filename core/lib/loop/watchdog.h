/* Ends a call of libcurl that does not return.
 *
 * A server can send useless data without end: empty frames of HTTP/2, tickets of TLS. libcurl then reads on within one call
 * while more data comes, and no timer or signal is processed. The watchdog measures the processor time of such a call. It ends
 * the call after 250 ms if a signal waits, after 1 s if a timer is due, else after 3 s, by shutting down the sockets that it
 * tracks. A call that waits uses no processor time, and neither does a stopped process.
 *
 * Uses SIGPROF and ITIMER_PROF. The state is process-wide, like these.
 */
#ifndef MOLBUILD_WATCHDOG_H
#define MOLBUILD_WATCHDOG_H

#include <stdint.h>

#include "base/maxima.h"

/* Register a socket of libcurl after it is opened, and unregister it before it is closed. Sockets in excess of
 * WATCHDOG_SOCKETS_MAX are not shut down. */
void watchdog_add(int fd);
void watchdog_remove(int fd);

/* The call begins; DUE_NS is when the next timer is due (clock.h), INT64_MAX for none. */
void watchdog_begin(int64_t due_ns);

/* The call has returned. Returns 1 when it had to be ended. */
int watchdog_end(void);

#endif
