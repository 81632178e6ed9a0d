/* molbuild.core.process: detach and follow */
#include "bind_detached.h"

#include <string.h>

#include "bind.h"
#include "bind_lock.h"
#include "bind_options.h"
#include "child/detached.h"

struct start {
	struct detached_options process;
	int keep, on_start, on_output, on_result;
};

#define AT(field) BIND_AT(struct start, field)

/* See lua/types and docs/primitives.md. */
static const struct bind_option detach_options[] = {{"program", BIND_TEXT, AT(process.program), .required = 1},
                                                    {"argv", BIND_TEXTS, AT(process.argv), .required = 1},
                                                    {"env", BIND_PAIRS, AT(process.env), .joint = "="},
                                                    {"unset", BIND_TEXTS, AT(process.unset)},
                                                    {"log_file", BIND_TEXT, AT(process.log_file)},
                                                    {"keep", BIND_VALUE, AT(keep)},
                                                    {0}};

static const struct bind_option follow_options[] = {{"program", BIND_TEXT, AT(process.program), .required = 1},
                                                    {"argv", BIND_TEXTS, AT(process.argv), .required = 1},
                                                    {"env", BIND_PAIRS, AT(process.env), .joint = "="},
                                                    {"unset", BIND_TEXTS, AT(process.unset)},
                                                    {"on_start", BIND_FUNCTION, AT(on_start)},
                                                    {"on_output", BIND_FUNCTION, AT(on_output)},
                                                    {"on_result", BIND_FUNCTION, AT(on_result)},
                                                    {0}};

/* process.detach{...} -> pid | nil, message, code */
int bind_detach(lua_State *L)
{
	struct start how = {0};
	struct error err;
	pid_t pid;
	bind_options(L, 1, detach_options, &how);
	luaL_argcheck(L, how.process.argv[0], 1, "argv: empty");
	if (how.keep)
		how.process.keep = bind_kept_fds(L, how.keep, &how.process.keep_count);
	if (detached_start(&how.process, &pid, &err) < 0)
		return bind_fail(L, &err);
	lua_pushinteger(L, pid);
	return 1;
}

/* ---- following it ------------------------------------------------------------------------------------------ */

struct follow_op {
	struct bind_op op;
	struct detached detached;
};

static struct follow_op *op_of(struct detached *detached)
{
	return CONTAINER_OF(detached, struct follow_op, detached);
}

static int follow_push(lua_State *L, struct bind_op *op)
{
	if (op->failed)
		return bind_fail(L, &op->err);
	lua_pushboolean(L, 1);
	return 1;
}

static void follow_release(struct bind_op *op)
{
	detached_leave(&((struct follow_op *)op)->detached);
}

static void follow_cancel(struct bind_op *op)
{
	struct error err;
	error_set(&err, "cancelled", "the process is not followed any more");
	follow_release(op);
	bind_done(op, &err);
}

static const struct bind_op_type follow_type = {
	.size = sizeof(struct follow_op), .push = follow_push, .cancel = follow_cancel, .release = follow_release};

/* Call the callback WHICH with bytes. Returns whether it answered "wait". */
static int tell(struct detached *detached, int which, const char *data, size_t len)
{
	struct bind_op *op = &op_of(detached)->op;
	lua_State *L = op->main;
	const char *answer;
	int wait;
	if (op->done || !bind_push_callback(op, which))
		return 0;
	lua_pushlstring(L, data ? data : "", len);
	if (bind_call(op, 1, 1) < 0)
		return 0;
	answer = lua_tostring(L, -1);
	wait = answer && strcmp(answer, "wait") == 0;
	lua_pop(L, 1);
	return wait;
}

/* on_output(bytes) -> "wait" to read no more for a moment */
static int on_output(struct detached *detached, const char *data, size_t len)
{
	return tell(detached, BIND_CALLBACK, data, len);
}

/* on_result(bytes) */
static void on_result(struct detached *detached, const char *data, size_t len)
{
	tell(detached, BIND_ON_LINES, data, len);
}

static void on_ended(struct detached *detached)
{
	bind_done(&op_of(detached)->op, NULL);
}

static const struct detached_events events = {.output = on_output, .result = on_result, .ended = on_ended};

static void set_callback(lua_State *L, int op, int place, int which)
{
	if (!place)
		return;
	lua_pushvalue(L, place);
	lua_setiuservalue(L, op, which);
}

/* process.follow{...} -> true | nil, message, code */
int bind_follow(lua_State *L)
{
	struct start how = {0};
	struct follow_op *follow;
	struct error err;
	pid_t pid;
	bind_options(L, 1, follow_options, &how);
	luaL_argcheck(L, how.process.argv[0], 1, "argv: empty");
	if (!bind_may_wait(L))
		return bind_refuse(L);
	follow = bind_new_op(L, &follow_type);
	follow->detached.events = &events;
	set_callback(L, -2, how.on_output, BIND_CALLBACK);
	set_callback(L, -2, how.on_result, BIND_ON_LINES);
	how.process.named = 1;
	if (detached_follow(bind_loop(L), &follow->detached, &how.process, &pid, &err) < 0)
		return bind_fail(L, &err);
	lua_replace(L, 1);
	if (how.on_start) {
		lua_pushvalue(L, how.on_start);
		lua_pushinteger(L, pid);
		lua_call(L, 1, 0);
	}
	return bind_wait(L);
}
