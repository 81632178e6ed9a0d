#include "child/life.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* The time for which output is read after the program's exit. */
#define DRAIN_NS (200 * NS_PER_MS)
/* The interval of checks after the exit of a program that is being ended. */
#define RECHECK_NS (20 * NS_PER_MS)
/* After KILL: a process that still exists a second later is stuck in the kernel, or a zombie that is not reaped. */
#define GIVE_UP_NS (1 * NS_PER_S)
/* The same time for the program itself; a process with much memory takes longer to end. */
#define STUCK_NS (2 * NS_PER_S)

static void on_exit_(struct loop_child *child, int status);
static void on_next(struct loop_timer *timer);
static void on_ceiling(struct loop_timer *timer);
static void on_silence(struct loop_timer *timer);
static void watch_silence(struct life *life);

void life_init(struct life *life, struct loop *loop, const struct life_bounds *bounds, const struct life_events *events)
{
	*life = (struct life){.loop = loop, .events = events, .bounds = *bounds};
	life->child.exited = on_exit_;
	life->ceiling.fire = on_ceiling;
	life->silence.fire = on_silence;
	life->next.fire = on_next;
	descendants_init(&life->descendants);
}

int life_start(struct life *life, pid_t pid, struct error *err)
{
	life->child.pid = pid;
	descendants_start(&life->descendants, pid);
	life_heard(life);
	if (loop_child_start(life->loop, &life->child, err) < 0 ||
	    loop_timer_start(life->loop, &life->ceiling, life->bounds.timeout_ns, err) < 0)
		return -1;
	watch_silence(life);
	return 0;
}

/* A killed child; if it is stuck in the kernel, the wait is given up after some time. */
static void reap(pid_t pid)
{
	for (int tries = 0; tries < 3000; tries++) {
		pid_t got = waitpid(pid, NULL, WNOHANG);
		if (got != 0 && !(got < 0 && errno == EINTR))
			return;
		usleep(1000);
	}
}

static void stop_timers(struct life *life)
{
	loop_timer_stop(life->loop, &life->ceiling);
	loop_timer_stop(life->loop, &life->silence);
	loop_timer_stop(life->loop, &life->next);
}

void life_free(struct life *life)
{
	stop_timers(life);
	if (life->child.pid > 0 && life->phase != LIFE_OVER) {
		loop_child_stop(life->loop, &life->child);
		descendants_signal(&life->descendants, SIGKILL);
		if (!life->exited)
			reap(life->child.pid);
	}
	descendants_free(&life->descendants);
}

/* ---- bounds ------------------------------------------------------------------------------------------------ */

static void stop_at(struct life *life, const char *code, const char *what, int64_t bound_ns)
{
	struct error err;
	error_set(&err, code, "%s %g s", what, (double)bound_ns / (double)NS_PER_S);
	life->events->must_end(life, &err);
}

static void on_ceiling(struct loop_timer *timer)
{
	struct life *life = CONTAINER_OF(timer, struct life, ceiling);
	stop_at(life, "timeout", "took longer than", life->bounds.timeout_ns);
}

/* Restarted lazily: a byte only stores the time, so that a flood of output costs no timer work. */
static void watch_silence(struct life *life)
{
	int64_t bound = life->quiet ? life->bounds.quiet_phase_ns : life->bounds.stall_ns, left;
	struct error err;
	if (bound == NS_NEVER || life->phase != LIFE_RUNNING || life->exited)
		return;
	left = life->heard_ns + bound - loop_now(life->loop);
	if (left <= 0)
		stop_at(life, "stalled", "was silent for", bound);
	else if (loop_timer_start(life->loop, &life->silence, left, &err) < 0)
		life->events->must_end(life, &err);
}

static void on_silence(struct loop_timer *timer)
{
	watch_silence(CONTAINER_OF(timer, struct life, silence));
}

void life_heard(struct life *life)
{
	life->heard_ns = loop_now(life->loop);
}

void life_set_quiet(struct life *life, int quiet)
{
	if (quiet == life->quiet)
		return;
	life->quiet = quiet;
	loop_timer_stop(life->loop, &life->silence);
	watch_silence(life);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void schedule(struct life *life, int64_t delay_ns)
{
	struct error err;
	if (loop_timer_start(life->loop, &life->next, delay_ns, &err) == 0)
		return;
	/* Without memory for a timer there is no grace period. */
	if (life->phase == LIFE_RUNNING)
		life->events->must_end(life, &err);
	life_kill(life);
}

static void enter(struct life *life, enum life_phase phase, int signo, int64_t time_ns)
{
	INVARIANT(phase >= life->phase && phase < LIFE_OVER);
	life->phase = phase;
	life->deadline_ns = loop_now(life->loop) + time_ns;
	/* Once per phase: docker treats a repeated signal as a request to exit without cleaning up. */
	descendants_signal(&life->descendants, signo);
	schedule(life, life->exited ? RECHECK_NS : time_ns);
}

void life_end(struct life *life)
{
	int signo = life->bounds.first_signal;
	if (life->phase != LIFE_RUNNING)
		return;
	loop_timer_stop(life->loop, &life->ceiling);
	loop_timer_stop(life->loop, &life->silence);
	enter(life, LIFE_ENDING, signo, signo == SIGTERM ? life->bounds.grace_ns : life->bounds.grace_ns / 2);
}

void life_kill(struct life *life)
{
	life_end(life);
	if (life->phase == LIFE_ENDING)
		enter(life, LIFE_KILLING, SIGKILL, GIVE_UP_NS);
}

static void finish(struct life *life)
{
	/* From here on no call can begin to end it. */
	life->phase = LIFE_OVER;
	stop_timers(life);
	life->events->over(life);
}

/* The program has exited by itself: check whether its output has ended, too. */
static void drain(struct life *life)
{
	if (life->output_ended) {
		finish(life);
	} else if (!life->deadline_ns) {
		life->deadline_ns = loop_now(life->loop) + DRAIN_NS;
		schedule(life, DRAIN_NS);
	} else if (loop_now(life->loop) >= life->deadline_ns) {
		life->strays = descendants_count(&life->descendants);
		/* The pipe may have been passed to an unrelated process: then the wait is given up. */
		if (life->strays == 0)
			finish(life);
		else
			life_end(life);
	}
}

/* The remaining processes do not end. If the program itself is among them, its exit is never reported. */
static void give_up(struct life *life, size_t left)
{
	life->strays_left = left;
	if (!life->exited) {
		loop_child_stop(life->loop, &life->child);
		life->strays = life->strays > left ? life->strays : left;
		life->code = -1;
		life->signo = SIGKILL;
	}
	finish(life);
}

/* In the end phases: continue with KILL after the grace period, and finish when no process remains. */
static void press(struct life *life)
{
	int64_t now = loop_now(life->loop);
	int late = now >= life->deadline_ns;
	size_t left = life->exited ? descendants_count(&life->descendants) : 1;
	if (life->exited && left > life->strays)
		life->strays = left;
	if (left == 0) {
		finish(life);
	} else if (late && life->phase == LIFE_ENDING && life->bounds.first_signal != SIGTERM) {
		/* Some programs ignore the first signal but honour SIGTERM. */
		life->bounds.first_signal = SIGTERM;
		enter(life, LIFE_ENDING, SIGTERM, life->bounds.grace_ns / 2);
	} else if (late && life->phase == LIFE_ENDING) {
		enter(life, LIFE_KILLING, SIGKILL, GIVE_UP_NS);
	} else if (late && (life->exited || now >= life->deadline_ns + STUCK_NS)) {
		give_up(life, left);
	} else {
		/* Again, for processes that were forked between the check and the signal. */
		if (life->phase == LIFE_KILLING)
			descendants_signal(&life->descendants, SIGKILL);
		schedule(life, RECHECK_NS);
	}
}

/* Something has changed: continue with the due action. */
static void advance(struct life *life)
{
	if (life->phase == LIFE_RUNNING && life->exited)
		drain(life);
	else if (life->phase == LIFE_ENDING || life->phase == LIFE_KILLING)
		press(life);
}

void life_output_ended(struct life *life)
{
	life->output_ended = 1;
	advance(life);
}

static void on_next(struct loop_timer *timer)
{
	advance(CONTAINER_OF(timer, struct life, next));
}

static void on_exit_(struct loop_child *child, int status)
{
	struct life *life = CONTAINER_OF(child, struct life, child);
	life->exited = 1;
	descendants_reaped(&life->descendants);
	life->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	life->signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	loop_timer_stop(life->loop, &life->ceiling);
	loop_timer_stop(life->loop, &life->silence);
	life->events->exited(life);
	advance(life);
}
