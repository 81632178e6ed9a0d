#include "loop/heap.h"

#include <stdlib.h>

static void place(struct heap *heap, size_t slot, struct loop_timer *timer)
{
	heap->timers[slot] = timer;
	timer->slot = slot;
}

static void sift_up(struct heap *heap, size_t slot, struct loop_timer *timer)
{
	while (slot > 1 && heap->timers[slot / 2]->due_ns > timer->due_ns) {
		place(heap, slot, heap->timers[slot / 2]);
		slot /= 2;
	}
	place(heap, slot, timer);
}

static void sift_down(struct heap *heap, size_t slot, struct loop_timer *timer)
{
	for (;;) {
		size_t child = slot * 2;
		if (child > heap->count)
			break;
		if (child < heap->count && heap->timers[child + 1]->due_ns < heap->timers[child]->due_ns)
			child++;
		if (heap->timers[child]->due_ns >= timer->due_ns)
			break;
		place(heap, slot, heap->timers[child]);
		slot = child;
	}
	place(heap, slot, timer);
}

/* Each timer knows its slot, and none is due before the one above it. */
static void check(const struct heap *heap)
{
#ifdef MOLBUILD_DEBUG
	INVARIANT(heap->count == 0 || heap->count < heap->cap);
	for (size_t slot = 1; slot <= heap->count; slot++) {
		INVARIANT(heap->timers[slot]->slot == slot);
		INVARIANT(slot == 1 || heap->timers[slot / 2]->due_ns <= heap->timers[slot]->due_ns);
	}
#endif
	(void)heap;
}

int heap_add(struct heap *heap, struct loop_timer *timer)
{
	INVARIANT(timer->slot == 0);
	if (heap->count + 1 >= heap->cap) {
		size_t cap = heap->cap ? heap->cap * 2 : 16;
		struct loop_timer **timers = realloc(heap->timers, cap * sizeof(struct loop_timer *));
		if (!timers)
			return -1;
		heap->timers = timers;
		heap->cap = cap;
	}
	sift_up(heap, ++heap->count, timer);
	check(heap);
	return 0;
}

void heap_remove(struct heap *heap, struct loop_timer *timer)
{
	size_t slot = timer->slot;
	struct loop_timer *last = heap->timers[heap->count--];
	INVARIANT(slot > 0 && slot <= heap->count + 1 && (slot > heap->count ? last : heap->timers[slot]) == timer);
	timer->slot = 0;
	if (last == timer)
		return;
	if (slot > 1 && heap->timers[slot / 2]->due_ns > last->due_ns)
		sift_up(heap, slot, last);
	else
		sift_down(heap, slot, last);
	check(heap);
}

struct loop_timer *heap_first(const struct heap *heap)
{
	return heap->count ? heap->timers[1] : NULL;
}

void heap_free(struct heap *heap)
{
	free(heap->timers);
	*heap = (struct heap){0};
}
