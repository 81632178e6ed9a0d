/* A log with a bounded size: its beginning and its end are kept, and a line between them reports the number of omitted
 * bytes. Memory does not grow with the written bytes, and the file does not exceed its bound.
 *
 * The first half of the bound holds the beginning. The other half is two pieces that are written alternately, so that the
 * older one is always complete; log_file_close() puts them in order. A killed process leaves the log without that: its end is
 * there, followed by an older piece.
 */
#ifndef MOLBUILD_LOG_FILE_H
#define MOLBUILD_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/maxima.h"

struct log_file {
	int fd;           /* -1: none */
	uint64_t base;    /* what the file had before; the numbers below count from there */
	uint64_t max;     /* bytes */
	uint64_t head;    /* where the beginning ends; 0: it is still being written */
	uint64_t at;      /* where the next byte goes */
	uint64_t written; /* bytes, in total */
	int wraps;        /* how often a piece was overwritten; 0: nothing is omitted */
};

/* Open PATH with more FLAGS, which say how it is written, or create it with mode 0600; never through a link, and only a regular file.
 * Returns its descriptor and, in SIZE, the bytes that it has; or -1 with err set. */
WARN_UNUSED int log_file_create(const char *path, int flags, uint64_t *size, struct error *err);

/* Create PATH with mode 0600, or empty it; never through a link, and only a regular file. With APPEND, what it has stays, and MAX
 * bounds what is added. MAX is at least 4096. Returns 0, or -1 with err set. */
WARN_UNUSED int log_file_open(struct log_file *log, const char *path, uint64_t max, int append, struct error *err);

/* Returns 0, or -1 with errno set. */
WARN_UNUSED int log_file_write(struct log_file *log, const char *data, size_t len);

/* Put it in order and close it. No effect on a log that is not open. Returns 0, or -1 with errno set; the log is then closed,
 * too. */
WARN_UNUSED int log_file_close(struct log_file *log);

#endif
