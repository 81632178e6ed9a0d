#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The size of a huge page on most systems, and its alignment. */
#define CHUNK ((size_t)2 << 20)

/* The class of a size, and in *WHOLE what each of its blocks takes: a multiple of 16 up to 512, then 16 sizes for each doubling. */
static size_t class_of(size_t size, size_t *whole)
{
	size_t shift = 4, before = 0, steps;
	while (size > (size_t)32 << shift) {
		shift++;
		before += 16;
	}
	steps = ((size - 1) >> shift) + 1;
	*whole = steps << shift;
	return before + steps - 1;
}

static int is_small(size_t size)
{
	return size > 0 && size <= ARENA_BLOCK_MAX;
}

/* What is left of the chunk before is less than a block. */
static int add_chunk(struct arena *arena)
{
	char *chunk = aligned_alloc(CHUNK, CHUNK);
	if (!chunk)
		return -1;
#ifdef MADV_HUGEPAGE
	/* Only a wish: without it the memory comes page by page. */
	madvise(chunk, CHUNK, MADV_HUGEPAGE);
#endif
	*(void **)(void *)chunk = arena->chunks;
	arena->chunks = chunk;
	arena->at = chunk + ARENA_STEP;
	arena->left = CHUNK - ARENA_STEP;
	return 0;
}

static void *take(struct arena *arena, size_t size)
{
	size_t whole;
	void **unused = &arena->unused[class_of(size, &whole)], *block = *unused;
	if (block) {
		*unused = *(void **)block;
		return block;
	}
	if (arena->left < whole && add_chunk(arena) < 0)
		return NULL;
	block = arena->at;
	arena->at += whole;
	arena->left -= whole;
	return block;
}

static void keep(struct arena *arena, void *block, size_t size)
{
	size_t whole;
	void **unused = &arena->unused[class_of(size, &whole)];
	*(void **)block = *unused;
	*unused = block;
}

static void *get(struct arena *arena, size_t size)
{
	return is_small(size) ? take(arena, size) : malloc(size);
}

static void release(struct arena *arena, void *block, size_t size)
{
	if (is_small(size))
		keep(arena, block, size);
	else
		free(block);
}

void *arena_resize(void *of, void *block, size_t old, size_t size)
{
	struct arena *arena = of;
	size_t whole;
	void *moved;
	if (!block)
		return size ? get(arena, size) : NULL;
	if (!size) {
		release(arena, block, old);
		return NULL;
	}
	if (is_small(old) && is_small(size) && class_of(old, &whole) == class_of(size, &whole))
		return block;
	moved = is_small(old) || is_small(size) ? get(arena, size) : realloc(block, size);
	if (!moved)
		return size < old ? block : NULL;
	if (is_small(old) || is_small(size)) {
		memcpy(moved, block, old < size ? old : size);
		release(arena, block, old);
	}
	return moved;
}

void arena_free(struct arena *arena)
{
	while (arena->chunks) {
		void *chunk = arena->chunks;
		arena->chunks = *(void **)chunk;
		free(chunk);
	}
	*arena = (struct arena){0};
}
