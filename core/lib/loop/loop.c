#include "loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "loop/heap.h"
#include "loop/signals.h"
#include "loop/watchdog.h"
#include "loop/watches.h"

/* The wait ended later than this: the process was kept from running. */
#define LATE_NS (NS_PER_S / 2)
/* The longest wait with a timer: the part of a pause, in addition to LATE_NS, that can stay undetected. */
#define LONGEST_WAIT_NS NS_PER_S

struct loop {
	int64_t lost_ns; /* total time in which this process could not run */
	CURLM *multi;
	size_t transfers;
	unsigned floods; /* how often the watchdog ended a call of libcurl */
	int unread;      /* finished transfers may not have been called back yet */
	struct heap heap;
	struct watches watches;
	struct loop_watch signal_watch;
	struct loop_child **children; /* slots, unordered */
	size_t child_count;
	size_t child_cap;
};

static void on_signal_byte(struct loop_watch *watch, int ready)
{
	(void)watch;
	(void)ready;
	/* loop_step() drains the process-wide pipe; this callback only wakes it. */
}

struct loop *loop_new(struct error *err)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop) {
		error_errno(err, ENOMEM, "cannot create the event loop");
		return NULL;
	}
	loop->signal_watch = (struct loop_watch){.ready = on_signal_byte, .events = LOOP_READ, .fd = -1};
	watches_init(&loop->watches);
	/* A write to a pipe without a reader is an ordinary error: EPIPE. (libcurl's own writes, too.) */
	signal(SIGPIPE, SIG_IGN);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(loop->multi = curl_multi_init())) {
		error_errno(err, ENOMEM, "cannot create the event loop");
		goto fail;
	}
	if (watches_open(&loop->watches, err) < 0)
		goto fail;
	loop->signal_watch.fd = signals_open(err);
	if (loop->signal_watch.fd < 0 || loop_watch_start(loop, &loop->signal_watch, err) < 0)
		goto fail;
	return loop;
fail:
	loop_free(loop);
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_watch_stop(loop, &loop->signal_watch);
	watches_free(&loop->watches);
	heap_free(&loop->heap);
	free(loop->children);
	if (loop->multi)
		curl_multi_cleanup(loop->multi);
	free(loop);
}

int64_t loop_now(const struct loop *loop)
{
	return clock_monotonic_ns() - loop->lost_ns;
}

/* A wait until DUE_NS, on the monotonic clock, has ended. */
static void note_pause(struct loop *loop, int64_t due_ns)
{
	int64_t late = clock_monotonic_ns() - due_ns;
	if (late > LATE_NS)
		loop->lost_ns += late;
}

int loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ns, struct error *err)
{
	int64_t now = loop_now(loop);
	loop_timer_stop(loop, timer);
	if (delay_ns < 0)
		delay_ns = 0;
	timer->due_ns = delay_ns > INT64_MAX - now ? INT64_MAX : now + delay_ns;
	if (heap_add(&loop->heap, timer) < 0)
		return error_errno(err, errno, "cannot start a timer");
	return 0;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	if (timer->slot)
		heap_remove(&loop->heap, timer);
}

int loop_watch_start(struct loop *loop, struct loop_watch *watch, struct error *err)
{
	return watches_add(&loop->watches, watch, err);
}

void loop_watch_stop(struct loop *loop, struct loop_watch *watch)
{
	watches_remove(&loop->watches, watch);
}

int loop_prepare_children(struct loop *loop, struct error *err)
{
	(void)loop;
	return signals_catch(SIGCHLD, err);
}

int loop_child_start(struct loop *loop, struct loop_child *child, struct error *err)
{
	if (loop_prepare_children(loop, err) < 0)
		return -1;
	if (loop->child_count == loop->child_cap) {
		size_t cap = loop->child_cap ? loop->child_cap * 2 : 16;
		struct loop_child **children = realloc(loop->children, cap * sizeof(struct loop_child *));
		if (!children)
			return error_errno(err, ENOMEM, "cannot watch child %ld", (long)child->pid);
		loop->children = children;
		loop->child_cap = cap;
	}
	loop->children[loop->child_count++] = child;
	child->slot = loop->child_count;
	/* The child may have ended before the handler was installed. */
	raise(SIGCHLD);
	return 0;
}

void loop_child_stop(struct loop *loop, struct loop_child *child)
{
	struct loop_child *last;
	if (!child->slot)
		return;
	last = loop->children[--loop->child_count];
	INVARIANT(child == last || loop->children[child->slot - 1] == child);
	loop->children[child->slot - 1] = last;
	last->slot = child->slot;
	child->slot = 0;
}

static struct loop_child *find_child(struct loop *loop, pid_t pid)
{
	for (size_t i = 0; i < loop->child_count; i++)
		if (loop->children[i]->pid == pid)
			return loop->children[i];
	return NULL;
}

/* Reap CHILD if it has ended, and call back. Returns 1 if it had. */
static int reap(struct loop *loop, struct loop_child *child)
{
	int status = 0;
	pid_t pid = waitpid(child->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return 0;
	loop_child_stop(loop, child);
	/* ECHILD: other code reaped it. Its status is lost, and the loop must not wait for it any more. */
	child->exited(child, pid > 0 ? status : 0xff00);
	return 1;
}

/* Ask the kernel which child has ended rather than asking every child, so that n exits cost n calls. The kernel repeats a
 * zombie that is not in this list (the module may be loaded in another program). It never names a child of the list that
 * other code reaped. In both cases every child is asked. */
static void reap_children(struct loop *loop)
{
	for (;;) {
		siginfo_t info = {0};
		struct loop_child *child;
		int got = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
		if (got == 0 && info.si_pid == 0)
			return;
		child = got == 0 ? find_child(loop, info.si_pid) : NULL;
		if (!child || !reap(loop, child))
			break;
	}
	for (size_t i = 0; i < loop->child_count;)
		if (!reap(loop, loop->children[i]))
			i++;
		else
			i = 0;
}

static int fail_multi(CURLMcode code, const char *what, struct error *err)
{
	if (code == CURLM_OUT_OF_MEMORY)
		return error_errno(err, ENOMEM, "%s", what);
	return error_set(err, "protocol", "%s: %s", what, curl_multi_strerror(code));
}

static curl_socket_t open_socket(void *ud, curlsocktype purpose, struct curl_sockaddr *address)
{
	int fd = socket(address->family, address->socktype, address->protocol);
	(void)purpose;
	if (fd < 0 || fd_set_cloexec(fd, 1) < 0) {
		((struct loop_transfer *)ud)->errnum = errno;
		fd_close(&fd);
		return CURL_SOCKET_BAD;
	}
	watchdog_add(fd);
	return fd;
}

static int close_socket(void *ud, curl_socket_t fd)
{
	(void)ud;
	watchdog_remove(fd);
	return close(fd);
}

int loop_transfer_start(struct loop *loop, struct loop_transfer *transfer, struct error *err)
{
	CURLMcode code;
	curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	code = curl_multi_add_handle(loop->multi, transfer->easy);
	if (code != CURLM_OK)
		return fail_multi(code, "cannot start a transfer", err);
	transfer->started = 1;
	transfer->errnum = 0;
	transfer->floods = loop->floods;
	loop->transfers++;
	return 0;
}

void loop_transfer_stop(struct loop *loop, struct loop_transfer *transfer)
{
	if (!transfer->started)
		return;
	curl_multi_remove_handle(loop->multi, transfer->easy);
	transfer->started = 0;
	loop->transfers--;
}

static void call_back_transfers(struct loop *loop)
{
	int left;
	CURLMsg *message;
	loop->unread = 0;
	while ((message = curl_multi_info_read(loop->multi, &left))) {
		struct loop_transfer *transfer;
		CURLcode result = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		loop_transfer_stop(loop, transfer);
		transfer->flooded = result != CURLE_OK && transfer->floods != loop->floods;
		transfer->finished(transfer, result);
	}
}

static int perform_transfers(struct loop *loop, struct error *err)
{
	int running;
	struct loop_timer *timer = heap_first(&loop->heap);
	CURLMcode code;
	watchdog_begin(timer && timer->due_ns < INT64_MAX - loop->lost_ns ? timer->due_ns + loop->lost_ns : INT64_MAX);
	code = curl_multi_perform(loop->multi, &running);
	loop->unread = watchdog_end();
	if (code != CURLM_OK)
		return fail_multi(code, "transfers failed", err);
	if (!loop->unread) {
		call_back_transfers(loop);
		return 0;
	}
	/* Transfers that the watchdog ended for a timer or a signal come after it: its waiters are called first. */
	loop->floods++;
	return 0;
}

static void fire_timers(struct loop *loop)
{
	int64_t now = loop_now(loop);
	struct loop_timer *timer;
	/* Only timers that were due at the beginning: a timer that restarts itself must not starve the others. */
	while ((timer = heap_first(&loop->heap)) && timer->due_ns <= now) {
		loop_timer_stop(loop, timer);
		INVARIANT(timer->slot == 0 && timer->fire);
		timer->fire(timer);
	}
}

/* The time that curl_multi_poll() may wait, in ms, rounded up so that a timer is due when it returns. */
static int wait_ms(struct loop *loop, int64_t max_wait_ns)
{
	struct loop_timer *timer = heap_first(&loop->heap);
	int64_t wait = max_wait_ns < 0 ? INT64_MAX : max_wait_ns;
	if (loop->unread)
		return 0;
	if (timer) {
		int64_t until = timer->due_ns - loop_now(loop);
		if (until < wait)
			wait = until < 0 ? 0 : until;
		if (wait > LONGEST_WAIT_NS)
			wait = LONGEST_WAIT_NS;
	}
	if (wait / NS_PER_MS >= INT_MAX)
		return INT_MAX;
	return (int)((wait + NS_PER_MS - 1) / NS_PER_MS);
}

int loop_step(struct loop *loop, int64_t max_wait_ns, struct error *err)
{
	struct curl_waitfd *waitfds;
	unsigned count;
	int child = 0, saved, wait = wait_ms(loop, max_wait_ns);
	int64_t due_ns;
	CURLMcode code;
	watches_waitfds(&loop->watches, &waitfds, &count);
	due_ns = clock_monotonic_ns() + wait * NS_PER_MS;
	code = curl_multi_poll(loop->multi, waitfds, count, wait, NULL);
	saved = errno;
	note_pause(loop, due_ns);
	/* A signal is not a failure: the handler has written its byte. */
	if (code == CURLM_UNRECOVERABLE_POLL && saved != EINTR)
		return error_errno(err, saved, "waiting failed");
	if (code != CURLM_OK && code != CURLM_UNRECOVERABLE_POLL)
		return fail_multi(code, "waiting failed", err);
	if (watches_dispatch(&loop->watches, err) < 0)
		return -1;
	signals_drain(&child);
	if (child)
		reap_children(loop);
	if (loop->transfers && perform_transfers(loop, err) < 0)
		return -1;
	fire_timers(loop);
	return 0;
}

int loop_catch_signal(struct loop *loop, int signo, struct error *err)
{
	(void)loop;
	return signals_catch(signo, err);
}

int loop_take_signal(struct loop *loop)
{
	(void)loop;
	return signals_take();
}

int loop_signals_waiting(void)
{
	return signals_waiting();
}
