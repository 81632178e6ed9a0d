/* The descriptors a loop waits for, combined in one descriptor (epoll) if the system supports it, so that a wake-up does
 * not cost a walk over all of them; an array for poll() elsewhere. Part of the loop; see loop.h for the watch. */
#ifndef MOLBUILD_WATCHES_H
#define MOLBUILD_WATCHES_H

#include "loop/loop.h"

#define WATCHES_BATCH 64

struct watches {
	struct loop_watch **list; /* list[watch->slot - 1] == watch */
	size_t count;
	size_t cap;
	struct curl_waitfd *waitfds; /* with epoll: one; else one per watch */
	int epoll_fd;
	struct loop_watch *batch[WATCHES_BATCH]; /* being called back; an entry is cleared when its watch stops */
	size_t batch_count;
};

void watches_init(struct watches *watches);
WARN_UNUSED int watches_open(struct watches *watches, struct error *err);
void watches_free(struct watches *watches);

WARN_UNUSED int watches_add(struct watches *watches, struct loop_watch *watch, struct error *err);
void watches_remove(struct watches *watches, struct loop_watch *watch);

/* The array for curl_multi_poll(). Valid until the next add or remove. */
void watches_waitfds(struct watches *watches, struct curl_waitfd **waitfds, unsigned *count);

/* Call back all watches that are ready now; does not wait. */
WARN_UNUSED int watches_dispatch(struct watches *watches, struct error *err);

#endif
