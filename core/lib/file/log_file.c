#include "file/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* Bytes of the line that reports the omitted bytes; its space is reserved directly after the beginning. */
#define NOTE  96
#define LEAST 4096
#define CHUNK ((size_t)64 << 10)

int log_file_create(const char *path, int flags, uint64_t *size, struct error *err)
{
	struct stat st;
	/* O_NONBLOCK: opening a FIFO waits for a reader. */
	int fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot write the log %s", path);
	if (fstat(fd, &st) < 0) {
		error_errno(err, errno, "cannot write the log %s", path);
	} else if (!S_ISREG(st.st_mode)) {
		error_set(err, "invalid", "cannot write the log %s: it is not a regular file", path);
	} else {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	fd_close(&fd);
	return -1;
}

int log_file_open(struct log_file *log, const char *path, uint64_t max, int append, struct error *err)
{
	uint64_t size;
	*log = (struct log_file){.fd = -1, .max = max};
	if (log->max < LEAST)
		log->max = LEAST;
	log->fd = log_file_create(path, O_RDWR, &size, err);
	if (log->fd < 0)
		return -1;
	if (append) {
		log->base = size;
	} else if (ftruncate(log->fd, 0) < 0) {
		error_errno(err, errno, "cannot write the log %s", path);
		fd_close(&log->fd);
		return -1;
	}
	return 0;
}

/* The first piece begins after the space of the note. */
static uint64_t pieces_begin(const struct log_file *log)
{
	return log->head + NOTE;
}

static uint64_t piece_size(const struct log_file *log)
{
	return (log->max - pieces_begin(log)) / 2;
}

static int write_at(const struct log_file *log, const char *data, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t put = pwrite(log->fd, data, len, (off_t)(log->base + at));
		if (put < 0 && errno != EINTR)
			return -1;
		if (put <= 0)
			continue;
		data += put;
		at += (uint64_t)put;
		len -= (size_t)put;
	}
	return 0;
}

/* The number of bytes of DATA that still belong to the beginning, when not all fit: whole lines, or else whole characters. */
static size_t fitting(const char *data, size_t room)
{
	size_t line = room;
	while (line > 0 && data[line - 1] != '\n')
		line--;
	if (line > 0)
		return line;
	while (room > 0 && ((unsigned char)data[room] & 0xc0) == 0x80)
		room--;
	return room;
}

static int write_pieces(struct log_file *log, const char *data, size_t len)
{
	uint64_t begin = pieces_begin(log), size = piece_size(log);
	while (len > 0) {
		uint64_t end;
		size_t part;
		if (log->at == begin + 2 * size) {
			log->at = begin;
			log->wraps++;
		}
		end = log->at < begin + size ? begin + size : begin + 2 * size;
		part = end - log->at < len ? (size_t)(end - log->at) : len;
		if (write_at(log, data, part, log->at) < 0)
			return -1;
		log->at += part;
		data += part;
		len -= part;
	}
	return 0;
}

/* Present until the log is closed; a killed process leaves it. */
static int end_beginning(struct log_file *log)
{
	char note[NOTE + 1];
	snprintf(note, sizeof note, "%-*s\n", NOTE - 1,
	         "\n[molbuild: the newest lines follow, possibly followed by older ones]");
	log->head = log->at;
	log->at = pieces_begin(log);
	return write_at(log, note, NOTE, log->head);
}

int log_file_write(struct log_file *log, const char *data, size_t len)
{
	log->written += len;
	if (!log->head) {
		uint64_t room = log->max / 2 - log->at;
		size_t part = len > room ? fitting(data, (size_t)room) : len;
		if (write_at(log, data, part, log->at) < 0)
			return -1;
		log->at += part;
		if (part == len)
			return 0;
		if (end_beginning(log) < 0)
			return -1;
		data += part;
		len -= part;
	}
	return write_pieces(log, data, len);
}

static int read_at(const struct log_file *log, char *data, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t got = pread(log->fd, data, len, (off_t)(log->base + at));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got < 0 ? errno : EIO;
			return -1;
		}
		data += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

static char chunk[CHUNK], other_chunk[CHUNK];

/* Nothing is omitted: remove the space of the note. */
static int close_gap(struct log_file *log)
{
	uint64_t from = pieces_begin(log), to = log->head;
	while (from < log->at) {
		size_t len = log->at - from < CHUNK ? (size_t)(log->at - from) : CHUNK;
		if (read_at(log, chunk, len, from) < 0 || write_at(log, chunk, len, to) < 0)
			return -1;
		from += len;
		to += len;
	}
	log->at = to;
	return 0;
}

/* The newer piece, of NEWER bytes, is the first in the file: swap the two. */
static int order_pieces(struct log_file *log, uint64_t newer)
{
	uint64_t begin = pieces_begin(log), size = piece_size(log);
	for (uint64_t done = 0; done < size; done += CHUNK) {
		size_t len = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
		size_t back = done >= newer ? 0 : newer - done < len ? (size_t)(newer - done) : len;
		if (read_at(log, chunk, back, begin + done) < 0 || read_at(log, other_chunk, len, begin + size + done) < 0 ||
		    write_at(log, other_chunk, len, begin + done) < 0 || write_at(log, chunk, back, begin + size + done) < 0)
			return -1;
	}
	log->at = begin + size + newer;
	return 0;
}

/* Write the number of omitted bytes in a separate line, and begin the rest with a whole character. */
static int write_note(const struct log_file *log)
{
	uint64_t begin = pieces_begin(log), kept = log->head + (log->at - begin);
	char note[NOTE + 1], start[3];
	size_t cut = 0;
	int length = snprintf(note, sizeof note, "\n[molbuild: %" PRIu64 " bytes are omitted here]", log->written - kept);
	memset(note + length, ' ', sizeof note - (size_t)length);
	note[NOTE - 1] = '\n';
	if (read_at(log, start, sizeof start, begin) < 0)
		return -1;
	for (; cut < sizeof start && ((unsigned char)start[cut] & 0xc0) == 0x80; cut++)
		start[cut] = '?';
	return write_at(log, start, cut, begin) < 0 ? -1 : write_at(log, note, NOTE, log->head);
}

static int put_in_order(struct log_file *log)
{
	uint64_t in_pieces = log->at - pieces_begin(log);
	if (!log->wraps)
		return close_gap(log);
	if (in_pieces <= piece_size(log) && order_pieces(log, in_pieces) < 0)
		return -1;
	return write_note(log);
}

int log_file_close(struct log_file *log)
{
	int result = 0;
	if (log->fd < 0)
		return 0;
	if (log->head && (put_in_order(log) < 0 || ftruncate(log->fd, (off_t)(log->base + log->at)) < 0))
		result = -1;
	fd_close(&log->fd);
	return result;
}
