/* The program's own output to stdout and stderr, which never waits for a reader.
 *
 *   writer_init(&writer, loop, STDERR_FILENO);
 *   writer_put(&writer, "text\n", 5, 0);      writes it, or queues the rest for the loop
 *   writer_flush(&writer, 2 * NS_PER_S);      before the end
 *   writer_close(&writer);
 *
 * The queue is bounded. A text is queued whole or dropped whole. Spare texts, such as a build's lines, are dropped before
 * others. For a slow reader, call writer_is_slow(), and write no more spare texts while it returns true.
 *
 * Errors: a write that fails discards the queue; `errnum` is the reason (EPIPE, ENOSPC), until a write succeeds. */
#ifndef MOLBUILD_WRITER_H
#define MOLBUILD_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/maxima.h"
#include "loop/loop.h"

/* The bounds of the queue are in base/maxima.h (WRITER_...). The first text of either kind is queued whatever its length. */

struct writer {
	struct loop *loop;
	struct loop_watch watch; /* for room; started while the queue is not empty */
	struct loop_timer again; /* used instead, for a descriptor that cannot be watched */
	int fd;                  /* not owned; its flags are not changed */
	struct buf queue;
	size_t sent;         /* of the queue */
	size_t reserved;     /* bytes of other than spare texts since the queue was empty */
	int dropping;        /* a spare text was dropped, and the queue is still more than half full */
	int64_t progress_ns; /* when a byte was written last, or the queue began */
	int errnum;          /* why the last write failed; 0 after a successful one */
	void (*empty)(void *ud, int errnum);
	void *ud;
};

void writer_init(struct writer *writer, struct loop *loop, int fd);

/* The queue is discarded. */
void writer_close(struct writer *writer);

/* Write LEN bytes at TEXT, or queue them. SPARE: they are dropped before others. Returns 1, or 0 when they were
 * dropped: errnum is the reason, or 0 when the reader did not read. */
WARN_UNUSED int writer_put(struct writer *writer, const char *text, size_t len, int spare);

/* Whether much is queued and the reader still reads. */
int writer_is_slow(const struct writer *writer);

/* Bytes in the queue. */
size_t writer_pending(const struct writer *writer);

/* Call EMPTY once, when the queue has been written (ERRNUM is 0) or was dropped because a write failed. The queue must not
 * be empty. NULL: call nothing. */
void writer_on_empty(struct writer *writer, void (*empty)(void *ud, int errnum), void *ud);

/* Step the loop until the queue is empty. Gives up after SILENCE_NS without a byte being read, after five times that time in
 * total, and when a caught signal arrives. A pipe is enlarged first, so that a late reader finds all output. */
void writer_flush(struct writer *writer, int64_t silence_ns);

#endif
