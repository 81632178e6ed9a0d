#include "child/process_internal.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "child/strays.h"

#define DRAIN_NS (200 * NS_PER_MS)
/* How often a process that is being ended is looked at once its program has exited. */
#define RECHECK_NS (20 * NS_PER_MS)
/* After KILL: what is still there a second later is stuck in the kernel, or a zombie nobody reaps. */
#define GIVE_UP_NS (1 * NS_PER_S)
/* So much later the same holds of the program itself; what has much memory takes a while to end. */
#define STUCK_NS (2 * NS_PER_S)

void process_signal(struct process *process, int signo)
{
	/* First: once its parents are dead, nothing tells whose child a process is. */
	kin_note(&process->kin, process->exited ? 0 : process->child.pid, process->child.pid, process->marker);
	/* Just forked, it may not have its group yet. */
	if (kill(-process->child.pid, signo) < 0 && !process->exited)
		kill(process->child.pid, signo);
	/* Those that left the group; looked for only now, as it means reading all of /proc. Nobody hears a signal twice:
	 * docker takes that for somebody who lost patience. */
	strays_signal(process->marker, process->child.pid, signo);
	kin_signal(&process->kin, signo);
}

/* Descendants that are left, in the group or out of it, beside the program itself. */
static size_t left_behind(struct process *process)
{
	size_t strays = strays_signal(process->marker, 0, 0) + kin_signal(&process->kin, 0);
	if (strays == 0 && strays_in_group(process->child.pid))
		strays = 1;
	return strays;
}

static void schedule(struct process *process, int64_t delay_ns)
{
	struct error err;
	/* Without memory for a timer there is no grace to wait for. */
	if (loop_timer_start(process->loop, &process->next, delay_ns, &err) < 0)
		process_kill(process);
}

static void enter(struct process *process, enum process_phase phase, int signo, int64_t time_ns)
{
	process->phase = phase;
	process->deadline_ns = loop_now(process->loop) + time_ns;
	process_signal(process, signo);
	schedule(process, process->exited ? RECHECK_NS : time_ns);
}

void process_stop(struct process *process, const struct error *why)
{
	if (process->phase != RUNNING)
		return;
	if (!process->stopped && why)
		process->err = *why;
	process->stopped = process->stopped || why;
	loop_timer_stop(process->loop, &process->ceiling);
	loop_timer_stop(process->loop, &process->silence);
	enter(process, ENDING, process->first_signal,
	      process->first_signal == SIGTERM ? process->grace_ns : process->grace_ns / 2);
}

void process_cancel(struct process *process)
{
	struct error err;
	error_set(&err, "cancelled", "%s was cancelled", process->program);
	process_stop(process, &err);
}

void process_kill(struct process *process)
{
	process_cancel(process);
	if (process->phase == ENDING)
		enter(process, KILLING, SIGKILL, GIVE_UP_NS);
}

void process_stop_timers(struct process *process)
{
	loop_timer_stop(process->loop, &process->ceiling);
	loop_timer_stop(process->loop, &process->silence);
	loop_timer_stop(process->loop, &process->pause);
	loop_timer_stop(process->loop, &process->next);
}

static void finish(struct process *process)
{
	struct process_result *result = &process->result;
	struct error err;
	int stopped;
	/* From here on nothing can begin to end it any more. */
	process->phase = FINISHED;
	process_stop_timers(process);
	process_read_rest(process);
	process_close_streams(process);
	stopped = output_finish(&process->output, &err);
	process_give_lines(process);
	if (stopped < 0 && !process->stopped) {
		process->err = err;
		process->stopped = 1;
	}
	result->seconds = (double)(clock_monotonic_ns() - process->started_ns) / (double)NS_PER_S;
	result->tail = process->output.tail.data ? process->output.tail.data : "";
	result->tail_len = process->output.tail.len;
	result->captured = process->captured.data ? process->captured.data : "";
	result->captured_len = process->captured.len;
	result->last_line = output_last_line(&process->output);
	result->log_error = process->output.log_failed ? process->output.log_error.message : NULL;
	process->done(process->done_ud, process->stopped ? &process->err : NULL, result);
}

/* The program has exited while nothing was being ended: is its output at an end, too? */
static void drain(struct process *process)
{
	if (process->out_fd < 0 && process->capture_fd < 0) {
		finish(process);
	} else if (!process->deadline_ns) {
		process->deadline_ns = loop_now(process->loop) + DRAIN_NS;
		schedule(process, DRAIN_NS);
	} else if (loop_now(process->loop) >= process->deadline_ns) {
		process->result.strays = left_behind(process);
		/* The holder of the pipe may be somebody else's, whom it was passed to: then we just let go. */
		if (process->result.strays == 0)
			finish(process);
		else
			process_stop(process, NULL);
	}
}

/* What is left will not end. The program itself may be among it: nobody reports its exit then. */
static void give_up(struct process *process, size_t left)
{
	process->result.strays_left = left;
	if (!process->exited) {
		loop_child_stop(process->loop, &process->child);
		process->result.strays = process->result.strays > left ? process->result.strays : left;
		process->result.code = -1;
		process->result.signo = SIGKILL;
	}
	finish(process);
}

/* Being ended: go on to KILL when the grace is over, and finish when nothing is left. */
static void press(struct process *process)
{
	int late = loop_now(process->loop) >= process->deadline_ns;
	size_t left = process->exited ? left_behind(process) : 1;
	if (process->exited && left > process->result.strays)
		process->result.strays = left;
	if (left == 0) {
		finish(process);
	} else if (late && process->phase == ENDING && process->first_signal != SIGTERM) {
		/* Some who turn a deaf ear to another signal heed this one. */
		process->first_signal = SIGTERM;
		enter(process, ENDING, SIGTERM, process->grace_ns / 2);
	} else if (late && process->phase == ENDING) {
		enter(process, KILLING, SIGKILL, GIVE_UP_NS);
	} else if (late && (process->exited || loop_now(process->loop) >= process->deadline_ns + STUCK_NS)) {
		give_up(process, left);
	} else {
		/* Again, for what was forked between the look and the signal. */
		if (process->phase == KILLING)
			process_signal(process, SIGKILL);
		schedule(process, RECHECK_NS);
	}
}

void process_advance(struct process *process)
{
	if (process->phase == RUNNING && process->exited)
		drain(process);
	else if (process->phase == ENDING || process->phase == KILLING)
		press(process);
}

void process_on_next(struct loop_timer *timer)
{
	process_advance(OWNER(timer, next));
}

void process_on_exit(struct loop_child *child, int status)
{
	struct process *process = OWNER(child, child);
	/* A program that could not be run says so before it exits; this turn may not have come to it yet. */
	if (process->status_fd >= 0)
		process_on_status(&process->status, LOOP_READ);
	process->exited = 1;
	process_resume(process);
	process->result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	process->result.signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	loop_timer_stop(process->loop, &process->ceiling);
	loop_timer_stop(process->loop, &process->silence);
	process_advance(process);
}

static int64_t silence_bound(const struct process *process)
{
	return process->quiet ? process->quiet_phase_ns : process->stall_ns;
}

/* A bound was passed. */
static void stop_at(struct process *process, const char *code, const char *what, int64_t bound_ns)
{
	const char *last = output_last_line(&process->output);
	struct error err;
	error_set(&err, code, "%s %s %g s; %s%s", process->program, what, (double)bound_ns / (double)NS_PER_S,
	          last[0] ? "the last line was: " : "it printed nothing", last);
	process_stop(process, &err);
}

void process_on_ceiling(struct loop_timer *timer)
{
	struct process *process = OWNER(timer, ceiling);
	stop_at(process, "timeout", "took longer than", process->timeout_ns);
}

/* Restarted lazily: a byte only notes the time, so that a flood of output costs no timer work. */
void process_watch_silence(struct process *process)
{
	int64_t bound = silence_bound(process), left;
	struct error err;
	if (bound == 0 || process->phase != RUNNING || process->exited)
		return;
	left = process->heard_ns + bound - loop_now(process->loop);
	if (left > 0) {
		if (loop_timer_start(process->loop, &process->silence, left, &err) < 0)
			process_stop(process, &err);
		return;
	}
	stop_at(process, "stalled", "was silent for", bound);
}

void process_on_silence(struct loop_timer *timer)
{
	process_watch_silence(OWNER(timer, silence));
}
