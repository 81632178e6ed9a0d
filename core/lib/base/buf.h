/* A byte buffer that grows up to a hard maximum.
 *
 * The bytes may include NULs. data[len] is always an additional NUL, so that text can be passed to C functions. The
 * buffer owns its memory; buf_free() frees it and leaves an empty buffer with the same maximum.
 */
#ifndef MOLBUILD_BUF_H
#define MOLBUILD_BUF_H

#include <stddef.h>

#include "base/macros.h"

struct buf {
	char *data; /* NULL until the first byte */
	size_t len;
	size_t cap;
	size_t max; /* bytes; without the final NUL */
};

void buf_init(struct buf *buf, size_t max);
void buf_free(struct buf *buf);

/* Remove the bytes, keep the memory. */
void buf_clear(struct buf *buf);

/* Append LEN bytes. Returns 0, or -1 with errno EMSGSIZE (over max) or ENOMEM; the buffer is then unchanged. */
WARN_UNUSED int buf_append(struct buf *buf, const void *data, size_t len);

/* Reserve LEN more bytes after the end; the caller writes there and adds to len. Errors as above. */
WARN_UNUSED int buf_reserve(struct buf *buf, size_t len);

/* Remove LEN bytes (at most all) from the front. */
void buf_shift(struct buf *buf, size_t len);

/* Append, but keep only the last max bytes of the whole: a tail. Fails only with ENOMEM. */
WARN_UNUSED int buf_append_tail(struct buf *buf, const void *data, size_t len);

#endif
