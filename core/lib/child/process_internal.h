/* The inside of process.h, shared by the files that carry it out: process.c starts and frees, process_end.c ends
 * and bounds, process_stream.c moves bytes, process_lines.c tells lines. */
#ifndef MOLBUILD_PROCESS_INTERNAL_H
#define MOLBUILD_PROCESS_INTERNAL_H

#include <stddef.h>

#include "child/kin.h"
#include "child/process.h"
#include "text/prefixes.h"

/* Bytes read at once, and asked for as the room of the pipe. With less, reader and writer wait for each other more often;
 * more gains nothing, and no longer fits into the processor's cache. */
#define PROCESS_READ_SIZE ((size_t)256 << 10)

enum process_phase {
	RUNNING,  /* the program runs, or has exited and the output is being drained */
	ENDING,   /* the first signal was sent */
	KILLING,  /* KILL was sent */
	FINISHED, /* done was called */
};

struct process {
	struct loop *loop;
	void (*done)(void *ud, const struct error *err, const struct process_result *result);
	void *done_ud;
	int (*on_line)(void *ud, const char *line, size_t len);
	int (*on_lines)(void *ud, const char *text, size_t len);
	void *line_ud;
	struct prefixes only; /* what a line for on_line begins with, where it selects */
	int selects;
	int after_newline;
	struct buf bundle; /* lines for on_lines */

	enum process_phase phase;
	int exited;
	int stopped; /* err says why */
	int quiet;   /* in a quiet phase */
	int slow;    /* on_lines asked to wait */
	int first_signal;
	int64_t started_ns; /* monotonic; what follows, and deadline_ns, is on the loop's clock */
	int64_t heard_ns, timeout_ns, stall_ns, quiet_phase_ns, grace_ns;

	struct loop_child child;
	struct loop_watch out, capture, input, status;
	int out_fd, capture_fd, input_fd, status_fd;
	struct loop_timer ceiling, silence, pause, next; /* next: the end of the drain, the grace, or the next look */
	int64_t deadline_ns;                             /* when the phase we are in gives way to the next */

	struct output output;
	struct buf captured, input_left;
	char marker[64];
	struct kin kin; /* noted when it begins to be ended */
	char program[128];
	struct error err;
	struct process_result result;
};

#define OWNER(pointer, member) CONTAINER_OF(pointer, struct process, member)

/* process_end.c */

/* Begin to end it, unless that has begun. WHY (may be NULL: no failure of the program's) is told at the end; the first
 * reason wins. */
void process_stop(struct process *process, const struct error *why);

/* Something has changed (an exit, an end of output, a timer): go on to whatever is due. May call done, after which
 * the process may be gone. */
void process_advance(struct process *process);

/* (Re)start the watch for silence. */
void process_watch_silence(struct process *process);

void process_stop_timers(struct process *process);

/* Signal the group and everything that left it. */
void process_signal(struct process *process, int signo);

void process_on_exit(struct loop_child *child, int status);
void process_on_next(struct loop_timer *timer);
void process_on_ceiling(struct loop_timer *timer);
void process_on_silence(struct loop_timer *timer);

/* process_lines.c */

/* Take from the options what is to be done with lines. Returns 0, or -1 with err set. */
WARN_UNUSED int process_lines_init(struct process *process, const struct process_options *options, struct error *err);
void process_lines_free(struct process *process);

/* One line, for lines.h. Nonzero: the process is to be ended. */
int process_on_line(void *ud, const char *line, size_t len);

/* Give away the lines that are held. Nonzero: the process is to be ended. */
int process_give_lines(struct process *process);

/* process_stream.c */

/* Read output again, unless it was not paused. */
void process_resume(struct process *process);
void process_on_pause(struct loop_timer *timer);

void process_on_out(struct loop_watch *watch, int ready);
void process_on_capture(struct loop_watch *watch, int ready);
void process_on_input(struct loop_watch *watch, int ready);
void process_on_status(struct loop_watch *watch, int ready);

/* Take what lies in the pipes already, without waiting. */
void process_read_rest(struct process *process);
void process_close_streams(struct process *process);

#endif
