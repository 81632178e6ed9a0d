/* The loop of a Lua state, and the operations that its tasks wait for. */
#include "bind.h"

#include <stdlib.h>
#include <string.h>

#define STATE_KEY "molbuild.state"
#define OP_KEY    "molbuild.op"
#define TASKS_KEY "molbuild.tasks"

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

/* ---- tasks ----------------------------------------------------------------------------------------------- */

/* Push the table of the threads that are tasks, each with whether it has been cancelled. */
static void push_tasks(lua_State *L)
{
	if (luaL_getsubtable(L, LUA_REGISTRYINDEX, TASKS_KEY))
		return;
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
}

void bind_set_task(lua_State *L, int index, int cancelled)
{
	push_tasks(L);
	lua_pushvalue(L, index);
	lua_pushboolean(L, cancelled);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

int bind_may_wait(lua_State *L)
{
	int known, cancelled;
	push_tasks(L);
	lua_pushthread(L);
	known = lua_rawget(L, -2) == LUA_TBOOLEAN;
	cancelled = lua_toboolean(L, -1);
	lua_pop(L, 2);
	if (!known && lua_isyieldable(L))
		luaL_error(L, "this function waits, so it cannot be called in a coroutine that a task created");
	if (!known || !lua_isyieldable(L))
		luaL_error(L, "this function waits, so it must be called inside a task (see molbuild.task)");
	return !cancelled;
}

static int refused(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	(void)context;
	return lua_gettop(L) > 0 ? lua_error(L) : luaL_error(L, "cancelled");
}

int bind_refuse(lua_State *L)
{
	lua_settop(L, 0);
	return lua_yieldk(L, 0, 0, refused);
}

/* ---- waiting --------------------------------------------------------------------------------------------- */

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
	/* Closing a waiting coroutine closes its operation. */
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

/* ---- for loop.step --------------------------------------------------------------------------------------- */

int bind_has_done(lua_State *L)
{
	return state_of(L)->first_done != NULL;
}

void bind_push_done(lua_State *L)
{
	struct bind_state *state = state_of(L);
	lua_Integer count = 0;
	lua_newtable(L);
	while (state->first_done) {
		struct bind_op *op = state->first_done;
		lua_rawgetp(L, LUA_REGISTRYINDEX, op);
		lua_rawseti(L, -2, ++count);
		anchor(L, op, 0);
		state->first_done = op->next_done;
	}
	state->last_done = &state->first_done;
}
