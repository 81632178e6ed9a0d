/* What the program itself writes to stdout and stderr, without ever waiting for a reader.
 *
 *   writer_init(&writer, loop, STDERR_FILENO);
 *   writer_put(&writer, "text\n", 5, 0);      writes it, or queues what finds no room: the loop writes the rest
 *   writer_flush(&writer, 2 * NS_PER_S);      before the end
 *   writer_close(&writer);
 *
 * The queue is bounded. A text is queued whole or dropped whole: texts that can be spared, such as a build's lines, sooner
 * than others. For a reader that reads, only slower than we write, ask writer_is_slow(), and write no more meanwhile. */
#ifndef MOLBUILD_WRITER_H
#define MOLBUILD_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/maxima.h"
#include "loop/loop.h"

/* The bounds of the queue stand in base/maxima.h (WRITER_...). The first text of either kind is queued whatever its length. */

struct writer {
	struct loop *loop;
	struct loop_watch watch; /* for room; started while something is queued */
	struct loop_timer again; /* in its place, for what cannot be watched */
	int fd;                  /* not owned; its flags are left alone */
	struct buf queue;
	size_t sent;         /* of the queue */
	size_t reserved;     /* bytes of texts that cannot be spared, since the queue was empty */
	int dropping;        /* a text was dropped that could be spared, and the queue is still more than half full */
	int64_t progress_ns; /* when a byte was written last, or the queue began */
	int errnum;          /* why the last write failed; 0 after one that did not */
	void (*empty)(void *ud, int errnum);
	void *ud;
};

void writer_init(struct writer *writer, struct loop *loop, int fd);

/* What is queued is lost. */
void writer_close(struct writer *writer);

/* Write LEN bytes at TEXT, or queue them. SPARE: they may be dropped sooner than others. Returns 1, or 0 when they were
 * dropped: errnum says why, or is 0 when they were not read. */
WARN_UNUSED int writer_put(struct writer *writer, const char *text, size_t len, int spare);

/* Whether much is queued, and somebody reads. */
int writer_is_slow(const struct writer *writer);

/* Bytes in the queue. */
size_t writer_pending(const struct writer *writer);

/* Call EMPTY once, when the queue has been written (ERRNUM is 0) or was dropped since a write failed. Something must be
 * pending. NULL: call nothing. */
void writer_on_empty(struct writer *writer, void (*empty)(void *ud, int errnum), void *ud);

/* Step the loop until the queue is empty; gives up after PATIENCE_NS without a byte being read, after five times as long in
 * all, and when a caught signal arrives. A pipe is made larger first, so that a late reader finds all of it. */
void writer_flush(struct writer *writer, int64_t patience_ns);

#endif
