#include "child/process_internal.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "child/spawn.h"

/* Reads of one descriptor before the others have their turn. */
#define READS_A_TURN 8

/* What was read last. */
static char bytes[PROCESS_READ_SIZE];

static void close_stream(struct process *process, struct loop_watch *watch, int *fd)
{
	loop_watch_stop(process->loop, watch);
	fd_close(fd);
}

void process_close_streams(struct process *process)
{
	close_stream(process, &process->out, &process->out_fd);
	close_stream(process, &process->capture, &process->capture_fd);
	close_stream(process, &process->input, &process->input_fd);
	close_stream(process, &process->status, &process->status_fd);
}

static void take_output(struct process *process, const char *data, size_t len)
{
	struct error err;
	int got = output_feed(&process->output, data, len, &err);
	if (got < 0)
		process_stop(process, &err);
	else if (process_give_lines(process) || got > 0)
		process_cancel(process);
}

static void take_captured(struct process *process, const char *data, size_t len)
{
	struct error err;
	if (buf_append(&process->captured, data, len) == 0)
		return;
	if (errno == EMSGSIZE)
		error_set(&err, "too_large", "%s printed more than %zu bytes", process->program, process->captured.max);
	else
		error_errno(&err, errno, "cannot keep the output of %s", process->program);
	process_stop(process, &err);
}

/* What is not read fills the pipe, and the program waits. After its exit nothing more can come than a pipe holds. */
static int pause_stream(struct process *process, struct loop_watch *watch)
{
	struct error err;
	if (!process->slow || process->exited)
		return 0;
	process->slow = 0;
	if (process->out_fd < 0 || loop_timer_start(process->loop, &process->pause, PROCESS_WAIT_NS, &err) < 0)
		return 0;
	loop_watch_stop(process->loop, watch);
	return 1;
}

void process_resume(struct process *process)
{
	struct error err;
	loop_timer_stop(process->loop, &process->pause);
	if (process->out_fd < 0 || process->out.slot)
		return;
	/* It was we who did not listen. */
	process->heard_ns = clock_monotonic_ns();
	if (loop_watch_start(process->loop, &process->out, &err) < 0)
		process_stop(process, &err);
}

void process_on_pause(struct loop_timer *timer)
{
	struct process *process = OWNER(timer, pause);
	struct error err;
	if (process->on_lines(process->line_ud, "", 0) != PROCESS_WAIT ||
	    loop_timer_start(process->loop, timer, PROCESS_WAIT_NS, &err) < 0)
		process_resume(process);
}

/* Output that cannot be read is no end of it: what is missing would pass for nothing, and the program would die of a closed
 * pipe, which is not its fault. */
static void stream_failed(struct process *process, int errnum, const char *what)
{
	struct error err;
	error_errno(&err, errnum, "cannot %s of %s", what, process->program);
	if (process->phase == RUNNING) {
		process_stop(process, &err);
	} else if (!process->stopped) {
		process->err = err;
		process->stopped = 1;
	}
}

static void read_stream(struct process *process, struct loop_watch *watch, int *fd,
                        void (*take)(struct process *process, const char *data, size_t len))
{
	for (int turn = 0; turn < READS_A_TURN; turn++) {
		ssize_t got = fd_read(*fd, bytes, sizeof bytes);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got < 0)
			stream_failed(process, errno, "read the output");
		if (got <= 0) {
			close_stream(process, watch, fd);
			process_advance(process);
			return;
		}
		process->heard_ns = loop_now(process->loop);
		take(process, bytes, (size_t)got);
		if (watch == &process->out && pause_stream(process, watch))
			return;
	}
}

static void read_ready(int fd, struct process *process, void (*take)(struct process *process, const char *data, size_t len))
{
	ssize_t got;
	for (int turn = 0; fd >= 0 && turn < READS_A_TURN; turn++) {
		got = fd_read(fd, bytes, sizeof bytes);
		if (got < 0 && errno != EAGAIN)
			stream_failed(process, errno, "read the output");
		if (got <= 0)
			return;
		take(process, bytes, (size_t)got);
	}
}

void process_read_rest(struct process *process)
{
	read_ready(process->out_fd, process, take_output);
	read_ready(process->capture_fd, process, take_captured);
}

void process_on_out(struct loop_watch *watch, int ready)
{
	struct process *process = OWNER(watch, out);
	(void)ready;
	read_stream(process, watch, &process->out_fd, take_output);
}

void process_on_capture(struct loop_watch *watch, int ready)
{
	struct process *process = OWNER(watch, capture);
	(void)ready;
	read_stream(process, watch, &process->capture_fd, take_captured);
}

void process_on_input(struct loop_watch *watch, int ready)
{
	struct process *process = OWNER(watch, input);
	ssize_t put = write(process->input_fd, process->input_left.data, process->input_left.len);
	(void)ready;
	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* A child that does not read its input to the end is its own affair. */
	if (put < 0 && errno != EPIPE)
		stream_failed(process, errno, "write the input");
	if (put >= 0)
		buf_shift(&process->input_left, (size_t)put);
	if (put < 0 || process->input_left.len == 0)
		close_stream(process, watch, &process->input_fd);
}

void process_on_status(struct loop_watch *watch, int ready)
{
	struct process *process = OWNER(watch, status);
	struct spawn_failure failure;
	(void)ready;
	if (fd_read(process->status_fd, &failure, sizeof failure) == sizeof failure && !process->stopped) {
		error_errno(&process->err, failure.errnum, "cannot %s %s", failure.at_cwd ? "enter the directory of" : "run",
		            process->program);
		process->stopped = 1;
	}
	close_stream(process, watch, &process->status_fd);
}
