#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

static void check(const struct buf *buf)
{
	INVARIANT(buf->len <= buf->max);
	INVARIANT(buf->data ? buf->len < buf->cap : buf->len == 0 && buf->cap == 0);
	(void)buf;
}

void buf_free(struct buf *buf)
{
	check(buf);
	free(buf->data);
	buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

int buf_reserve(struct buf *buf, size_t len)
{
	size_t need, cap = buf->cap ? buf->cap : FIRST_SIZE;
	char *data;
	check(buf);
	if (len > buf->max - buf->len) {
		errno = EMSGSIZE;
		return -1;
	}
	need = buf->len + len + 1;
	if (buf->data && need <= buf->cap)
		return 0;
	while (cap < need)
		cap = cap > buf->max / 2 ? buf->max + 1 : cap * 2;
	data = realloc(buf->data, cap);
	if (!data)
		return -1;
	buf->data = data;
	buf->cap = cap;
	buf->data[buf->len] = '\0';
	return 0;
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
	if (buf_reserve(buf, len) < 0)
		return -1;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	check(buf);
	return 0;
}

void buf_shift(struct buf *buf, size_t len)
{
	if (!buf->data)
		return;
	if (len > buf->len)
		len = buf->len;
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len);
	buf->data[buf->len] = '\0';
	check(buf);
}

int buf_append_tail(struct buf *buf, const void *data, size_t len)
{
	const char *bytes = data;
	if (len > buf->max) {
		bytes += len - buf->max;
		len = buf->max;
	}
	if (len > buf->max - buf->len)
		buf_shift(buf, len - (buf->max - buf->len));
	return buf_append(buf, bytes, len);
}
