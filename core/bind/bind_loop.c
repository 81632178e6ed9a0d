/* molbuild.core.loop: the loop for the task scheduler, and sleep. */
#include "bind.h"

#include "base/restore_terminal.h"
#include "bind_busy.h"
#include "bind_options.h"

/* ---- for the scheduler ----------------------------------------------------------------------------------- */

/* loop.step([seconds]) -> list of the operations that are done */
static int loop_step_(lua_State *L)
{
	struct error err;
	int64_t wait = bind_seconds(L, 1, HUGE_VAL);
	if (bind_has_done(L))
		wait = 0;
	if (loop_step(bind_loop(L), wait, &err) < 0)
		return bind_fail(L, &err);
	bind_push_done(L);
	return 1;
}

/* loop.task(thread, cancelled) */
static int loop_task(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTHREAD);
	bind_set_task(L, 1, lua_toboolean(L, 2));
	return 0;
}

/* loop.catch(signo) */
static int loop_catch(lua_State *L)
{
	struct error err;
	int signo = (int)luaL_checkinteger(L, 1);
	return bind_status(L, loop_catch_signal(bind_loop(L), signo, &err), &err);
}

/* loop.last_words(text) */
static int loop_last_words_(lua_State *L)
{
	struct error err;
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	return bind_status(L, restore_terminal_set(text, len, &err), &err);
}

/* loop.continued() -> boolean */
static int loop_continued(lua_State *L)
{
	lua_pushboolean(L, restore_terminal_continued());
	return 1;
}

/* loop.signal() -> signo | nil */
static int loop_signal(lua_State *L)
{
	int signo = loop_take_signal(bind_loop(L));
	if (!signo)
		return 0;
	lua_pushinteger(L, signo);
	return 1;
}

/* loop.signals() -> integer */
static int loop_signals(lua_State *L)
{
	lua_pushinteger(L, loop_signals_waiting());
	return 1;
}

/* ---- sleep ----------------------------------------------------------------------------------------------- */

struct sleep_op {
	struct bind_op op;
	struct loop *loop;
	struct loop_timer timer;
};

static int sleep_push(lua_State *L, struct bind_op *op)
{
	if (op->failed)
		return bind_fail(L, &op->err);
	lua_pushboolean(L, 1);
	return 1;
}

static void sleep_release(struct bind_op *op)
{
	struct sleep_op *sleep = (struct sleep_op *)op;
	if (sleep->loop)
		loop_timer_stop(sleep->loop, &sleep->timer);
}

static void sleep_cancel(struct bind_op *op)
{
	struct error err;
	error_set(&err, "cancelled", "cancelled");
	sleep_release(op);
	bind_done(op, &err);
}

static const struct bind_op_type sleep_type = {
	.size = sizeof(struct sleep_op), .push = sleep_push, .cancel = sleep_cancel, .release = sleep_release};

static void on_awake(struct loop_timer *timer)
{
	struct sleep_op *sleep = CONTAINER_OF(timer, struct sleep_op, timer);
	bind_done(&sleep->op, NULL);
}

/* loop.sleep(seconds): also molbuild.core.sys.sleep */
static int loop_sleep(lua_State *L)
{
	struct sleep_op *sleep;
	struct error err;
	int64_t wait;
	luaL_checknumber(L, 1);
	wait = bind_seconds(L, 1, 0);
	if (!bind_may_wait(L))
		return bind_refuse(L);
	lua_settop(L, 0);
	sleep = bind_new_op(L, &sleep_type);
	sleep->loop = bind_loop(L);
	sleep->timer.fire = on_awake;
	if (loop_timer_start(sleep->loop, &sleep->timer, wait, &err) < 0)
		return bind_fail(L, &err);
	return bind_wait(L);
}

static const luaL_Reg functions[] = {{"step", loop_step_},
                                     {"task", loop_task},
                                     {"look", bind_loop_look},
                                     {"runs", bind_loop_runs},
                                     {"catch", loop_catch},
                                     {"last_words", loop_last_words_},
                                     {"continued", loop_continued},
                                     {"signal", loop_signal},
                                     {"signals", loop_signals},
                                     {"sleep", loop_sleep},
                                     {NULL, NULL}};

int bind_open_loop(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
