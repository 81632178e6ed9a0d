#include "loop/writer.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fd_now.h"

/* Bytes of one write; the usual capacity of a pipe. */
#define PIECE ((size_t)64 << 10)
/* The same after a write found no room: a pipe that reports room accepts this much without waiting. */
#define SMALL_PIECE ((size_t)4 << 10)

/* After this time without a byte being read, the reader counts as gone. */
#define SILENCE_NS NS_PER_S

/* The interval of retries for a descriptor that cannot be watched, such as a regular file. */
#define AGAIN_NS (10 * NS_PER_MS)

/* The largest pipe size that an unprivileged process may request. */
#define PIPE_MAX ((size_t)1 << 20)

static void on_room(struct loop_watch *watch, int ready);
static void on_again(struct loop_timer *timer);

void writer_init(struct writer *writer, struct loop *loop, int fd)
{
	*writer = (struct writer){.loop = loop, .fd = fd};
	writer->watch = (struct loop_watch){.ready = on_room, .fd = fd, .events = LOOP_WRITE};
	writer->again = (struct loop_timer){.fire = on_again};
	buf_init(&writer->queue, WRITER_QUEUE_MAX);
	fd_now_prepare();
}

static void forget_queue(struct writer *writer)
{
	loop_watch_stop(writer->loop, &writer->watch);
	loop_timer_stop(writer->loop, &writer->again);
	buf_free(&writer->queue);
	writer->sent = writer->reserved = 0;
}

void writer_close(struct writer *writer)
{
	forget_queue(writer);
	writer->empty = NULL;
}

size_t writer_pending(const struct writer *writer)
{
	return writer->queue.len - writer->sent;
}

void writer_on_empty(struct writer *writer, void (*empty)(void *ud, int errnum), void *ud)
{
	writer->empty = empty;
	writer->ud = ud;
}

/* Write as much as possible now. Returns the number of bytes; errnum is set when a write failed. */
static size_t write_some(struct writer *writer, const char *text, size_t len, size_t piece)
{
	size_t done = 0;
	writer->errnum = 0;
	while (done < len) {
		size_t left = len - done;
		ssize_t put = fd_write_now(writer->fd, text + done, left < piece ? left : piece);
		if (put < 0)
			writer->errnum = errno;
		if (put <= 0)
			break;
		done += (size_t)put;
		writer->progress_ns = clock_monotonic_ns();
	}
	return done;
}

/* The queue was written, or lost. */
static void end_queue(struct writer *writer)
{
	void (*empty)(void *ud, int errnum) = writer->empty;
	forget_queue(writer);
	writer->empty = NULL;
	if (empty)
		empty(writer->ud, writer->errnum);
}

static void drain(struct writer *writer)
{
	writer->sent += write_some(writer, writer->queue.data + writer->sent, writer_pending(writer), SMALL_PIECE);
	if (writer_pending(writer) > 0 && !writer->errnum)
		return;
	end_queue(writer);
}

static void on_room(struct loop_watch *watch, int ready)
{
	(void)ready;
	drain(CONTAINER_OF(watch, struct writer, watch));
}

static int wait_for_room(struct writer *writer)
{
	struct error err;
	if (loop_watch_start(writer->loop, &writer->watch, &err) == 0)
		return 0;
	writer->watch.slot = 0;
	return loop_timer_start(writer->loop, &writer->again, AGAIN_NS, &err);
}

/* A write to a regular file that a signal interrupted also leaves bytes in the queue. */
static void on_again(struct loop_timer *timer)
{
	struct writer *writer = CONTAINER_OF(timer, struct writer, again);
	struct error err;
	drain(writer);
	if (writer_pending(writer) > 0 && loop_timer_start(writer->loop, timer, AGAIN_NS, &err) < 0) {
		writer->errnum = ENOMEM;
		end_queue(writer);
	}
}

static int enqueue(struct writer *writer, const char *text, size_t len)
{
	int first = writer_pending(writer) == 0;
	if (writer->sent > writer->queue.len / 2) {
		buf_shift(&writer->queue, writer->sent);
		writer->sent = 0;
	}
	if (buf_append(&writer->queue, text, len) < 0) {
		writer->errnum = errno;
		return 0;
	}
	if (first) {
		writer->progress_ns = clock_monotonic_ns();
		if (wait_for_room(writer) < 0) {
			writer->errnum = ENOMEM;
			forget_queue(writer);
			return 0;
		}
	}
	return 1;
}

static int is_read(const struct writer *writer)
{
	return clock_monotonic_ns() - writer->progress_ns < SILENCE_NS;
}

int writer_is_slow(const struct writer *writer)
{
	return writer_pending(writer) > WRITER_SLOW && is_read(writer);
}

/* After a dropped text the next ones are dropped, too, until much is read: one gap is better than many. */
static int has_room_to_spare(struct writer *writer, size_t len)
{
	size_t all = writer_pending(writer) + len, max = WRITER_SPARE_MAX;
	if (writer->dropping)
		max /= 2;
	else if (is_read(writer))
		max = WRITER_SLOW_MAX;
	writer->dropping = writer_pending(writer) > 0 && all > max;
	return !writer->dropping;
}

static int has_room(struct writer *writer, size_t len, int spare)
{
	if (spare)
		return has_room_to_spare(writer, len);
	return writer->reserved == 0 || writer->reserved + len <= WRITER_RESERVE;
}

static void check(const struct writer *writer)
{
	INVARIANT(writer->sent <= writer->queue.len);
	/* What is queued is waited for, in one way; what is not, in none. */
	INVARIANT((writer_pending(writer) > 0) == (writer->watch.slot || writer->again.slot));
	INVARIANT(!writer->watch.slot || !writer->again.slot);
	(void)writer;
}

int writer_put(struct writer *writer, const char *text, size_t len, int spare)
{
	size_t done = 0;
	check(writer);
	if (writer_pending(writer) > 0) {
		drain(writer);
		if (!has_room(writer, len, spare))
			return 0;
	}
	if (writer_pending(writer) == 0)
		done = write_some(writer, text, len, PIECE);
	if (writer->errnum)
		return 0;
	if (done < len && !enqueue(writer, text + done, len - done))
		return 0;
	writer->reserved += spare || done == len ? 0 : len;
	check(writer);
	return 1;
}

void writer_flush(struct writer *writer, int64_t silence_ns)
{
	int64_t now = clock_monotonic_ns(), end = now + 5 * silence_ns;
	struct error err;
	if (writer_pending(writer) == 0)
		return;
	fd_pipe_room(writer->fd, PIPE_MAX);
	drain(writer);
	writer->progress_ns = now;
	while (writer_pending(writer) > 0 && !loop_take_signal(writer->loop)) {
		int64_t until = writer->progress_ns + silence_ns < end ? writer->progress_ns + silence_ns : end;
		now = clock_monotonic_ns();
		if (now >= until || loop_step(writer->loop, until - now, &err) < 0)
			return;
	}
}
