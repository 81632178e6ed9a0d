/* The pipes between this process and a child, watched on a loop: its output, its stdout where that is kept apart, its input, and
 * whether the program could be run at all. Bytes are handed on as they come.
 *
 *   streams_init(&streams, loop, &events);
 *   streams_open(&streams, &how, input, input_len, capture, err);    makes the pipes
 *   spawn(&how, &pid, &streams.status.watch.fd, err);
 *   streams_close_theirs(&how);                                      whether or not there is a child
 *   streams_watch(&streams, err);                                    the loop calls back from now on
 *   streams_read_rest(&streams);                                     what lies in the pipes already
 *   streams_close(&streams);                                         at any time; streams_init() must have been called
 */
#ifndef MOLBUILD_STREAMS_H
#define MOLBUILD_STREAMS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "child/spawn.h"
#include "loop/loop.h"

/* How long output is not read where its receiver is slower. Shorter than a pipe takes to fill, for most programs. */
#define STREAMS_PAUSE_NS (20 * NS_PER_MS)

struct streams;

/* What the owner of the streams does. Each may close them; none but `ended` may free them. */
struct streams_events {
	/* LEN bytes of output. Nonzero: read no more for STREAMS_PAUSE_NS, and then ask may_resume. */
	int (*output)(struct streams *streams, const char *data, size_t len);
	/* LEN bytes of the stdout that is kept apart. */
	void (*captured)(struct streams *streams, const char *data, size_t len);
	/* Nonzero: the pause is over; else it lasts as long again. */
	int (*may_resume)(struct streams *streams);
	/* Reading or WHAT else has failed. */
	void (*failed)(struct streams *streams, int errnum, const char *what);
	/* The program does not run. */
	void (*not_run)(struct streams *streams, const struct spawn_failure *failure);
	/* The output or what is kept apart is at its end. */
	void (*ended)(struct streams *streams);
};

/* Our end of a pipe; watch.fd is -1 when it is closed. */
struct stream {
	struct loop_watch watch;
	struct streams *all;
};

struct streams {
	struct loop *loop;
	const struct streams_events *events;
	struct stream out, capture, input, status;
	struct loop_timer pause;
	struct buf input_left;
};

void streams_init(struct streams *streams, struct loop *loop, const struct streams_events *events);

/* Make the pipes; HOW's in, out and err become the child's ends. INPUT is copied; NULL: stdin is /dev/null. CAPTURE: stdout is kept
 * apart. Returns 0, or -1 with errno set; streams_close() and streams_close_theirs() are due either way. */
WARN_UNUSED int streams_open(struct streams *streams, struct spawn_options *how, const char *input, size_t input_len,
                             int capture);
void streams_close_theirs(struct spawn_options *how);

WARN_UNUSED int streams_watch(struct streams *streams, struct error *err);

/* Whether neither the output nor what is kept apart is open. */
int streams_are_at_end(const struct streams *streams);

/* End a pause. */
void streams_resume(struct streams *streams);

/* Take what lies in the pipes already, without waiting: the output, or whether the program could be run. */
void streams_read_rest(struct streams *streams);
void streams_read_status(struct streams *streams);

/* Close what is open, and forget the input. */
void streams_close(struct streams *streams);

#endif
