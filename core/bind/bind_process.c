/* molbuild.core.process */
#include "bind.h"

#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "bind_lock.h"
#include "child/process.h"

struct process_op {
	struct bind_op op;
	struct process *process;
	const struct process_result *result;
	int captures;
};

static void set_string(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer number)
{
	lua_pushinteger(L, number);
	lua_setfield(L, -2, name);
}

static void push_result(lua_State *L, const struct process_op *process)
{
	const struct process_result *result = process->result;
	lua_createtable(L, 0, 10);
	if (result->signo)
		set_integer(L, "signal", result->signo);
	else
		set_integer(L, "code", result->code);
	lua_pushnumber(L, result->seconds);
	lua_setfield(L, -2, "seconds");
	lua_pushlstring(L, result->tail, result->tail_len);
	lua_setfield(L, -2, "tail");
	set_string(L, "last_line", result->last_line);
	set_integer(L, "strays", (lua_Integer)result->strays);
	set_integer(L, "strays_left", (lua_Integer)result->strays_left);
	if (result->log_error)
		set_string(L, "log_error", result->log_error);
	if (process->captures) {
		lua_pushlstring(L, result->captured, result->captured_len);
		lua_setfield(L, -2, "stdout");
	}
}

static int process_push(lua_State *L, struct bind_op *op)
{
	if (!op->failed) {
		push_result(L, (struct process_op *)op);
		return 1;
	}
	bind_fail(L, &op->err);
	push_result(L, (struct process_op *)op);
	return 4;
}

static void process_release(struct bind_op *op)
{
	struct process_op *process = (struct process_op *)op;
	struct process *running = process->process;
	process->process = NULL;
	process_free(running);
}

static void process_cancel_(struct bind_op *op)
{
	process_cancel(((struct process_op *)op)->process);
}

static void process_kill_(struct bind_op *op)
{
	process_kill(((struct process_op *)op)->process);
}

static const struct bind_op_type process_type = {.size = sizeof(struct process_op),
                                                 .push = process_push,
                                                 .cancel = process_cancel_,
                                                 .kill = process_kill_,
                                                 .release = process_release};

static void on_done(void *ud, const struct error *err, const struct process_result *result)
{
	struct process_op *process = ud;
	process->result = result;
	bind_done(&process->op, err);
}

/* Call the callback WHICH with TEXT. Returns LINES_... */
static int tell(struct process_op *process, int which, const char *text, size_t len)
{
	lua_State *L = process->op.main;
	const char *answer;
	int result = LINES_GO_ON;
	if (!bind_push_callback(&process->op, which))
		return LINES_GO_ON;
	lua_pushlstring(L, text, len);
	if (bind_call(&process->op, 1, 1) < 0)
		return LINES_STOP;
	answer = lua_tostring(L, -1);
	if (answer && strcmp(answer, "quiet") == 0)
		result = LINES_QUIET;
	else if (answer && strcmp(answer, "stop") == 0)
		result = LINES_STOP;
	else if (answer && strcmp(answer, "wait") == 0)
		result = LINES_WAIT;
	lua_pop(L, 1);
	return result;
}

/* on_line(line) -> "quiet" when silence is to be expected, "stop" to end the process */
static int on_line(void *ud, const char *line, size_t len)
{
	return tell(ud, BIND_CALLBACK, line, len);
}

/* on_lines(text) -> "stop" to end the process, "wait" to read no more for a moment */
static int on_lines(void *ud, const char *text, size_t len)
{
	return tell(ud, BIND_ON_LINES, text, len);
}

/* Whether the option NAME is there: it must be a function. */
static int has_function(lua_State *L, const char *name)
{
	int type = lua_getfield(L, 1, name);
	if (type != LUA_TNIL && type != LUA_TFUNCTION)
		luaL_argerror(L, 1, lua_pushfstring(L, "the option '%s' must be a function", name));
	lua_pop(L, 1);
	return type == LUA_TFUNCTION;
}

/* The descriptors of the locks in the list "keep", as an array that is pushed. */
static const int *lock_fds(lua_State *L, size_t *count)
{
	lua_Integer length;
	int *fds;
	if (lua_getfield(L, 1, "keep") == LUA_TNIL)
		return NULL;
	luaL_argcheck(L, lua_istable(L, -1), 1, "the option 'keep' must be a list of locks");
	length = luaL_len(L, -1);
	fds = lua_newuserdatauv(L, ((size_t)length + 1) * sizeof *fds, 0);
	for (lua_Integer i = 1; i <= length; i++) {
		lua_geti(L, -2, i);
		fds[i - 1] = bind_lock_fd(L, -1);
		lua_pop(L, 1);
	}
	*count = (size_t)length;
	return fds;
}

static void take_options(lua_State *L, struct process_options *options)
{
	options->argv = bind_field_strings(L, 1, "argv", NULL);
	luaL_argcheck(L, options->argv && options->argv[0], 1, "the option 'argv' is missing or empty");
	options->cwd = bind_field_string(L, 1, "cwd", NULL);
	options->env = bind_field_pairs(L, 1, "env", "=");
	options->unset = bind_field_strings(L, 1, "unset", NULL);
	options->input = bind_field_string(L, 1, "input", &options->input_len);
	options->bounds.timeout_ns = bind_field_seconds(L, 1, "timeout", 0);
	options->bounds.stall_ns = bind_field_seconds(L, 1, "stall", 0);
	options->bounds.quiet_phase_ns = bind_field_seconds(L, 1, "quiet_phase", 0);
	options->bounds.grace_ns = bind_field_seconds(L, 1, "grace", 10);
	options->bounds.first_signal = (int)bind_field_integer(L, 1, "signal", 0);
	options->log_file = bind_field_string(L, 1, "log_file", NULL);
	options->log_max = (uint64_t)bind_field_integer(L, 1, "log_max", 0);
	options->tail = (size_t)bind_field_integer(L, 1, "tail", 65536);
	options->max_memory = (size_t)bind_field_integer(L, 1, "max_memory", 0);
	options->umask = (mode_t)bind_field_integer(L, 1, "umask", 0);
	options->capture = (size_t)bind_field_integer(L, 1, "capture", 0);
	options->keep = lock_fds(L, &options->keep_count);
	options->lines.only = bind_field_strings(L, 1, "only", NULL);
	options->lines.after_newline = bind_field_boolean(L, 1, "after_newline");
	options->lines.on_line = has_function(L, "on_line") ? on_line : NULL;
	options->lines.on_lines = has_function(L, "on_lines") ? on_lines : NULL;
}

/* Push the path of the program that argv names. Returns 0, or -1 with err set. */
static int push_program(lua_State *L, const char *name, struct error *err)
{
	char *path;
	if (sys_find_program(name, getenv("PATH"), &path, err) < 0)
		return -1;
	lua_pushstring(L, path);
	free(path);
	return 0;
}

/* process.run{...}: see lua/types/core.lua */
static int process_run(lua_State *L)
{
	struct process_options options = {0};
	struct process_op *process;
	struct error err;
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_checkstack(L, 24, NULL);
	bind_check_task(L);
	take_options(L, &options);
	if (push_program(L, options.argv[0], &err) < 0)
		return bind_fail(L, &err);
	options.program = lua_tostring(L, -1);
	process = bind_new_op(L, &process_type);
	process->captures = options.capture > 0;
	lua_getfield(L, 1, "on_line");
	lua_setiuservalue(L, -2, BIND_CALLBACK);
	lua_getfield(L, 1, "on_lines");
	lua_setiuservalue(L, -2, BIND_ON_LINES);
	options.lines.ud = process;
	process->process = process_start(bind_loop(L), &options, on_done, process, &err);
	if (!process->process)
		return bind_fail(L, &err);
	lua_replace(L, 1);
	return bind_wait(L);
}

/* process.find(name) -> path | nil, message, code */
static int process_find(lua_State *L)
{
	struct error err;
	if (push_program(L, luaL_checkstring(L, 1), &err) < 0)
		return bind_fail(L, &err);
	return 1;
}

static const luaL_Reg functions[] = {{"run", process_run}, {"find", process_find}, {NULL, NULL}};

int bind_open_process(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
