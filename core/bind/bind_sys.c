/* molbuild.core.sys */
#include "bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/exit_guard.h"
#include "base/service.h"
#include "base/sys.h"
#include "secret/mask.h"

#define MAX_WRITTEN ((size_t)1 << 30)

static int monotonic(lua_State *L)
{
	lua_pushnumber(L, (double)clock_monotonic_ns() / (double)NS_PER_S);
	return 1;
}

static int steady(lua_State *L)
{
	lua_pushnumber(L, (double)clock_steady_ns() / (double)NS_PER_S);
	return 1;
}

static int now(lua_State *L)
{
	lua_pushnumber(L, clock_now());
	return 1;
}

static int pid(lua_State *L)
{
	lua_pushinteger(L, getpid());
	return 1;
}

static int uid(lua_State *L)
{
	lua_pushinteger(L, getuid());
	return 1;
}

static int hostname(lua_State *L)
{
	char name[256];
	sys_hostname(name, sizeof name);
	lua_pushstring(L, name);
	return 1;
}

static int cpus(lua_State *L)
{
	lua_pushinteger(L, sys_cpus());
	return 1;
}

/* sys.isatty(fd) -> boolean */
static int is_a_tty(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* sys.terminal_size(fd) -> columns, rows | nil */
static int terminal_size(lua_State *L)
{
	int columns, rows;
	if (sys_terminal_size((int)luaL_checkinteger(L, 1), &columns, &rows) < 0)
		return 0;
	lua_pushinteger(L, columns);
	lua_pushinteger(L, rows);
	return 2;
}

/* sys.in_foreground(fd) -> boolean */
static int in_foreground(lua_State *L)
{
	lua_pushboolean(L, sys_in_foreground((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* sys.signal_name(signo) -> "SIGKILL (9)" */
static int signal_name(lua_State *L)
{
	char name[SYS_SIGNAL_NAME_MAX];
	sys_signal_name((int)luaL_checkinteger(L, 1), name);
	lua_pushstring(L, name);
	return 1;
}

/* sys.getenv(name) -> value | nil */
static int get_env(lua_State *L)
{
	lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
	return 1;
}

/* sys.take_env(name) -> value | nil | nil, message, code */
static int take_env(lua_State *L)
{
	struct error err;
	char *value;
	if (sys_take_env(luaL_checkstring(L, 1), &value, &err) < 0)
		return bind_fail(L, &err);
	lua_pushstring(L, value);
	free(value);
	return 1;
}

/* sys.executable() -> absolute path | nil, message, code */
static int executable(lua_State *L)
{
	struct error err;
	char *path;
	if (sys_executable_path(&path, &err) < 0)
		return bind_fail(L, &err);
	lua_pushstring(L, path);
	free(path);
	return 1;
}

/* sys.protect_memory() -> true | nil, message, code */
static int protect_memory(lua_State *L)
{
	struct error err;
	return bind_status(L, sys_protect_memory(&err), &err);
}

/* sys.notify(address, text) -> true | nil, message, code */
static int notify(lua_State *L)
{
	size_t len;
	const char *address = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &len);
	struct error err;
	return bind_status(L, service_notify(address, text, len, &err), &err);
}

/* sys.lower_priority() -> true | nil, message, code */
static int lower_priority(lua_State *L)
{
	struct error err;
	int result = service_lower_priority();
	if (result < 0)
		error_errno(&err, errno, "cannot lower the priority of this process");
	return bind_status(L, result, &err);
}

/* sys.guard_exit(on): while on, an exit() of a library is an ordinary failure */
static int guard_exit(lua_State *L)
{
	if (lua_toboolean(L, 1))
		exit_guard_begin();
	else
		exit_guard_end();
	return 0;
}

/* sys.write(fd, text) -> true | nil, message, code: masked, whole */
static int write_(lua_State *L)
{
	size_t len;
	int fd = (int)luaL_checkinteger(L, 1), result;
	const char *text = luaL_checklstring(L, 2, &len);
	struct error err;
	struct buf masked;
	buf_init(&masked, MAX_WRITTEN);
	if (mask_view(&text, &len, &masked) < 0)
		result = error_set(&err, "ENOMEM", "cannot mask a text: out of memory");
	else
		result = sys_write_all(fd, text, len, &err);
	buf_free(&masked);
	return bind_status(L, result, &err);
}

static const luaL_Reg functions[] = {{"monotonic", monotonic},
                                     {"steady", steady},
                                     {"now", now},
                                     {"pid", pid},
                                     {"uid", uid},
                                     {"hostname", hostname},
                                     {"cpus", cpus},
                                     {"isatty", is_a_tty},
                                     {"terminal_size", terminal_size},
                                     {"in_foreground", in_foreground},
                                     {"signal_name", signal_name},
                                     {"getenv", get_env},
                                     {"take_env", take_env},
                                     {"executable", executable},
                                     {"protect_memory", protect_memory},
                                     {"notify", notify},
                                     {"lower_priority", lower_priority},
                                     {"guard_exit", guard_exit},
                                     {"write", write_},
                                     {NULL, NULL}};

int bind_open_sys(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
