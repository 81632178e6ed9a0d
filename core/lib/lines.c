#include "lines.h"

#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

void lines_init(struct lines *lines, size_t max, int (*on_line)(void *ud, const char *line, size_t len), void *ud)
{
	*lines = (struct lines){.on_line = on_line, .ud = ud, .max = max};
	buf_init(&lines->part, max + strlen(ELLIPSIS));
}

void lines_free(struct lines *lines)
{
	buf_free(&lines->part);
}

/* Keep the beginning of a line whose end is still to come, or that is too long. */
static int keep(struct lines *lines, const char *data, size_t len)
{
	size_t room = lines->max - (lines->part.len < lines->max ? lines->part.len : lines->max);
	if (len > room) {
		lines->cut = 1;
		len = room;
		/* Not in the middle of a character. */
		while (len > 0 && ((unsigned char)data[len] & 0xc0) == 0x80)
			len--;
	}
	return buf_append(&lines->part, data, len);
}

/* The line is complete, in part. */
static int deliver(struct lines *lines)
{
	int stop;
	if (lines->cut && buf_append(&lines->part, ELLIPSIS, strlen(ELLIPSIS)) < 0)
		return -1;
	stop = lines->on_line(lines->ud, lines->part.data ? lines->part.data : "", lines->part.len);
	buf_clear(&lines->part);
	lines->cut = 0;
	return stop;
}

int lines_feed(struct lines *lines, const char *data, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(data, '\n', len);
		size_t line = newline ? (size_t)(newline - data) : len;
		int stop;
		if (newline && lines->part.len == 0 && !lines->cut && line <= lines->max) {
			stop = lines->on_line(lines->ud, data, line);
		} else {
			if (!lines->cut && keep(lines, data, line) < 0)
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
	return lines->part.len > 0 || lines->cut ? deliver(lines) : 0;
}
