/* A log whose size has a bound: what was written first and what was written last stays, one line says how much is missing
 * in between. Memory does not grow with what is written, nor does the file beyond its bound.
 *
 * The first half of the bound holds the beginning. The other half is two pieces that are written in turn, so that the older one
 * is always whole; log_file_close() puts them in order. A process that is killed leaves the log without that: its end is
 * there, with an older piece behind it.
 */
#ifndef MOLBUILD_LOG_FILE_H
#define MOLBUILD_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/maxima.h"

struct log_file {
	int fd;           /* -1: none */
	uint64_t max;     /* bytes */
	uint64_t head;    /* where the beginning ends; 0: it is still written */
	uint64_t at;      /* where the next byte goes */
	uint64_t written; /* bytes, in all */
	int wraps;        /* how often a piece was begun again; 0: nothing is missing */
};

/* Create PATH with mode 0600, or empty it; never through a link, and nothing but a regular file. MAX is at least
 * 4096. Returns 0, or -1 with err set. */
WARN_UNUSED int log_file_open(struct log_file *log, const char *path, uint64_t max, struct error *err);

/* Returns 0, or -1 with errno set. */
WARN_UNUSED int log_file_write(struct log_file *log, const char *data, size_t len);

/* Put it in order and close it. Does nothing to one that is not open. Returns 0, or -1 with errno set; it is closed then,
 * too. */
WARN_UNUSED int log_file_close(struct log_file *log);

#endif
