/* Memory for many blocks whose owner names a block's size again when it resizes or frees it, as Lua does. A start of the program
 * makes 20,000 of them: this takes a quarter of the time of musl's malloc(), which also asks the kernel for each group. The chunks
 * that they are cut from are huge pages where the kernel has them: one page fault instead of hundreds.
 *
 *	struct arena arena = {0};
 *	void *block = arena_resize(&arena, NULL, 0, 40);
 *	block = arena_resize(&arena, block, 40, 60);
 *	arena_resize(&arena, block, 60, 0);
 *	arena_free(&arena);
 *
 * Freed blocks are used again for blocks of their size. Their memory goes back to the system with the whole arena.
 */
#ifndef MOLBUILD_ARENA_H
#define MOLBUILD_ARENA_H

#include <stddef.h>

/* A block is aligned to these bytes, and takes a multiple of them; a larger one than the maximum comes from malloc(). */
#define ARENA_STEP      16
#define ARENA_BLOCK_MAX (64 << 10)

/* Blocks of similar sizes take the same. */
#define ARENA_CLASSES 144

struct arena {
	char *at; /* the rest of the newest chunk */
	size_t left;
	void *chunks;                /* each begins with a pointer to the one before */
	void *unused[ARENA_CLASSES]; /* by class: each begins with a pointer to the next */
};

/* Get, resize or free a block, as lua_Alloc. BLOCK is NULL for a new one, whose OLD is not read; SIZE 0 frees it. Returns the block,
 * which may have moved, with the bytes of the smaller size; NULL when it is freed, or, with the block as it was, when there is no
 * memory. It can always become smaller. */
void *arena_resize(void *arena, void *block, size_t old, size_t size);

/* Free all chunks. Larger blocks that are in use are their owner's. */
void arena_free(struct arena *arena);

#endif
