/* Descendants that got away: processes that carry a marker in their environment, whatever session, group or
 * parent they have by now. Linux only (/proc); elsewhere nothing is found, and only process groups are ended. */
#ifndef MOLBUILD_STRAYS_H
#define MOLBUILD_STRAYS_H

#include <stddef.h>

/* Send SIGNO (0: just look) to every living process whose environment holds the entry MARKER ("NAME=value") and
 * that may be read by us; never to this process. Returns how many there are. */
size_t strays_signal(const char *marker, int signo);

#endif
