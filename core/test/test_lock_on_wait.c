/* What on_wait is called with while a lock is waited for, and how it gives the wait up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "lock_fixture.h"

static int calls, give_up_at;
static int64_t last_ns;
static char purpose[LOCK_RECORD_MAX];

static int on_wait(struct lock_wait *wait, const struct lock_holder *holder, int64_t waited_ns)
{
	assert_true(wait->every_ns > 0);
	assert_true(waited_ns >= last_ns);
	last_ns = waited_ns;
	if (holder)
		snprintf(purpose, sizeof purpose, "%s", holder->purpose);
	return ++calls == give_up_at ? -1 : 0;
}

/* Begin to wait for a lock that another process holds. */
static struct loop *begin(struct holder *holder, struct waiter *waiter, int64_t every_ns)
{
	struct loop *loop = make_loop();
	calls = give_up_at = 0;
	last_ns = 0;
	purpose[0] = '\0';
	hold(holder, "l");
	*waiter = (struct waiter){.wait.done = on_done, .wait.on_wait = on_wait, .wait.every_ns = every_ns};
	assert_int_equal(lock_wait_start(loop, &waiter->wait, "l", "wait", NS_NEVER, &err), 0);
	return loop;
}

static void step_until_called(struct loop *loop, int times)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	while (calls < times && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_true(calls >= times);
}

static void it_is_called_when_the_wait_begins_and_again(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = begin(&holder, &waiter, NS_PER_MS);
	(void)state;
	assert_int_equal(calls, 0);
	step_until_called(loop, 3);
	assert_string_equal(purpose, "build hermes");
	end_holder(&holder);
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, 1);
	lock_release(&waiter.wait.lock);
	calls = 0;
	assert_int_equal(loop_step(loop, 5 * NS_PER_MS, &err), 0);
	assert_int_equal(calls, 0);
	loop_free(loop);
}

static void it_can_be_called_once_only(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = begin(&holder, &waiter, NS_NEVER);
	(void)state;
	step_until_called(loop, 1);
	assert_int_equal(loop_step(loop, 20 * NS_PER_MS, &err), 0);
	assert_int_equal(calls, 1);
	lock_wait_cancel(&waiter.wait);
	kill_holder(&holder);
	loop_free(loop);
}

static void it_can_give_up(void **state)
{
	struct holder holder;
	struct waiter waiter;
	struct loop *loop = begin(&holder, &waiter, NS_PER_MS);
	(void)state;
	give_up_at = 2;
	run_until_ended(loop, &waiter);
	assert_int_equal(waiter.ended, -1);
	assert_string_equal(waiter.wait.error.code, "cancelled");
	kill_holder(&holder);
	assert_no_children();
	loop_free(loop);
}

static void a_free_lock_needs_no_call(void **state)
{
	struct waiter waiter = {.wait.done = on_done, .wait.on_wait = on_wait, .wait.every_ns = NS_PER_MS};
	struct loop *loop = make_loop();
	(void)state;
	calls = 0;
	assert_int_equal(lock_wait_start(loop, &waiter.wait, "l", "wait", NS_NEVER, &err), 1);
	assert_int_equal(loop_step(loop, 0, &err), 0);
	assert_int_equal(calls, 0);
	lock_release(&waiter.wait.lock);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(it_is_called_when_the_wait_begins_and_again),
		FIXTURE_TEST(it_can_be_called_once_only),
		FIXTURE_TEST(it_can_give_up),
		FIXTURE_TEST(a_free_lock_needs_no_call),
	};
	return cmocka_run_group_tests_name("lock_on_wait", tests, NULL, NULL);
}
