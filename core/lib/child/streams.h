/* The pipes between this process and a child, watched on a loop: its output, its stdout if that is kept separately, its input, and
 * the report whether the program could be run. Bytes are passed on as they come.
 *
 *   streams_init(&streams, loop, &events);
 *   streams_open(&streams, &how, input, input_len, capture, err);    makes the pipes
 *   spawn(&how, &pid, &streams.status.watch.fd, err);
 *   streams_close_theirs(&how);                                      also without a child
 *   streams_watch(&streams, err);                                    the loop calls back from now on
 *   streams_read_rest(&streams);                                     the bytes that are in the pipes already
 *   streams_close(&streams);                                         at any time after streams_init()
 */
#ifndef MOLBUILD_STREAMS_H
#define MOLBUILD_STREAMS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "child/spawn.h"
#include "loop/loop.h"

/* The pause of reading for a slower receiver. Most programs need longer to fill a pipe. */
#define STREAMS_PAUSE_NS (20 * NS_PER_MS)

struct streams;

/* Callbacks of the owner. Each may close the streams; only `ended` may free them. */
struct streams_events {
	/* LEN bytes of output. Nonzero: pause reading for STREAMS_PAUSE_NS, and then call may_resume. */
	int (*output)(struct streams *streams, const char *data, size_t len);
	/* LEN bytes of the separate stdout. */
	void (*captured)(struct streams *streams, const char *data, size_t len);
	/* Nonzero: the pause ends; else it is repeated. */
	int (*may_resume)(struct streams *streams);
	/* Reading or WHAT else has failed. */
	void (*failed)(struct streams *streams, int errnum, const char *what);
	/* The program could not be run. */
	void (*not_run)(struct streams *streams, const struct spawn_failure *failure);
	/* The output or the separate stdout has ended. */
	void (*ended)(struct streams *streams);
};

/* This process's end of a pipe; watch.fd is -1 when it is closed. */
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

/* Create the pipes; HOW's in, out and err become the child's ends. INPUT is copied; NULL: stdin is /dev/null. CAPTURE: stdout is
 * kept separately. Returns 0, or -1 with errno set; call streams_close() and streams_close_theirs() in both cases. */
WARN_UNUSED int streams_open(struct streams *streams, struct spawn_options *how, const char *input, size_t input_len,
                             int capture);
void streams_close_theirs(struct spawn_options *how);

WARN_UNUSED int streams_watch(struct streams *streams, struct error *err);

/* Whether neither the output nor the separate stdout is open. */
int streams_are_at_end(const struct streams *streams);

/* End a pause. */
void streams_resume(struct streams *streams);

/* Read what is in the pipes already, without waiting: the output, and whether the program could be run. */
void streams_read_rest(struct streams *streams);
void streams_read_status(struct streams *streams);

/* Close all pipes, and forget the input. */
void streams_close(struct streams *streams);

#endif
