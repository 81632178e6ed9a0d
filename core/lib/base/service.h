/* A program that a service manager runs: what it reports to the manager, and how it leaves the machine to others. */
#ifndef MOLBUILD_SERVICE_H
#define MOLBUILD_SERVICE_H

#include <stddef.h>

#include "base/error.h"

/* Send a message, such as "READY=1", to the service manager's datagram socket. ADDRESS is an absolute path, or the name of an
 * abstract socket after "@" (Linux), as in the variable NOTIFY_SOCKET. Never waits: a message for which the socket has no room is
 * the error EAGAIN. Returns 0, or -1 with err set: "invalid" for an address of another kind or one that is too long, else an errno
 * name. */
WARN_UNUSED int service_notify(const char *address, const char *text, size_t len, struct error *err);

/* Let other processes come first, for this process and those that it starts from now on: a nice value of at least
 * SERVICE_NICE, and on Linux the lowest priority of the class "best effort" for disks. A lower priority than that is kept. Returns
 * 0, or -1 with errno set; a system that has no priorities for disks is no failure. */
enum { SERVICE_NICE = 10 };
WARN_UNUSED int service_lower_priority(void);

#endif
