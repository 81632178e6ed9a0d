#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "loop/watches.h"

enum { MANY = 40 };

/* A pipe, and the watch of its reading end. */
struct side {
	struct loop_watch watch;
	int ends[2];
	int called, ready;
	struct side *stops; /* stopped when it is called */
};

static struct error err;
static struct watches watches;
static struct side sides[MANY];

static void on_ready(struct loop_watch *watch, int ready)
{
	struct side *side = CONTAINER_OF(watch, struct side, watch);
	side->called++;
	side->ready = ready;
	if (side->stops)
		watches_remove(&watches, &side->stops->watch);
}

static int setup(void **state)
{
	(void)state;
	watches_init(&watches);
	for (size_t i = 0; i < MANY; i++) {
		sides[i] = (struct side){.watch = {.ready = on_ready, .events = LOOP_READ}};
		if (fd_pipe(sides[i].ends) < 0)
			return -1;
		sides[i].watch.fd = sides[i].ends[0];
	}
	return watches_open(&watches, &err);
}

static int teardown(void **state)
{
	(void)state;
	watches_free(&watches);
	for (size_t i = 0; i < MANY; i++) {
		fd_close(&sides[i].ends[0]);
		fd_close(&sides[i].ends[1]);
	}
	return 0;
}

static void add_all(void)
{
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(watches_add(&watches, &sides[i].watch, &err), 0);
}

static void dispatch(void)
{
	assert_int_equal(watches_dispatch(&watches, &err), 0);
}

static void only_what_is_ready_is_called(void **state)
{
	(void)state;
	add_all();
	assert_int_equal(write(sides[7].ends[1], "x", 1), 1);
	dispatch();
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(sides[i].called, i == 7);
	assert_int_equal(sides[7].ready, LOOP_READ);
	/* It continues until it is stopped. */
	dispatch();
	assert_int_equal(sides[7].called, 2);
}

static void an_end_counts_as_what_was_asked_for(void **state)
{
	(void)state;
	add_all();
	fd_close(&sides[0].ends[1]);
	dispatch();
	assert_int_equal(sides[0].ready & LOOP_READ, LOOP_READ);
}

static void room_to_write_is_reported(void **state)
{
	(void)state;
	sides[0].watch.fd = sides[0].ends[1];
	sides[0].watch.events = LOOP_WRITE;
	assert_int_equal(watches_add(&watches, &sides[0].watch, &err), 0);
	dispatch();
	assert_int_equal(sides[0].ready, LOOP_WRITE);
}

/* The first that is called stops the other, which was ready, too. */
static void one_stopped_meanwhile_is_not_called(void **state)
{
	(void)state;
	sides[0].stops = &sides[1];
	sides[1].stops = &sides[0];
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(watches_add(&watches, &sides[i].watch, &err), 0);
		assert_int_equal(write(sides[i].ends[1], "x", 1), 1);
	}
	dispatch();
	assert_int_equal(sides[0].called + sides[1].called, 1);
	assert_int_equal(watches.count, 1);
}

static void one_can_stop_itself(void **state)
{
	(void)state;
	add_all();
	for (size_t i = 0; i < MANY; i++) {
		sides[i].stops = &sides[i];
		assert_int_equal(write(sides[i].ends[1], "x", 1), 1);
	}
	dispatch();
	dispatch();
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(sides[i].called, 1);
	assert_int_equal(watches.count, 0);
}

static void removing_twice_does_nothing(void **state)
{
	(void)state;
	add_all();
	for (int i = 0; i < 2; i++)
		watches_remove(&watches, &sides[3].watch);
	assert_int_equal(watches.count, MANY - 1);
	assert_int_equal(sides[3].watch.slot, 0);
}

static void a_descriptor_that_cannot_be_watched_is_an_error(void **state)
{
	(void)state;
	sides[0].watch.fd = -1;
	assert_int_equal(watches_add(&watches, &sides[0].watch, &err), -1);
	assert_string_equal(err.code, "EBADF");
	assert_int_equal(sides[0].watch.slot, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(only_what_is_ready_is_called),
		TEST(an_end_counts_as_what_was_asked_for),
		TEST(room_to_write_is_reported),
		TEST(one_stopped_meanwhile_is_not_called),
		TEST(one_can_stop_itself),
		TEST(removing_twice_does_nothing),
#ifdef __linux__
		TEST(a_descriptor_that_cannot_be_watched_is_an_error),
#endif
	};
	return cmocka_run_group_tests_name("watches", tests, NULL, NULL);
}
