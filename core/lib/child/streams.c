#include "child/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"

/* Bytes per read, and the requested capacity of the pipe. With less, reader and writer wait for each other more often;
 * more brings no gain, and does not fit into the processor's cache. */
#define READ_SIZE ((size_t)256 << 10)
/* Reads of one descriptor before the others have their turn. */
#define READS_A_TURN 8

/* The last read bytes. */
static char bytes[READ_SIZE];

static void on_output(struct loop_watch *watch, int ready);
static void on_input(struct loop_watch *watch, int ready);
static void on_status(struct loop_watch *watch, int ready);
static void on_pause(struct loop_timer *timer);

static void close_stream(struct stream *stream)
{
	loop_watch_stop(stream->all->loop, &stream->watch);
	fd_close(&stream->watch.fd);
}

static void init_stream(struct streams *streams, struct stream *stream, int events,
                        void (*ready)(struct loop_watch *watch, int ready))
{
	*stream = (struct stream){.all = streams, .watch = {.ready = ready, .fd = -1, .events = events}};
}

void streams_init(struct streams *streams, struct loop *loop, const struct streams_events *events)
{
	*streams = (struct streams){.loop = loop, .events = events, .pause = {.fire = on_pause}};
	init_stream(streams, &streams->out, LOOP_READ, on_output);
	init_stream(streams, &streams->capture, LOOP_READ, on_output);
	init_stream(streams, &streams->input, LOOP_WRITE, on_input);
	init_stream(streams, &streams->status, LOOP_READ, on_status);
}

void streams_close(struct streams *streams)
{
	loop_timer_stop(streams->loop, &streams->pause);
	close_stream(&streams->out);
	close_stream(&streams->capture);
	close_stream(&streams->input);
	close_stream(&streams->status);
	buf_free(&streams->input_left);
}

/* ---- making them ------------------------------------------------------------------------------------------- */

static int make_pipe(struct stream *ours, int *theirs)
{
	int ends[2], we_read = ours->watch.events == LOOP_READ;
	if (fd_pipe(ends) < 0)
		return -1;
	ours->watch.fd = ends[we_read ? 0 : 1];
	*theirs = ends[we_read ? 1 : 0];
	if (we_read)
		fd_pipe_room(ours->watch.fd, READ_SIZE);
	return fd_set_nonblocking(ours->watch.fd);
}

int streams_open(struct streams *streams, struct spawn_options *how, const char *input, size_t input_len, int capture)
{
	how->in = how->out = how->err = -1;
	buf_init(&streams->input_left, input_len);
	if (input) {
		if (buf_append(&streams->input_left, input, input_len) < 0 || make_pipe(&streams->input, &how->in) < 0)
			return -1;
	} else {
		how->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (how->in < 0 || make_pipe(&streams->out, &how->err) < 0)
		return -1;
	if (capture)
		return make_pipe(&streams->capture, &how->out);
	how->out = how->err;
	return 0;
}

void streams_close_theirs(struct spawn_options *how)
{
	fd_close(&how->in);
	if (how->err != how->out)
		fd_close(&how->err);
	fd_close(&how->out);
	how->err = -1;
}

static int watch(struct stream *stream, struct error *err)
{
	return stream->watch.fd < 0 ? 0 : loop_watch_start(stream->all->loop, &stream->watch, err);
}

int streams_watch(struct streams *streams, struct error *err)
{
	if (watch(&streams->out, err) < 0 || watch(&streams->capture, err) < 0 || watch(&streams->input, err) < 0)
		return -1;
	return watch(&streams->status, err);
}

/* ---- output ------------------------------------------------------------------------------------------------ */

int streams_are_at_end(const struct streams *streams)
{
	return streams->out.watch.fd < 0 && streams->capture.watch.fd < 0;
}

/* Unread output fills the pipe, and the program waits. */
static int pause_output(struct streams *streams)
{
	struct error err;
	if (streams->out.watch.fd < 0 || loop_timer_start(streams->loop, &streams->pause, STREAMS_PAUSE_NS, &err) < 0)
		return 0;
	loop_watch_stop(streams->loop, &streams->out.watch);
	return 1;
}

void streams_resume(struct streams *streams)
{
	struct error err;
	loop_timer_stop(streams->loop, &streams->pause);
	if (streams->out.watch.fd >= 0 && !streams->out.watch.slot &&
	    loop_watch_start(streams->loop, &streams->out.watch, &err) < 0)
		streams->events->failed(streams, ENOMEM, "read the output");
}

static void on_pause(struct loop_timer *timer)
{
	struct streams *streams = CONTAINER_OF(timer, struct streams, pause);
	struct error err;
	if (streams->events->may_resume(streams) || loop_timer_start(streams->loop, timer, STREAMS_PAUSE_NS, &err) < 0)
		streams_resume(streams);
}

/* Pass on LEN bytes. Nonzero: pause. */
static int hand_on(struct stream *stream, size_t len)
{
	struct streams *streams = stream->all;
	if (stream == &streams->out)
		return streams->events->output(streams, bytes, len);
	streams->events->captured(streams, bytes, len);
	return 0;
}

/* Read once. Returns the number of bytes, 0 at the end or after a failure, or -1 when there is nothing now. */
static ssize_t read_some(const struct stream *stream)
{
	ssize_t got = fd_read(stream->watch.fd, bytes, sizeof bytes);
	if (got < 0 && errno == EAGAIN)
		return -1;
	/* A read error is not the end of the output. Otherwise the missing output would go unnoticed, and the program would die of
	 * a closed pipe, without a fault of its own. */
	if (got < 0)
		stream->all->events->failed(stream->all, errno, "read the output");
	return got < 0 ? 0 : got;
}

static void on_output(struct loop_watch *watch, int ready)
{
	struct stream *stream = CONTAINER_OF(watch, struct stream, watch);
	(void)ready;
	for (int turn = 0; turn < READS_A_TURN && stream->watch.fd >= 0; turn++) {
		ssize_t got = read_some(stream);
		if (got < 0)
			return;
		if (got == 0) {
			close_stream(stream);
			stream->all->events->ended(stream->all);
			return;
		}
		if (hand_on(stream, (size_t)got) && pause_output(stream->all))
			return;
	}
}

static void read_ready(struct stream *stream)
{
	ssize_t got = 1;
	for (int turn = 0; stream->watch.fd >= 0 && got > 0 && turn < READS_A_TURN; turn++) {
		got = read_some(stream);
		if (got > 0)
			hand_on(stream, (size_t)got);
	}
}

void streams_read_rest(struct streams *streams)
{
	read_ready(&streams->out);
	read_ready(&streams->capture);
}

/* ---- input, and whether it runs ---------------------------------------------------------------------------- */

static void on_input(struct loop_watch *watch, int ready)
{
	struct stream *stream = CONTAINER_OF(watch, struct stream, watch);
	struct buf *left = &stream->all->input_left;
	ssize_t put = write(watch->fd, left->data, left->len);
	(void)ready;
	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A child may end without reading all of its input. */
	if (put < 0 && errno != EPIPE)
		stream->all->events->failed(stream->all, errno, "write the input");
	if (put >= 0)
		buf_shift(left, (size_t)put);
	if (put < 0 || left->len == 0)
		close_stream(stream);
}

void streams_read_status(struct streams *streams)
{
	struct spawn_failure failure;
	if (streams->status.watch.fd < 0)
		return;
	if (fd_read(streams->status.watch.fd, &failure, sizeof failure) == sizeof failure)
		streams->events->not_run(streams, &failure);
	close_stream(&streams->status);
}

static void on_status(struct loop_watch *watch, int ready)
{
	(void)ready;
	streams_read_status(CONTAINER_OF(watch, struct streams, status.watch));
}
