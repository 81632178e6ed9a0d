#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "fault.h"

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static unsigned char *get(size_t size)
{
	unsigned char *block = arena_resize(&arena, NULL, 8, size); /* what OLD is for a new block means nothing */
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % ARENA_STEP, 0);
	memset(block, (int)size & 0xff, size);
	return block;
}

static void put(unsigned char *block, size_t size)
{
	assert_null(arena_resize(&arena, block, size, 0));
}

static void check(const unsigned char *block, size_t size, size_t value)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(block[i], value & 0xff);
}

static void blocks_do_not_overlap(void **state)
{
	enum { MANY = 4000 };
	static unsigned char *blocks[MANY];
	(void)state;
	for (size_t i = 0; i < MANY; i++)
		blocks[i] = get(1 + i % 600);
	for (size_t i = 0; i < MANY; i++)
		check(blocks[i], 1 + i % 600, 1 + i % 600);
	for (size_t i = 0; i < MANY; i++)
		put(blocks[i], 1 + i % 600);
}

static void a_freed_block_is_used_again_for_its_size(void **state)
{
	unsigned char *first = get(40), *second = get(40);
	(void)state;
	put(first, 40);
	put(second, 40);
	assert_ptr_equal(get(33), second);
	assert_ptr_equal(get(48), first);
	assert_ptr_not_equal(get(40), first);
}

static void every_change_of_size_keeps_the_bytes(void **state)
{
	static const size_t sizes[] = {1, 16, 17, 511, 512, 513, 5000, ARENA_BLOCK_MAX, ARENA_BLOCK_MAX + 1, 300000};
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
			size_t from = sizes[i], to = sizes[j];
			unsigned char *block = arena_resize(&arena, get(from), from, to);
			assert_non_null(block);
			check(block, from < to ? from : to, from);
			memset(block, 0xff, to);
			put(block, to);
		}
}

static void a_block_stays_where_it_is_while_its_size_is_of_the_same_step(void **state)
{
	unsigned char *block = get(17);
	(void)state;
	assert_ptr_equal(arena_resize(&arena, block, 17, 32), block);
	assert_ptr_equal(arena_resize(&arena, block, 32, 18), block);
}

static void a_block_takes_a_sixteenth_more_than_its_size_at_most(void **state)
{
	(void)state;
	get(16); /* so that there is a chunk */
	for (size_t size = 512; size <= ARENA_BLOCK_MAX / 2; size += 479) {
		size_t left = arena.left;
		get(size);
		assert_in_range(left - arena.left, size, size + size / 16 + ARENA_STEP);
		arena_free(&arena);
		get(16);
	}
}

static void nothing_of_no_size_is_nothing(void **state)
{
	(void)state;
	assert_null(arena_resize(&arena, NULL, 0, 0));
}

static void without_memory_a_block_can_only_become_smaller(void **state)
{
	enum { LARGE = ARENA_BLOCK_MAX + 1 };
	unsigned char *small = get(100), *large = get(LARGE);
	(void)state;
	fault_fail_nth(FAULT_ALLOC, 1, ENOMEM);
	assert_null(arena_resize(&arena, small, 100, LARGE));
	assert_true(fault_end());
	check(small, 100, 100);
	while (arena.left >= 48)
		get(48);
	fault_fail_nth(FAULT_ALLOC, 1, ENOMEM);
	assert_null(arena_resize(&arena, NULL, 0, 48));
	assert_true(fault_end());
	fault_fail_nth(FAULT_ALLOC, 1, ENOMEM);
	assert_ptr_equal(arena_resize(&arena, large, LARGE, 48), large);
	assert_true(fault_end());
	check(large, 48, LARGE);
	put(large, 48);
	assert_ptr_equal(get(48), large);
	free(large); /* the arena has no way to: what is left of such a block is lost until the program ends */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(blocks_do_not_overlap, teardown),
		cmocka_unit_test_teardown(a_freed_block_is_used_again_for_its_size, teardown),
		cmocka_unit_test_teardown(every_change_of_size_keeps_the_bytes, teardown),
		cmocka_unit_test_teardown(a_block_stays_where_it_is_while_its_size_is_of_the_same_step, teardown),
		cmocka_unit_test_teardown(a_block_takes_a_sixteenth_more_than_its_size_at_most, teardown),
		cmocka_unit_test_teardown(nothing_of_no_size_is_nothing, teardown),
		cmocka_unit_test_teardown(without_memory_a_block_can_only_become_smaller, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
