#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The size of a huge page on most systems, and its alignment. */
#define CHUNK ((size_t)2 << 20)

/* What a block of a size takes is a multiple of 16 up to 512 bytes; then there are 16 sizes for each doubling. The step between two
 * sizes is a power of two, whose exponent this is. */
static unsigned step_of(size_t size)
{
	unsigned step = 4;
	while (size > (size_t)32 << step)
		step++;
	return step;
}

static size_t class_of(size_t size)
{
	unsigned step = step_of(size);
	return 16 * (size_t)(step - 4) + ((size - 1) >> step);
}

static size_t whole_of(size_t size)
{
	unsigned step = step_of(size);
	return (((size - 1) >> step) + 1) << step;
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
	void **unused = &arena->unused[class_of(size)], *block = *unused;
	size_t whole = whole_of(size);
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
	void **unused = &arena->unused[class_of(size)];
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
	void *moved;
	if (!block)
		return size ? get(arena, size) : NULL;
	if (!size) {
		release(arena, block, old);
		return NULL;
	}
	if (is_small(old) && is_small(size) && class_of(old) == class_of(size))
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
