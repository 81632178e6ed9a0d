#include "text/lines.h"

#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

void lines_init(struct lines *lines, size_t max, int (*on_line)(void *ud, const char *line, size_t len), void *ud)
{
	*lines = (struct lines){.on_line = on_line, .ud = ud, .max = max};
	buf_init(&lines->part, max);
}

void lines_free(struct lines *lines)
{
	buf_free(&lines->part);
}

/* The line has become too long: its kept beginning ends in "…" from now on. */
static int cut(struct lines *lines)
{
	struct buf *part = &lines->part;
	size_t end = lines->max - strlen(ELLIPSIS);
	/* Not within a character. */
	for (int i = 0; i < 3 && end > 0 && ((unsigned char)part->data[end] & 0xc0) == 0x80; i++)
		end--;
	part->len = end;
	lines->cut = 1;
	return buf_append(part, ELLIPSIS, strlen(ELLIPSIS));
}

/* Keep the beginning of an unfinished line, or of one that is too long. */
static int keep(struct lines *lines, const char *data, size_t len)
{
	size_t room = lines->max - lines->part.len;
	if (lines->cut)
		return 0;
	if (buf_append(&lines->part, data, len < room ? len : room) < 0)
		return -1;
	return len > room ? cut(lines) : 0;
}

void lines_pending(const struct lines *lines, const char **line, size_t *len)
{
	*line = lines->part.data ? lines->part.data : "";
	*len = lines->part.len;
}

/* The line is complete, and begins in `part`. */
static int deliver(struct lines *lines)
{
	const char *line;
	size_t len;
	int stop;
	lines_pending(lines, &line, &len);
	INVARIANT(len <= lines->max);
	stop = lines->on_line(lines->ud, line, len);
	buf_clear(&lines->part);
	lines->cut = lines->behind_cr = 0;
	return stop;
}

int lines_feed(struct lines *lines, const char *data, size_t len)
{
	INVARIANT(lines->max >= LINES_MAX_MIN && lines->part.len <= lines->max);
	while (len > 0) {
		const char *newline;
		size_t line;
		int stop;
		if (*data == '\r') {
			lines->behind_cr = 1;
			data++;
			len--;
			continue;
		}
		newline = memchr(data, '\n', len);
		line = newline ? (size_t)(newline - data) : len;
		if (newline && lines->part.len == 0 && line <= lines->max) {
			stop = lines->on_line(lines->ud, data, line);
			lines->behind_cr = 0;
		} else {
			if (keep(lines, data, line) < 0)
				return -1;
			stop = newline ? deliver(lines) : 0;
		}
		if (stop)
			return stop;
		data += line + (newline ? 1 : 0);
		len -= line + (newline ? 1 : 0);
	}
	return 0;
}

int lines_finish(struct lines *lines)
{
	return lines->part.len > 0 ? deliver(lines) : 0;
}
