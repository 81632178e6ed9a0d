#include "child/process_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "child/spawn.h"

#define DEFAULT_GRACE_NS (10 * NS_PER_S)

struct stdio {
	int in, out, err; /* the child's ends */
};

static void close_stdio(struct stdio *stdio)
{
	fd_close(&stdio->in);
	if (stdio->err != stdio->out)
		fd_close(&stdio->err);
	fd_close(&stdio->out);
	stdio->err = -1;
}

static int make_pipe(int *ours, int *theirs, int we_read)
{
	int ends[2];
	if (fd_pipe(ends) < 0)
		return -1;
	*ours = ends[we_read ? 0 : 1];
	*theirs = ends[we_read ? 1 : 0];
	if (we_read)
		fd_pipe_room(*ours, PROCESS_READ_SIZE);
	return fd_set_nonblocking(*ours);
}

static int open_stdio(struct process *process, const struct process_options *options, struct stdio *stdio)
{
	if (options->input) {
		if (make_pipe(&process->input_fd, &stdio->in, 0) < 0)
			return -1;
	} else {
		stdio->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (stdio->in < 0 || make_pipe(&process->out_fd, &stdio->err, 1) < 0)
		return -1;
	if (!options->capture)
		stdio->out = stdio->err;
	else if (make_pipe(&process->capture_fd, &stdio->out, 1) < 0)
		return -1;
	return 0;
}

static void new_marker(struct process *process)
{
	static unsigned serial;
	snprintf(process->marker, sizeof process->marker, "MOLBUILD_CHILD=%ld.%lld.%u", (long)getpid(),
	         (long long)clock_monotonic_ns(), ++serial);
}

/* The options' environment with the marker added to SET. */
static const char **build_environment(struct process *process, const struct process_options *options, struct error *err)
{
	const char **set, **result;
	size_t count = 0;
	while (options->env && options->env[count])
		count++;
	set = calloc(count + 2, sizeof(char *));
	if (!set) {
		error_errno(err, ENOMEM, "cannot start %s", process->program);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		set[i] = options->env[i];
	set[count] = process->marker;
	result = spawn_environment(set, options->unset, err);
	free(set);
	return result;
}

static int launch(struct process *process, const struct process_options *options, struct error *err)
{
	struct stdio stdio = {-1, -1, -1};
	struct spawn_options how = {.program = options->program,
	                            .argv = options->argv,
	                            .cwd = options->cwd,
	                            .keep = options->keep,
	                            .keep_count = options->keep_count,
	                            .max_memory = options->max_memory,
	                            .umask = options->umask};
	const char **environment = build_environment(process, options, err);
	int result = -1;
	if (!environment)
		return -1;
	if (open_stdio(process, options, &stdio) < 0) {
		error_errno(err, errno, "cannot start %s", process->program);
	} else {
		how.envp = environment;
		how.in = stdio.in;
		how.out = stdio.out;
		how.err = stdio.err;
		result = spawn(&how, &process->child.pid, &process->status_fd, err);
	}
	close_stdio(&stdio);
	free(environment);
	return result;
}

static int watch_fd(struct process *process, struct loop_watch *watch, int fd, int events,
                    void (*ready)(struct loop_watch *watch, int ready), struct error *err)
{
	if (fd < 0)
		return 0;
	*watch = (struct loop_watch){.ready = ready, .fd = fd, .events = events};
	return loop_watch_start(process->loop, watch, err);
}

static int watch_all(struct process *process, struct error *err)
{
	process->child.exited = process_on_exit;
	process->ceiling.fire = process_on_ceiling;
	process->silence.fire = process_on_silence;
	process->next.fire = process_on_next;
	process->pause.fire = process_on_pause;
	if (loop_child_start(process->loop, &process->child, err) < 0 ||
	    watch_fd(process, &process->out, process->out_fd, LOOP_READ, process_on_out, err) < 0 ||
	    watch_fd(process, &process->capture, process->capture_fd, LOOP_READ, process_on_capture, err) < 0 ||
	    watch_fd(process, &process->input, process->input_fd, LOOP_WRITE, process_on_input, err) < 0 ||
	    watch_fd(process, &process->status, process->status_fd, LOOP_READ, process_on_status, err) < 0)
		return -1;
	if (process->timeout_ns && loop_timer_start(process->loop, &process->ceiling, process->timeout_ns, err) < 0)
		return -1;
	process_watch_silence(process);
	return 0;
}

static struct process *new_process(struct loop *loop, const struct process_options *options)
{
	const char *slash = strrchr(options->program, '/');
	struct process *process = calloc(1, sizeof *process);
	if (!process)
		return NULL;
	process->loop = loop;
	process->timeout_ns = options->timeout_ns;
	process->stall_ns = options->stall_ns;
	process->quiet_phase_ns = options->quiet_phase_ns;
	process->grace_ns = options->grace_ns ? options->grace_ns : DEFAULT_GRACE_NS;
	process->first_signal = options->first_signal ? options->first_signal : SIGTERM;
	process->out_fd = process->capture_fd = process->input_fd = process->status_fd = -1;
	process->output.log.fd = -1;
	buf_init(&process->captured, options->capture);
	buf_init(&process->input_left, options->input_len);
	snprintf(process->program, sizeof process->program, "%s", slash ? slash + 1 : options->program);
	new_marker(process);
	kin_init(&process->kin);
	return process;
}

struct process *process_start(struct loop *loop, const struct process_options *options,
                              void (*done)(void *ud, const struct error *err, const struct process_result *result), void *ud,
                              struct error *err)
{
	struct process *process = new_process(loop, options);
	struct output_options how = {.log_file = options->log_file,
	                             .log_max = options->log_max,
	                             .tail = options->tail,
	                             .on_line = NULL,
	                             .ud = process};
	if (!process) {
		error_errno(err, ENOMEM, "cannot start %s", options->program);
		return NULL;
	}
	process->done = done;
	process->done_ud = ud;
	if (options->on_line || options->on_lines)
		how.on_line = process_on_line;
	if (process_lines_init(process, options, err) < 0 || output_init(&process->output, &how, err) < 0 ||
	    loop_prepare_children(loop, err) < 0)
		goto fail;
	if (options->input && buf_append(&process->input_left, options->input, options->input_len) < 0) {
		error_errno(err, errno, "cannot start %s", process->program);
		goto fail;
	}
	process->started_ns = clock_monotonic_ns();
	process->heard_ns = loop_now(process->loop);
	if (launch(process, options, err) < 0 || watch_all(process, err) < 0)
		goto fail;
	return process;
fail:
	process_free(process);
	return NULL;
}

/* A killed child; one that is stuck in the kernel is let go after a while. */
static void reap(pid_t pid)
{
	for (int tries = 0; tries < 3000; tries++) {
		pid_t got = waitpid(pid, NULL, WNOHANG);
		if (got != 0 && !(got < 0 && errno == EINTR))
			return;
		usleep(1000);
	}
}

void process_free(struct process *process)
{
	if (!process)
		return;
	if (process->child.pid > 0 && process->phase != FINISHED) {
		loop_child_stop(process->loop, &process->child);
		process_signal(process, SIGKILL);
		if (!process->exited)
			reap(process->child.pid);
	}
	process_stop_timers(process);
	process_close_streams(process);
	output_free(&process->output);
	process_lines_free(process);
	buf_free(&process->captured);
	kin_free(&process->kin);
	buf_free(&process->input_left);
	free(process);
}
