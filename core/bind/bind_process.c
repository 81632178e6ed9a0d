/* molbuild.core.process */
#include "bind.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bind_detached.h"
#include "bind_lock.h"
#include "bind_options.h"
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

/* on_line(line) -> "quiet" when silence is expected, "stop" to end the process */
static int on_line(void *ud, const char *line, size_t len)
{
	return tell(ud, BIND_CALLBACK, line, len);
}

/* on_lines(text) -> "stop" to end the process, "wait" to read no more for a moment */
static int on_lines(void *ud, const char *text, size_t len)
{
	return tell(ud, BIND_ON_LINES, text, len);
}

struct run {
	struct process_options process;
	int keep, on_line, on_lines;
};

#define AT(field)     BIND_AT(struct run, field)
#define DEFAULT_GRACE 10
#define DEFAULT_LOG   (64 << 20)

/* See lua/types and docs/primitives.md. */
static const struct bind_option run_options[] = {
	{"argv", BIND_TEXTS, AT(process.argv), .required = 1},
	{"cwd", BIND_TEXT, AT(process.cwd)},
	{"env", BIND_PAIRS, AT(process.env), .joint = "="},
	{"unset", BIND_TEXTS, AT(process.unset)},
	{"input", BIND_DATA, AT(process.input), .len = offsetof(struct run, process.input_len)},
	{"timeout", BIND_SECONDS, AT(process.bounds.timeout_ns), .absent = HUGE_VAL},
	{"stall", BIND_SECONDS, AT(process.bounds.stall_ns), .absent = HUGE_VAL, .least = BIND_POSITIVE},
	{"quiet_phase", BIND_SECONDS, AT(process.bounds.quiet_phase_ns), .absent = HUGE_VAL, .least = BIND_POSITIVE},
	{"grace", BIND_SECONDS, AT(process.bounds.grace_ns), .absent = DEFAULT_GRACE},
	{"signal", BIND_COUNT, AT(process.bounds.first_signal), .absent = SIGTERM, .least = 1},
	{"log_file", BIND_TEXT, AT(process.log_file)},
	{"log_max", BIND_BYTES, AT(process.log_max), .absent = DEFAULT_LOG, .least = 1},
	{"log_append", BIND_FLAG, AT(process.log_append)},
	{"tail", BIND_BYTES, AT(process.tail), .absent = 65536},
	{"capture", BIND_BYTES, AT(process.capture), .absent = -1},
	{"max_memory", BIND_BYTES, AT(process.max_memory), .absent = HUGE_VAL, .least = 1},
	{"umask", BIND_COUNT, AT(process.umask), .absent = -1},
	{"keep", BIND_VALUE, AT(keep)},
	{"on_line", BIND_FUNCTION, AT(on_line)},
	{"on_lines", BIND_FUNCTION, AT(on_lines)},
	{"only", BIND_TEXTS, AT(process.lines.only)},
	{"after_newline", BIND_FLAG, AT(process.lines.after_newline)},
	{0}};

/* Store the function at index PLACE, if there is one, as the callback WHICH of the operation on top. */
static void keep_callback(lua_State *L, int place, int which)
{
	if (!place)
		return;
	lua_pushvalue(L, place);
	lua_setiuservalue(L, -2, which);
}

/* process.run{...} */
static int process_run(lua_State *L)
{
	struct run run = {0};
	struct process_op *process;
	struct error err;
	bind_options(L, 1, run_options, &run);
	luaL_argcheck(L, run.process.argv[0], 1, "argv: empty");
	if (run.keep)
		run.process.keep = bind_kept_fds(L, run.keep, &run.process.keep_count);
	if (!bind_may_wait(L))
		return bind_refuse(L);
	process = bind_new_op(L, &process_type);
	process->captures = run.process.capture >= 0;
	keep_callback(L, run.on_line, BIND_CALLBACK);
	keep_callback(L, run.on_lines, BIND_ON_LINES);
	run.process.lines.on_line = run.on_line ? on_line : NULL;
	run.process.lines.on_lines = run.on_lines ? on_lines : NULL;
	run.process.lines.ud = process;
	process->process = process_start(bind_loop(L), &run.process, on_done, process, &err);
	if (!process->process)
		return bind_fail(L, &err);
	lua_replace(L, 1);
	return bind_wait(L);
}

/* process.find(name) -> path | nil, message, code */
static int find(lua_State *L)
{
	struct error err;
	char *path;
	if (process_find(luaL_checkstring(L, 1), &path, &err) < 0)
		return bind_fail(L, &err);
	lua_pushstring(L, path);
	free(path);
	return 1;
}

static const luaL_Reg functions[] = {
	{"run", process_run}, {"find", find}, {"detach", bind_detach}, {"follow", bind_follow}, {NULL, NULL}};

int bind_open_process(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
