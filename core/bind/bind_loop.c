/* molbuild.core.loop: what the task scheduler needs of the loop, and the operations it waits for. */
#include "bind.h"

#include <stdlib.h>
#include <string.h>

#include "base/give_back.h"
#include "bind_options.h"

#define STATE_KEY "molbuild.state"
#define OP_KEY    "molbuild.op"

struct bind_state {
	struct loop *loop;
	struct bind_op *first_done, **last_done;
};

static int free_state(lua_State *L)
{
	struct bind_state *state = lua_touserdata(L, 1);
	struct loop *loop = state->loop;
	state->loop = NULL;
	loop_free(loop);
	return 0;
}

static struct bind_state *state_of(lua_State *L)
{
	struct bind_state *state;
	struct error err;
	if (lua_getfield(L, LUA_REGISTRYINDEX, STATE_KEY) == LUA_TUSERDATA) {
		state = lua_touserdata(L, -1);
		lua_pop(L, 1);
		return state;
	}
	state = lua_newuserdatauv(L, sizeof *state, 0);
	memset(state, 0, sizeof *state);
	state->last_done = &state->first_done;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, free_state);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	state->loop = loop_new(&err);
	if (!state->loop)
		bind_raise(L, &err);
	lua_setfield(L, LUA_REGISTRYINDEX, STATE_KEY);
	lua_pop(L, 1);
	return state;
}

struct loop *bind_loop(lua_State *L)
{
	return state_of(L)->loop;
}

/* ---- operations ------------------------------------------------------------------------------------------ */

static void anchor(lua_State *L, struct bind_op *op, int index)
{
	if (index)
		lua_pushvalue(L, index);
	else
		lua_pushnil(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, op);
}

static int op_cancel(lua_State *L)
{
	struct bind_op *op = luaL_checkudata(L, 1, OP_KEY);
	if (!op->done)
		op->type->cancel(op);
	return 0;
}

static int op_kill(lua_State *L)
{
	struct bind_op *op = luaL_checkudata(L, 1, OP_KEY);
	if (!op->done)
		(op->type->kill ? op->type->kill : op->type->cancel)(op);
	return 0;
}

static int op_close(lua_State *L)
{
	struct bind_op *op = luaL_checkudata(L, 1, OP_KEY);
	if (op->type)
		op->type->release(op);
	op->done = 1;
	anchor(L, op, 0);
	return 0;
}

static const luaL_Reg op_methods[] = {
	{"cancel", op_cancel}, {"kill", op_kill}, {"__close", op_close}, {"__gc", op_close}, {NULL, NULL}};

void *bind_new_op(lua_State *L, const struct bind_op_type *type)
{
	struct bind_op *op;
	bind_loop(L);
	op = lua_newuserdatauv(L, type->size, BIND_ON_LINES);
	memset(op, 0, type->size);
	op->type = type;
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
	op->main = lua_tothread(L, -1);
	lua_pop(L, 1);
	if (luaL_newmetatable(L, OP_KEY)) {
		luaL_setfuncs(L, op_methods, 0);
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
	return op;
}

void bind_check_task(lua_State *L)
{
	if (!lua_isyieldable(L))
		luaL_error(L, "this waits, and so can only be called inside a task (see molbuild.task)");
}

static int resumed(lua_State *L, int status, lua_KContext context)
{
	struct bind_op *op = lua_touserdata(L, 1);
	int count;
	(void)status;
	(void)context;
	lua_settop(L, 1);
	if (!op->done)
		return luaL_error(L, "an operation was resumed before it was done");
	if (lua_getiuservalue(L, 1, BIND_RAISED) != LUA_TNIL)
		return lua_error(L);
	lua_pop(L, 1);
	count = op->type->push(L, op);
	op->type->release(op);
	return count;
}

int bind_wait(lua_State *L)
{
	struct bind_op *op = lua_touserdata(L, 1);
	lua_settop(L, 1);
	/* A coroutine that is closed while it waits closes the operation. */
	lua_toclose(L, 1);
	anchor(L, op, 1);
	lua_pushvalue(L, 1);
	return lua_yieldk(L, 1, 0, resumed);
}

void bind_done(struct bind_op *op, const struct error *err)
{
	struct bind_state *state = state_of(op->main);
	op->done = 1;
	if (err) {
		op->failed = 1;
		op->err = *err;
	}
	op->next_done = NULL;
	*state->last_done = op;
	state->last_done = &op->next_done;
}

int bind_push_callback(struct bind_op *op, int which)
{
	lua_State *L = op->main;
	int has;
	luaL_checkstack(L, 16, "a callback");
	lua_rawgetp(L, LUA_REGISTRYINDEX, op);
	has = lua_isuserdata(L, -1) && lua_getiuservalue(L, -1, which) == LUA_TFUNCTION;
	if (!has) {
		lua_pop(L, lua_isuserdata(L, -1) ? 1 : 2);
		return 0;
	}
	lua_remove(L, -2);
	return 1;
}

int bind_call(struct bind_op *op, int count, int results)
{
	lua_State *L = op->main;
	if (lua_pcall(L, count, results, 0) == LUA_OK)
		return 0;
	lua_rawgetp(L, LUA_REGISTRYINDEX, op);
	lua_insert(L, -2);
	lua_setiuservalue(L, -2, BIND_RAISED);
	lua_pop(L, 1);
	return -1;
}

/* ---- for the scheduler ----------------------------------------------------------------------------------- */

/* loop.step([seconds]) -> list of the operations that are done */
static int loop_step_(lua_State *L)
{
	struct bind_state *state = state_of(L);
	struct error err;
	int64_t wait = bind_seconds(L, 1, HUGE_VAL);
	lua_Integer count = 0;
	if (state->first_done)
		wait = 0;
	if (loop_step(state->loop, wait, &err) < 0)
		return bind_fail(L, &err);
	lua_newtable(L);
	while (state->first_done) {
		struct bind_op *op = state->first_done;
		lua_rawgetp(L, LUA_REGISTRYINDEX, op);
		lua_seti(L, -2, ++count);
		anchor(L, op, 0);
		state->first_done = op->next_done;
	}
	state->last_done = &state->first_done;
	return 1;
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
	return bind_status(L, give_back_set(text, len, &err), &err);
}

/* loop.continued() -> boolean */
static int loop_continued(lua_State *L)
{
	lua_pushboolean(L, give_back_continued());
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
	bind_check_task(L);
	lua_settop(L, 0);
	sleep = bind_new_op(L, &sleep_type);
	sleep->loop = bind_loop(L);
	sleep->timer.fire = on_awake;
	if (loop_timer_start(sleep->loop, &sleep->timer, wait, &err) < 0)
		return bind_fail(L, &err);
	return bind_wait(L);
}

static const luaL_Reg functions[] = {{"step", loop_step_},
                                     {"catch", loop_catch},
                                     {"last_words", loop_last_words_},
                                     {"continued", loop_continued},
                                     {"signal", loop_signal},
                                     {"sleep", loop_sleep},
                                     {NULL, NULL}};

int bind_open_loop(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
