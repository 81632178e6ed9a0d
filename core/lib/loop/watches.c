#include "loop/watches.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "base/fd.h"

void watches_init(struct watches *watches)
{
	*watches = (struct watches){.epoll_fd = -1};
}

void watches_free(struct watches *watches)
{
	free(watches->list);
	free(watches->waitfds);
	fd_close(&watches->epoll_fd);
	watches_init(watches);
}

static int grow(struct watches *watches)
{
	size_t cap = watches->cap ? watches->cap * 2 : 16;
	struct loop_watch **list;
	struct curl_waitfd *waitfds;
	if (watches->count < watches->cap)
		return 0;
	list = realloc(watches->list, cap * sizeof(struct loop_watch *));
	if (!list)
		return -1;
	watches->list = list;
	waitfds = realloc(watches->waitfds, cap * sizeof *waitfds);
	if (!waitfds)
		return -1;
	watches->waitfds = waitfds;
	watches->cap = cap;
	return 0;
}

/* Forget WATCH, in the list and in the batch that may be in progress. */
static void forget(struct watches *watches, struct loop_watch *watch)
{
	struct loop_watch *last = watches->list[--watches->count];
	INVARIANT(watch->slot <= watches->count + 1 && (watch == last || watches->list[watch->slot - 1] == watch));
	watches->list[watch->slot - 1] = last;
	last->slot = watch->slot;
	watch->slot = 0;
	for (size_t i = 0; i < watches->batch_count; i++)
		if (watches->batch[i] == watch)
			watches->batch[i] = NULL;
}

#ifdef __linux__

int watches_open(struct watches *watches, struct error *err)
{
	watches->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (watches->epoll_fd < 0)
		return error_errno(err, errno, "cannot create the event loop");
	return 0;
}

int watches_add(struct watches *watches, struct loop_watch *watch, struct error *err)
{
	struct epoll_event event = {.data.ptr = watch};
	INVARIANT(!watch->slot && watch->ready);
	if (grow(watches) < 0)
		return error_errno(err, ENOMEM, "cannot watch descriptor %d", watch->fd);
	event.events = (watch->events & LOOP_READ ? EPOLLIN : 0) | (watch->events & LOOP_WRITE ? EPOLLOUT : 0);
	if (epoll_ctl(watches->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return error_errno(err, errno, "cannot watch descriptor %d", watch->fd);
	watches->list[watches->count++] = watch;
	watch->slot = watches->count;
	return 0;
}

void watches_remove(struct watches *watches, struct loop_watch *watch)
{
	if (!watch->slot)
		return;
	epoll_ctl(watches->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	forget(watches, watch);
}

void watches_waitfds(struct watches *watches, struct curl_waitfd **waitfds, unsigned *count)
{
	*waitfds = watches->waitfds;
	*count = watches->count ? 1 : 0;
	if (*count)
		watches->waitfds[0] = (struct curl_waitfd){.fd = watches->epoll_fd, .events = CURL_WAIT_POLLIN};
}

int watches_dispatch(struct watches *watches, struct error *err)
{
	struct epoll_event events[WATCHES_BATCH];
	int count = epoll_wait(watches->epoll_fd, events, WATCHES_BATCH, 0);
	if (count < 0)
		return errno == EINTR ? 0 : error_errno(err, errno, "waiting failed");
	watches->batch_count = (size_t)count;
	for (int i = 0; i < count; i++)
		watches->batch[i] = events[i].data.ptr;
	for (int i = 0; i < count; i++) {
		struct loop_watch *watch = watches->batch[i];
		int ready = (events[i].events & EPOLLIN ? LOOP_READ : 0) | (events[i].events & EPOLLOUT ? LOOP_WRITE : 0);
		if (!watch)
			continue;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			ready |= watch->events;
		watch->ready(watch, ready);
	}
	watches->batch_count = 0;
	return 0;
}

#else

int watches_open(struct watches *watches, struct error *err)
{
	(void)watches;
	(void)err;
	return 0;
}

int watches_add(struct watches *watches, struct loop_watch *watch, struct error *err)
{
	if (grow(watches) < 0)
		return error_errno(err, ENOMEM, "cannot watch descriptor %d", watch->fd);
	watches->list[watches->count++] = watch;
	watch->slot = watches->count;
	return 0;
}

void watches_remove(struct watches *watches, struct loop_watch *watch)
{
	if (watch->slot)
		forget(watches, watch);
}

void watches_waitfds(struct watches *watches, struct curl_waitfd **waitfds, unsigned *count)
{
	*waitfds = watches->waitfds;
	*count = (unsigned)watches->count;
	for (size_t i = 0; i < watches->count; i++) {
		int events = watches->list[i]->events;
		watches->waitfds[i] = (struct curl_waitfd){.fd = watches->list[i]->fd,
		                                           .events = (short)((events & LOOP_READ ? CURL_WAIT_POLLIN : 0) |
		                                                             (events & LOOP_WRITE ? CURL_WAIT_POLLOUT : 0))};
	}
}

/* Calls poll() again, WATCHES_BATCH at a time from the end: a callback that stops its own watch moves the last one
 * to its index, which has then been polled already. */
int watches_dispatch(struct watches *watches, struct error *err)
{
	for (size_t end = watches->count; end > 0;) {
		struct pollfd fds[WATCHES_BATCH];
		size_t begin = end > WATCHES_BATCH ? end - WATCHES_BATCH : 0;
		for (size_t i = begin; i < end; i++) {
			int events = watches->list[i]->events;
			fds[i - begin] = (struct pollfd){
				.fd = watches->list[i]->fd,
				.events = (short)((events & LOOP_READ ? POLLIN : 0) | (events & LOOP_WRITE ? POLLOUT : 0))};
			watches->batch[i - begin] = watches->list[i];
		}
		watches->batch_count = end - begin;
		if (poll(fds, (nfds_t)watches->batch_count, 0) < 0)
			return errno == EINTR ? 0 : error_errno(err, errno, "waiting failed");
		for (size_t i = 0; i < watches->batch_count; i++) {
			struct loop_watch *watch = watches->batch[i];
			int ready = (fds[i].revents & POLLIN ? LOOP_READ : 0) | (fds[i].revents & POLLOUT ? LOOP_WRITE : 0);
			if (!watch || !fds[i].revents)
				continue;
			if (fds[i].revents & (POLLERR | POLLHUP | POLLNVAL))
				ready |= watch->events;
			watch->ready(watch, ready);
		}
		watches->batch_count = 0;
		end = begin < watches->count ? begin : watches->count;
	}
	return 0;
}

#endif
