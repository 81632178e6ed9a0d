/* A binary heap of timers, nearest first. Part of the loop; see loop.h for the timers themselves. */
#ifndef MOLBUILD_HEAP_H
#define MOLBUILD_HEAP_H

#include "loop/loop.h"

struct heap {
	struct loop_timer **timers; /* timers[1] is the nearest; timers[0] is not used */
	size_t count;
	size_t cap;
};

/* Add a timer whose due_ns is set, and set its slot. Returns 0, or -1 with errno ENOMEM. */
WARN_UNUSED int heap_add(struct heap *heap, struct loop_timer *timer);

/* Take a timer out; its slot becomes 0. It must be in the heap. */
void heap_remove(struct heap *heap, struct loop_timer *timer);

/* The nearest timer, or NULL. */
struct loop_timer *heap_first(const struct heap *heap);

void heap_free(struct heap *heap);

#endif
