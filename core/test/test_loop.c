#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "loop/heap.h"
#include "loop_fixture.h"

/* ---- timers ---------------------------------------------------------------------------------------------- */

struct named_timer {
	struct loop_timer timer;
	char name;
	struct loop_timer *stops;
	int again; /* how often it restarts itself */
};

static void on_timer(struct loop_timer *timer)
{
	struct named_timer *named = (struct named_timer *)timer;
	assert_true(clock_monotonic_ns() >= timer->due_ns);
	assert_int_equal(timer->slot, 0);
	note(named->name);
	if (named->stops)
		loop_timer_stop(loop, named->stops);
	if (named->again-- > 0)
		assert_int_equal(loop_timer_start(loop, timer, 0, &err), 0);
}

static void start_timer(struct named_timer *timer, char name, int64_t ms)
{
	*timer = (struct named_timer){.timer.fire = on_timer, .name = name};
	assert_int_equal(loop_timer_start(loop, &timer->timer, ms * NS_PER_MS, &err), 0);
}

static void timers_fire_in_order(void **state)
{
	struct named_timer a, b, c, d;
	(void)state;
	start_timer(&c, 'c', 30);
	start_timer(&a, 'a', -5);
	start_timer(&d, 'd', 40);
	start_timer(&b, 'b', 20);
	run_until_noted(4);
	assert_string_equal(order, "abcd");
}

static void a_timer_that_is_started_again_fires_once(void **state)
{
	struct named_timer a, b;
	(void)state;
	start_timer(&a, 'a', 1);
	start_timer(&b, 'b', 20);
	assert_int_equal(loop_timer_start(loop, &a.timer, 40 * NS_PER_MS, &err), 0);
	run_until_noted(2);
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_string_equal(order, "ba");
}

static void a_callback_may_stop_a_timer_that_is_due(void **state)
{
	struct named_timer a, b, c;
	(void)state;
	start_timer(&a, 'a', 0);
	start_timer(&b, 'b', 1);
	start_timer(&c, 'c', 2);
	a.stops = &b.timer;
	c.stops = &c.timer;
	while (clock_monotonic_ns() < c.timer.due_ns)
		;
	run_until_noted(2);
	assert_string_equal(order, "ac");
	loop_timer_stop(loop, &b.timer);
}

static void a_timer_that_restarts_itself_at_once_starves_nobody(void **state)
{
	struct named_timer a, b;
	(void)state;
	start_timer(&a, 'a', 0);
	start_timer(&b, 'b', 5);
	a.again = 3;
	for (int turn = 1; turn <= 4; turn++) {
		assert_int_equal(loop_step(loop, 0, &err), 0);
		assert_int_equal(strcspn(order, "b"), turn);
		while (clock_monotonic_ns() <= a.timer.due_ns)
			;
	}
	run_until_noted(5);
	assert_string_equal(order, "aaaab");
}

static void a_step_waits_no_longer_than_it_may(void **state)
{
	struct named_timer late, never;
	int64_t began = clock_monotonic_ns(), took;
	(void)state;
	start_timer(&late, 'l', 60000);
	start_timer(&never, 'n', INT64_MAX / NS_PER_MS);
	assert_int_equal(loop_step(loop, 30 * NS_PER_MS, &err), 0);
	took = clock_monotonic_ns() - began;
	assert_true(took >= 25 * NS_PER_MS && took < 60 * NS_PER_S);
	assert_string_equal(order, "");
	loop_timer_stop(loop, &late.timer);
	loop_timer_stop(loop, &never.timer);
}

static void the_heap_gives_the_nearest_whatever_was_added_and_removed(void **state)
{
	static struct loop_timer timers[500];
	struct heap heap = {0};
	unsigned random = 1;
	int64_t last = 0;
	size_t left = 0;
	(void)state;
	for (size_t i = 0; i < 500; i++) {
		random = random * 1103515245U + 12345U;
		/* Many of them equal. */
		timers[i] = (struct loop_timer){.due_ns = random >> 16 & 127};
		assert_int_equal(heap_add(&heap, &timers[i]), 0);
	}
	for (size_t i = 0; i < 500; i += 3)
		heap_remove(&heap, &timers[i]);
	for (struct loop_timer *timer; (timer = heap_first(&heap)); left++) {
		assert_true(timer->due_ns >= last);
		assert_ptr_equal(heap.timers[timer->slot], timer);
		last = timer->due_ns;
		heap_remove(&heap, timer);
		assert_int_equal(timer->slot, 0);
	}
	assert_int_equal(left, 500 - 167);
	heap_free(&heap);
}

/* ---- watches --------------------------------------------------------------------------------------------- */

struct named_watch {
	struct loop_watch watch;
	char name;
	int ends[2];
	struct named_watch *stops[2];
	int saw;
};

static void on_ready(struct loop_watch *watch, int ready)
{
	struct named_watch *named = (struct named_watch *)watch;
	note(named->name);
	named->saw = ready;
	for (size_t i = 0; i < ARRAY_LEN(named->stops); i++)
		if (named->stops[i])
			loop_watch_stop(loop, &named->stops[i]->watch);
}

static void start_watch(struct named_watch *watch, char name, int events)
{
	*watch = (struct named_watch){.watch = {.ready = on_ready, .events = events}, .name = name};
	assert_int_equal(fd_pipe(watch->ends), 0);
	watch->watch.fd = watch->ends[events == LOOP_READ ? 0 : 1];
	watch->stops[0] = watch;
	assert_int_equal(loop_watch_start(loop, &watch->watch, &err), 0);
}

static void end_watch(struct named_watch *watch)
{
	loop_watch_stop(loop, &watch->watch);
	fd_close(&watch->ends[0]);
	fd_close(&watch->ends[1]);
}

static void a_watch_tells_until_it_is_stopped(void **state)
{
	struct named_watch a;
	(void)state;
	start_watch(&a, 'a', LOOP_READ);
	a.stops[0] = NULL;
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_string_equal(order, "");
	assert_int_equal(write(a.ends[1], "x", 1), 1);
	run_until_noted(1);
	run_until_noted(2);
	assert_int_equal(a.saw, LOOP_READ);
	loop_watch_stop(loop, &a.watch);
	loop_watch_stop(loop, &a.watch);
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_string_equal(order, "aa");
	end_watch(&a);
}

static void a_hang_up_counts_as_what_was_asked_for(void **state)
{
	struct named_watch reader, writer;
	(void)state;
	start_watch(&reader, 'r', LOOP_READ);
	fd_close(&reader.ends[1]);
	run_until_noted(1);
	assert_int_equal(reader.saw, LOOP_READ);
	start_watch(&writer, 'w', LOOP_WRITE);
	fd_close(&writer.ends[0]);
	run_until_noted(2);
	assert_int_equal(writer.saw, LOOP_WRITE);
	end_watch(&reader);
	end_watch(&writer);
}

static void a_callback_may_stop_a_watch_that_is_ready_too(void **state)
{
	struct named_watch a, b, c;
	(void)state;
	start_watch(&a, 'a', LOOP_READ);
	start_watch(&b, 'b', LOOP_READ);
	start_watch(&c, 'c', LOOP_WRITE);
	a.stops[1] = &b;
	b.stops[1] = &a;
	assert_int_equal(write(a.ends[1], "x", 1) + write(b.ends[1], "x", 1), 2);
	run_until_noted(2);
	assert_int_equal(loop_step(loop, 0, &err), 0);
	/* One of the two, and the third. */
	assert_int_equal(strlen(order), 2);
	assert_non_null(strchr(order, 'c'));
	end_watch(&a);
	end_watch(&b);
	end_watch(&c);
}

static void more_watches_than_one_batch_all_have_their_turn(void **state)
{
	struct named_watch watches[100];
	(void)state;
	for (int i = 0; i < 100; i++)
		start_watch(&watches[i], (char)('!' + i % 90), LOOP_WRITE);
	run_until_noted(100);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(watches[i].saw, LOOP_WRITE);
		end_watch(&watches[i]);
	}
}

static void a_descriptor_that_is_closed_is_refused(void **state)
{
	struct loop_watch watch = {.ready = on_ready, .fd = 250, .events = LOOP_READ};
	(void)state;
	assert_failed(loop_watch_start(loop, &watch, &err), "EBADF");
}

/* ---- transfers ------------------------------------------------------------------------------------------- */

static CURLcode result_of_transfer;

static void on_finished(struct loop_transfer *transfer, CURLcode result)
{
	assert_false(transfer->started);
	result_of_transfer = result;
	note('t');
}

static void transfer(const char *url)
{
	struct loop_transfer it = {.finished = on_finished, .easy = curl_easy_init()};
	assert_non_null(it.easy);
	curl_easy_setopt(it.easy, CURLOPT_URL, url);
	curl_easy_setopt(it.easy, CURLOPT_PROXY, "");
	assert_int_equal(loop_transfer_start(loop, &it, &err), 0);
	/* Without a bound: it must wake up by itself. */
	while (!strchr(order, 't'))
		assert_int_equal(loop_step(loop, -1, &err), 0);
	curl_easy_cleanup(it.easy);
}

static void a_transfer_that_fails_at_once_is_called_back(void **state)
{
	(void)state;
	transfer("bogus://127.0.0.1/");
	assert_int_equal(result_of_transfer, CURLE_UNSUPPORTED_PROTOCOL);
	assert_string_equal(order, "t");
}

static void a_refused_connection_is_called_back(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	char url[64];
	/* Bound, but no process listens. */
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
	transfer(url);
	assert_int_equal(result_of_transfer, CURLE_COULDNT_CONNECT);
	fd_close(&fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timers_fire_in_order),
		LOOP_TEST(a_timer_that_is_started_again_fires_once),
		LOOP_TEST(a_callback_may_stop_a_timer_that_is_due),
		LOOP_TEST(a_timer_that_restarts_itself_at_once_starves_nobody),
		LOOP_TEST(a_step_waits_no_longer_than_it_may),
		LOOP_TEST(the_heap_gives_the_nearest_whatever_was_added_and_removed),
		LOOP_TEST(a_watch_tells_until_it_is_stopped),
		LOOP_TEST(a_hang_up_counts_as_what_was_asked_for),
		LOOP_TEST(a_callback_may_stop_a_watch_that_is_ready_too),
		LOOP_TEST(more_watches_than_one_batch_all_have_their_turn),
		LOOP_TEST(a_descriptor_that_is_closed_is_refused),
		LOOP_TEST(a_transfer_that_fails_at_once_is_called_back),
		LOOP_TEST(a_refused_connection_is_called_back),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
