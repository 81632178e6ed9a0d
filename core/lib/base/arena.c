#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)256 << 10)

static size_t class_of(size_t size)
{
	return (size - 1) / ARENA_STEP;
}

static int is_small(size_t size)
{
	return size > 0 && size <= ARENA_BLOCK_MAX;
}

/* What is left of the chunk before is less than a block. */
static int add_chunk(struct arena *arena)
{
	char *chunk = malloc(CHUNK);
	if (!chunk)
		return -1;
	*(void **)(void *)chunk = arena->chunks;
	arena->chunks = chunk;
	arena->at = chunk + ARENA_STEP;
	arena->left = CHUNK - ARENA_STEP;
	return 0;
}

static void *take(struct arena *arena, size_t size)
{
	void **unused = &arena->unused[class_of(size)], *block = *unused;
	size_t whole = (class_of(size) + 1) * ARENA_STEP;
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
