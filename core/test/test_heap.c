#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/heap.h"

enum { MANY = 500 };

static struct heap heap;
static struct loop_timer timers[MANY];

static int teardown(void **state)
{
	(void)state;
	heap_free(&heap);
	for (size_t i = 0; i < MANY; i++)
		timers[i] = (struct loop_timer){0};
	return 0;
}

/* Different for each of them, in no order. */
static int64_t due(size_t i)
{
	return (int64_t)(i * 7919 % MANY);
}

static void fill(void)
{
	for (size_t i = 0; i < MANY; i++) {
		timers[i].due_ns = due(i);
		assert_int_equal(heap_add(&heap, &timers[i]), 0);
		assert_true(timers[i].slot > 0);
	}
}

static void an_empty_heap_has_no_first(void **state)
{
	(void)state;
	assert_null(heap_first(&heap));
}

static void the_nearest_comes_first(void **state)
{
	(void)state;
	fill();
	for (int64_t want = 0; want < MANY; want++) {
		struct loop_timer *first = heap_first(&heap);
		assert_int_equal(first->due_ns, want);
		heap_remove(&heap, first);
		assert_int_equal(first->slot, 0);
	}
	assert_null(heap_first(&heap));
}

static void any_of_them_can_be_taken_out(void **state)
{
	(void)state;
	fill();
	/* All that are due at odd times. */
	for (size_t i = 0; i < MANY; i++)
		if (due(i) % 2)
			heap_remove(&heap, &timers[i]);
	for (int64_t want = 0; want < MANY; want += 2) {
		assert_int_equal(heap_first(&heap)->due_ns, want);
		heap_remove(&heap, heap_first(&heap));
	}
	assert_null(heap_first(&heap));
}

static void those_due_at_once_all_come(void **state)
{
	size_t count = 0;
	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(heap_add(&heap, &timers[i]), 0);
	for (struct loop_timer *first; (first = heap_first(&heap)); count++)
		heap_remove(&heap, first);
	assert_int_equal(count, 10);
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_empty_heap_has_no_first),
		TEST(the_nearest_comes_first),
		TEST(any_of_them_can_be_taken_out),
		TEST(those_due_at_once_all_come),
	};
	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
