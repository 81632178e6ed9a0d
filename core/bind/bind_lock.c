/* molbuild.core.lock */
#include "bind_lock.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "bind.h"
#include "lock/lock.h"

#define LOCK_KEY "molbuild.lock"

struct lock_op {
	struct bind_op op;
	struct loop *loop;
	struct lock_wait wait;
	struct loop_timer again; /* tells on_wait anew */
	int64_t every_ns, started_ns;
	char path[4096];
};

/* ---- the lock, once it is had ---------------------------------------------------------------------------- */

static int lock_close(lua_State *L)
{
	struct lock *lock = luaL_checkudata(L, 1, LOCK_KEY);
	lock_release(lock);
	return 0;
}

static int lock_held(lua_State *L)
{
	struct lock *lock = luaL_checkudata(L, 1, LOCK_KEY);
	lua_pushboolean(L, lock->owner != 0);
	return 1;
}

static const luaL_Reg lock_methods[] = {{"release", lock_close}, {"held", lock_held},  {"close", lock_close},
                                        {"__close", lock_close}, {"__gc", lock_close}, {NULL, NULL}};

static struct lock *new_lock(lua_State *L)
{
	struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
	memset(lock, 0, sizeof *lock);
	if (luaL_newmetatable(L, LOCK_KEY)) {
		luaL_setfuncs(L, lock_methods, 0);
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
	return lock;
}

int bind_lock_fd(lua_State *L, int index)
{
	struct lock *lock = luaL_checkudata(L, index, LOCK_KEY);
	if (!lock->owner)
		luaL_error(L, "the lock has been released");
	return lock->fd;
}

/* ---- waiting --------------------------------------------------------------------------------------------- */

static int lock_push(lua_State *L, struct bind_op *op)
{
	struct lock_op *wait = (struct lock_op *)op;
	struct lock *lock;
	if (op->failed)
		return bind_fail(L, &op->err);
	lua_getiuservalue(L, 1, BIND_RESULT);
	lock = luaL_checkudata(L, -1, LOCK_KEY);
	*lock = wait->wait.lock;
	wait->wait.lock = (struct lock){0};
	return 1;
}

static void lock_release_op(struct bind_op *op)
{
	struct lock_op *wait = (struct lock_op *)op;
	if (!wait->loop)
		return;
	loop_timer_stop(wait->loop, &wait->again);
	lock_wait_cancel(&wait->wait);
	/* Had, but the coroutine that wanted it is gone. */
	lock_release(&wait->wait.lock);
}

static void lock_cancel(struct bind_op *op)
{
	struct error err;
	error_set(&err, "cancelled", "the wait for the lock %.900s was cancelled", ((struct lock_op *)op)->path);
	lock_release_op(op);
	bind_done(op, &err);
}

static const struct bind_op_type lock_type = {
	.size = sizeof(struct lock_op), .push = lock_push, .cancel = lock_cancel, .release = lock_release_op};

static void on_done(struct lock_wait *wait, int ok)
{
	struct lock_op *op = CONTAINER_OF(wait, struct lock_op, wait);
	loop_timer_stop(op->loop, &op->again);
	bind_done(&op->op, ok ? NULL : &wait->error);
}

static void push_holder(lua_State *L, const char *path)
{
	struct lock_holder holder;
	if (lock_read_holder(path, &holder) < 0) {
		lua_pushnil(L);
		return;
	}
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, holder.pid);
	lua_setfield(L, -2, "pid");
	lua_pushinteger(L, holder.start);
	lua_setfield(L, -2, "start");
	bind_push_masked(L, holder.host, strlen(holder.host));
	lua_setfield(L, -2, "host");
	bind_push_masked(L, holder.purpose, strlen(holder.purpose));
	lua_setfield(L, -2, "purpose");
}

/* Tell on_wait who holds the lock, now and every so often. */
static void tell(struct loop_timer *timer)
{
	struct lock_op *op = CONTAINER_OF(timer, struct lock_op, again);
	struct error err;
	if (!bind_push_callback(&op->op, BIND_CALLBACK))
		return;
	push_holder(op->op.main, op->path);
	lua_pushnumber(op->op.main, (double)(clock_monotonic_ns() - op->started_ns) / (double)NS_PER_S);
	if (bind_call(&op->op, 2, 0) < 0 || loop_timer_start(op->loop, &op->again, op->every_ns, &err) < 0)
		lock_cancel(&op->op);
}

static void take_options(lua_State *L, struct lock_op *op, const char **purpose, int64_t *timeout_ns)
{
	*purpose = bind_field_string(L, 2, "purpose", NULL);
	if (*purpose) {
		/* It is written to a file that others read. Stays on the stack until the wait has begun. */
		bind_push_masked(L, *purpose, strlen(*purpose));
		*purpose = lua_tostring(L, -1);
	}
	lua_getfield(L, 2, "timeout");
	*timeout_ns = lua_isnil(L, -1) ? -1 : bind_field_seconds(L, 2, "timeout", 0);
	lua_pop(L, 1);
	op->every_ns = bind_field_seconds(L, 2, "every", 30);
	lua_getfield(L, 2, "on_wait");
	luaL_argcheck(L, lua_isnil(L, -1) || lua_isfunction(L, -1), 2, "the option 'on_wait' must be a function");
	lua_setiuservalue(L, 3, BIND_CALLBACK);
}

/* lock.acquire(path, {...}): see lua/types/core.lua */
static int lock_acquire(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1), *purpose;
	struct lock_op *op;
	struct error err;
	int64_t timeout_ns;
	int got;
	if (lua_isnoneornil(L, 2)) {
		lua_settop(L, 1);
		lua_newtable(L);
	}
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	bind_check_task(L);
	if (strlen(path) >= sizeof op->path) {
		error_errno(&err, ENAMETOOLONG, "cannot open the lock file %s", path);
		return bind_fail(L, &err);
	}
	op = bind_new_op(L, &lock_type);
	take_options(L, op, &purpose, &timeout_ns);
	memcpy(op->path, path, strlen(path) + 1);
	new_lock(L);
	lua_setiuservalue(L, 3, BIND_RESULT);
	op->loop = bind_loop(L);
	op->wait.done = on_done;
	op->again.fire = tell;
	op->started_ns = clock_monotonic_ns();
	got = lock_wait_start(op->loop, &op->wait, path, purpose ? purpose : "", timeout_ns, &err);
	if (got < 0)
		return bind_fail(L, &err);
	/* Told from the loop, like everything else, so that on_wait runs on the main thread. */
	if (got == 0 && loop_timer_start(op->loop, &op->again, 0, &err) < 0)
		return bind_fail(L, &err);
	lua_pushvalue(L, 3);
	lua_replace(L, 1);
	if (got == 1)
		bind_done(&op->op, NULL);
	return bind_wait(L);
}

/* lock.holder(path) -> { pid, host, start, purpose } | nil */
static int lock_holder_(lua_State *L)
{
	push_holder(L, luaL_checkstring(L, 1));
	return 1;
}

static const luaL_Reg functions[] = {{"acquire", lock_acquire}, {"holder", lock_holder_}, {NULL, NULL}};

int bind_open_lock(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
