/* molbuild.core.lock */
#include "bind_lock.h"

#include <string.h>

#include "base/clock.h"
#include "bind.h"
#include "bind_memory_file.h"
#include "bind_options.h"
#include "lock/lock.h"

#define LOCK_KEY "molbuild.lock"

struct lock_op {
	struct bind_op op;
	struct lock_wait wait;
	int started;
};

/* ---- the lock, once it is held ---------------------------------------------------------------------------- */

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

static struct lock *held_lock(lua_State *L, int index)
{
	struct lock *lock = luaL_checkudata(L, index, LOCK_KEY);
	if (!lock->owner)
		luaL_error(L, "the lock has been released");
	return lock;
}

/* lock:describe(purpose) */
static int lock_describe_(lua_State *L)
{
	struct lock *lock = luaL_checkudata(L, 1, LOCK_KEY);
	size_t len;
	const char *purpose = luaL_checklstring(L, 2, &len);
	bind_push_masked(L, purpose, len);
	lock_describe(lock, lua_tostring(L, -1));
	return 0;
}

/* lock:descriptor() -> number */
static int lock_descriptor(lua_State *L)
{
	lua_pushinteger(L, held_lock(L, 1)->fd);
	return 1;
}

/* lock:leave() */
static int lock_leave_(lua_State *L)
{
	lock_leave(held_lock(L, 1));
	return 0;
}

static const luaL_Reg lock_methods[] = {{"release", lock_close},
                                        {"held", lock_held},
                                        {"close", lock_close},
                                        {"describe", lock_describe_},
                                        {"descriptor", lock_descriptor},
                                        {"leave", lock_leave_},
                                        {"__close", lock_close},
                                        {"__gc", lock_close},
                                        {NULL, NULL}};

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
	return held_lock(L, index)->fd;
}

const int *bind_kept_fds(lua_State *L, int index, size_t *count)
{
	int *fds;
	luaL_argcheck(L, lua_istable(L, index), 1, "keep: a list of locks and files expected");
	*count = lua_rawlen(L, index);
	fds = lua_newuserdatauv(L, (*count + 1) * sizeof *fds, 0);
	for (size_t i = 0; i < *count; i++) {
		lua_rawgeti(L, index, (lua_Integer)i + 1);
		fds[i] = bind_memory_file_fd(L, -1);
		if (fds[i] < 0)
			fds[i] = bind_lock_fd(L, -1);
		lua_pop(L, 1);
	}
	return fds;
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
	if (!wait->started)
		return;
	lock_wait_cancel(&wait->wait);
	/* Held, but the waiting coroutine is gone. */
	lock_release(&wait->wait.lock);
}

static void lock_cancel(struct bind_op *op)
{
	struct error err;
	error_set(&err, "cancelled", "the wait for the lock %.900s was cancelled", ((struct lock_op *)op)->wait.path);
	lock_release_op(op);
	bind_done(op, &err);
}

static const struct bind_op_type lock_type = {
	.size = sizeof(struct lock_op), .push = lock_push, .cancel = lock_cancel, .release = lock_release_op};

static struct lock_op *op_of(struct lock_wait *wait)
{
	return CONTAINER_OF(wait, struct lock_op, wait);
}

static void on_done(struct lock_wait *wait, int ok)
{
	bind_done(&op_of(wait)->op, ok ? NULL : &wait->error);
}

static void push_holder(lua_State *L, const struct lock_holder *holder)
{
	if (!holder) {
		lua_pushnil(L);
		return;
	}
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, holder->pid);
	lua_setfield(L, -2, "pid");
	lua_pushinteger(L, holder->start);
	lua_setfield(L, -2, "start");
	bind_push_masked(L, holder->host, strlen(holder->host));
	lua_setfield(L, -2, "host");
	bind_push_masked(L, holder->purpose, strlen(holder->purpose));
	lua_setfield(L, -2, "purpose");
}

static int on_wait(struct lock_wait *wait, const struct lock_holder *holder, int64_t waited_ns)
{
	struct bind_op *op = &op_of(wait)->op;
	if (!bind_push_callback(op, BIND_CALLBACK))
		return 0;
	push_holder(op->main, holder);
	lua_pushnumber(op->main, (double)waited_ns / (double)NS_PER_S);
	return bind_call(op, 2, 0);
}

struct acquisition {
	const char *purpose;
	int64_t timeout_ns, every_ns;
	int on_wait;
};

#define AT(field) BIND_AT(struct acquisition, field)

/* See lua/types and docs/primitives.md. */
static const struct bind_option acquire_options[] = {
	{"purpose", BIND_TEXT, AT(purpose), .absent_text = ""},
	{"timeout", BIND_SECONDS, AT(timeout_ns), .absent = HUGE_VAL},
	{"on_wait", BIND_FUNCTION, AT(on_wait)},
	{"every", BIND_SECONDS, AT(every_ns), .absent = 30, .least = BIND_POSITIVE},
	{0}};

/* lock.acquire(path, {...}) */
static int lock_acquire(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct acquisition how = {0};
	struct lock_op *op;
	struct error err;
	int got;
	lua_settop(L, 2);
	bind_options(L, 2, acquire_options, &how);
	if (!bind_may_wait(L))
		return bind_refuse(L);
	/* It is written to a file that others read. */
	bind_push_masked(L, how.purpose, strlen(how.purpose));
	how.purpose = lua_tostring(L, -1);
	op = bind_new_op(L, &lock_type);
	if (how.on_wait) {
		lua_pushvalue(L, how.on_wait);
		lua_setiuservalue(L, -2, BIND_CALLBACK);
		op->wait.on_wait = on_wait;
	}
	new_lock(L);
	lua_setiuservalue(L, -2, BIND_RESULT);
	op->wait.done = on_done;
	op->wait.every_ns = how.every_ns;
	got = lock_wait_start(bind_loop(L), &op->wait, path, how.purpose, how.timeout_ns, &err);
	if (got < 0)
		return bind_fail(L, &err);
	op->started = 1;
	lua_replace(L, 1);
	if (got == 1)
		bind_done(&op->op, NULL);
	return bind_wait(L);
}

/* lock.holder(path) -> { pid, host, start, purpose } | nil */
static int lock_holder_(lua_State *L)
{
	struct lock_holder holder;
	int known = lock_read_holder(luaL_checkstring(L, 1), &holder) == 0;
	push_holder(L, known ? &holder : NULL);
	return 1;
}

/* lock.is_free(path) -> boolean | nil, message, code */
static int is_free(lua_State *L)
{
	struct error err;
	int free_now = lock_is_free(luaL_checkstring(L, 1), &err);
	if (free_now < 0)
		return bind_fail(L, &err);
	lua_pushboolean(L, free_now);
	return 1;
}

/* lock.inherit(path, descriptor, purpose) -> lock | nil, message, code */
static int inherit(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int fd = (int)luaL_checkinteger(L, 2);
	size_t len;
	const char *purpose = luaL_checklstring(L, 3, &len);
	struct lock *lock;
	struct error err;
	bind_push_masked(L, purpose, len);
	lock = new_lock(L);
	return lock_inherit(lock, fd, path, lua_tostring(L, -2), &err) < 0 ? bind_fail(L, &err) : 1;
}

static const luaL_Reg functions[] = {
	{"acquire", lock_acquire}, {"holder", lock_holder_}, {"is_free", is_free}, {"inherit", inherit}, {NULL, NULL}};

int bind_open_lock(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
