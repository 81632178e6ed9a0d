#include "lock/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "text/width.h"

#define MAX_PID   2147483647
#define MAX_START INT64_C(99999999999)

/* Copy LEN bytes as printable text: control characters, invalid UTF-8 and ALSO become '?'. Cut between
 * characters to fit into SIZE. */
static void copy_clean(char *out, size_t size, const char *text, size_t len, char also)
{
	size_t used = 0;
	for (size_t at = 0; at < len;) {
		uint32_t code_point;
		size_t bytes = width_decode(text + at, len - at, &code_point);
		int bad = code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || code_point == UINT32_MAX ||
		          code_point == 0x2028 || code_point == 0x2029 || text[at] == also;
		size_t put = bad ? 1 : bytes;
		if (used + put + 1 > size)
			break;
		if (bad)
			out[used] = '?';
		else
			memcpy(out + used, text + at, bytes);
		used += put;
		at += bytes;
	}
	out[used] = '\0';
}

size_t lock_format_record(const struct lock_holder *holder, char out[LOCK_RECORD_MAX])
{
	char host[sizeof holder->host], purpose[LOCK_RECORD_MAX], line[LOCK_RECORD_MAX];
	int head;
	copy_clean(host, sizeof host, holder->host, strlen(holder->host), ' ');
	head = snprintf(line, sizeof line, "pid=%ld host=%s start=%lld purpose=", holder->pid, host, (long long)holder->start);
	/* One byte for the newline; copy_clean() keeps one for a NUL, which is not written. */
	copy_clean(purpose, sizeof line - (size_t)head, holder->purpose, strlen(holder->purpose), '\n');
	head += snprintf(line + head, sizeof line - (size_t)head, "%s", purpose);
	memcpy(out, line, (size_t)head);
	out[head] = '\n';
	return (size_t)head + 1;
}

/* Move *AT past KEY if KEY is there. */
static int take_key(const char **at, const char *end, const char *key)
{
	size_t len = strlen(key);
	if ((size_t)(end - *at) < len || memcmp(*at, key, len) != 0)
		return -1;
	*at += len;
	return 0;
}

static int take_number(const char **at, const char *end, int64_t max, int64_t *number)
{
	const char *begin = *at;
	*number = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		*number = *number * 10 + (**at - '0');
		if (*number > max)
			return -1;
	}
	return *at == begin ? -1 : 0;
}

static int parse_line(const char *at, const char *end, struct lock_holder *holder)
{
	int64_t pid;
	const char *space;
	if (take_key(&at, end, "pid=") < 0 || take_number(&at, end, MAX_PID, &pid) < 0 || pid == 0)
		return -1;
	holder->pid = (long)pid;
	if (take_key(&at, end, " host=") < 0 || !(space = memchr(at, ' ', (size_t)(end - at))))
		return -1;
	copy_clean(holder->host, sizeof holder->host, at, (size_t)(space - at), ' ');
	at = space;
	if (take_key(&at, end, " start=") < 0 || take_number(&at, end, MAX_START, &holder->start) < 0)
		return -1;
	if (take_key(&at, end, " purpose=") < 0)
		return -1;
	copy_clean(holder->purpose, sizeof holder->purpose, at, (size_t)(end - at), '\n');
	return 0;
}

int lock_parse_record(const char *data, size_t len, struct lock_holder *holder)
{
	const char *end;
	*holder = (struct lock_holder){0};
	if (len > LOCK_RECORD_MAX)
		len = LOCK_RECORD_MAX;
	/* No newline: a process is just writing it, or did not finish writing it. */
	end = len ? memchr(data, '\n', len) : NULL;
	if (end && parse_line(data, end, holder) == 0)
		return 0;
	*holder = (struct lock_holder){0};
	return -1;
}

int lock_read_holder(const char *path, struct lock_holder *holder)
{
	char record[LOCK_RECORD_MAX];
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	*holder = (struct lock_holder){0};
	if (fd < 0)
		return -1;
	got = pread(fd, record, sizeof record, 0);
	fd_close(&fd);
	return got < 0 ? -1 : lock_parse_record(record, (size_t)got, holder);
}
