/* The program: a Lua state with molbuild.core, the library and the command line. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd_now.h"
#include "base/start.h"
#include "bind/bind.h"
#include "embedded.h"

#ifndef MOLBUILD_VERSION
#error "MOLBUILD_VERSION is set by the Makefile, from the file VERSION"
#endif
/* The same value as in molbuild.errors. */
#define EXIT_BUG 70

#ifndef MOLBUILD_PREFIX
#define MOLBUILD_PREFIX "/usr/local"
#endif

static int by_name(const void *name, const void *module)
{
	return strcmp(name, ((const struct embedded_module *)module)->name);
}

/* A package.searchers entry: the library's modules, compiled into the program. */
static int find_embedded(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const struct embedded_module *module = bsearch(name, embedded_modules, embedded_module_count, sizeof *module, by_name);
	if (!module) {
		lua_pushfstring(L, "no module '%s' is compiled in", name);
		return 1;
	}
	if (luaL_loadbuffer(L, (const char *)module->data, module->size, name) != LUA_OK)
		return lua_error(L);
	lua_pushstring(L, "(compiled in)");
	return 2;
}

/* compiled(text) -> bytecode of the built-in policy with exactly this text | nil */
static int find_compiled(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	for (size_t i = 0; i < embedded_policy_count; i++) {
		const struct embedded_policy *policy = &embedded_policies[i];
		if (policy->text_size != len || memcmp(policy->text, text, len) != 0)
			continue;
		lua_pushlstring(L, (const char *)policy->data, policy->size);
		return 1;
	}
	return 0;
}

/* policy(name) -> text of the built-in policy | nil; policy() -> all names */
static int find_policy(lua_State *L)
{
	const char *name = luaL_optstring(L, 1, NULL);
	if (!name)
		lua_createtable(L, (int)embedded_policy_count, 0);
	for (size_t i = 0; i < embedded_policy_count; i++) {
		const struct embedded_policy *policy = &embedded_policies[i];
		if (!name) {
			lua_pushstring(L, policy->name);
			lua_seti(L, -2, (lua_Integer)i + 1);
		} else if (strcmp(policy->name, name) == 0) {
			lua_pushlstring(L, (const char *)policy->text, policy->text_size);
			return 1;
		}
	}
	return !name;
}

#ifdef MOLBUILD_VENDOR
/* The module cjson, which is linked in. */
int luaopen_cjson(lua_State *L);
#endif

#ifdef MOLBUILD_ALONE
/* A package.searchers entry: says why there is no module in C. A static program cannot load any. */
static int find_in_c(lua_State *L)
{
	lua_pushliteral(L, "no module written in C can be loaded: this molbuild is one static file");
	return 1;
}

/* Replace the search for modules in C by that reason. The table "package" is on top of the stack. */
static void refuse_modules_in_c(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "cpath");
	lua_getfield(L, -1, "searchers");
	lua_pushcfunction(L, find_in_c);
	lua_seti(L, -2, 3);
	lua_pushnil(L);
	lua_seti(L, -2, 4);
	lua_pop(L, 1);
}
#endif

/* Remove entries that are not absolute from a search path of the table "package", on top of the stack: Lua would also search the
 * current directory, which may belong to another user. */
static void drop_relative(lua_State *L, const char *name)
{
	luaL_Buffer kept;
	const char *at;
	size_t len;
	lua_getfield(L, -1, name);
	at = lua_tostring(L, -1);
	luaL_buffinit(L, &kept);
	for (; at && *at; at += at[len] ? len + 1 : len) {
		len = strcspn(at, ";");
		if (*at != '/')
			continue;
		luaL_addlstring(&kept, at, len);
		luaL_addchar(&kept, ';');
	}
	luaL_pushresult(&kept);
	lua_setfield(L, -3, name);
	lua_pop(L, 1);
}

/* Compiled modules come first, so that no file elsewhere can replace them. With MOLBUILD_LUA_PATH
 * the files of that directory come first, for development. */
static void install_searcher(lua_State *L)
{
	const char *path = getenv("MOLBUILD_LUA_PATH");
	lua_getglobal(L, "package");
	drop_relative(L, "path");
	drop_relative(L, "cpath");
#ifdef MOLBUILD_ALONE
	refuse_modules_in_c(L);
#endif
	if (path && *path) {
		lua_getfield(L, -1, "path");
		lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", path, path, lua_tostring(L, -1));
		lua_setfield(L, -3, "path");
		lua_pop(L, 1);
	}
	lua_getfield(L, -1, "searchers");
	lua_Integer place = path && *path ? luaL_len(L, -1) + 1 : 2;
	for (lua_Integer i = luaL_len(L, -1); i >= place; i--) {
		lua_geti(L, -1, i);
		lua_seti(L, -2, i + 1);
	}
	lua_pushcfunction(L, find_embedded);
	lua_seti(L, -2, place);
	lua_pop(L, 2);
}

/* Lua's error when memory runs out: a failure of the machine, not a bug. */
#define NO_MEMORY "not enough memory"

/* stderr may have no reader: the end of the program must not wait for one. */
static void say(const char *what)
{
	char line[4096];
	int len = snprintf(line, sizeof line, "molbuild: %s\n", what);
	size_t left = len < (int)sizeof line ? (size_t)len : sizeof line - 1;
	ssize_t put = fd_write_now(STDERR_FILENO, line, left);
	(void)put;
}

/* Whether MOLBUILD_LUA_PATH, if it is set, names a directory by an absolute path; if not, the reason is printed. Without this
 * check the compiled modules would run silently, instead of the requested ones. */
static bool check_lua_path(void)
{
	const char *path = getenv("MOLBUILD_LUA_PATH");
	struct stat stat_of;
	char message[4000];
	if (!path || !*path || (*path == '/' && stat(path, &stat_of) == 0 && S_ISDIR(stat_of.st_mode)))
		return true;
	snprintf(message, sizeof message,
	         "MOLBUILD_LUA_PATH: \"%.3000s\" is not %s\n"
	         "hint: name the directory of the library's modules by its whole path, or unset the variable",
	         path, *path == '/' ? "a directory" : "an absolute path");
	say(message);
	return false;
}

static int with_traceback(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING && strcmp(lua_tostring(L, 1), NO_MEMORY) == 0)
		return 1;
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

/* main(argc, argv) -> exit status */
static int run(lua_State *L)
{
	int argc = (int)lua_tointeger(L, 1);
	char **argv = lua_touserdata(L, 2);
	/* The collector begins when 4 MiB have been allocated: a hit ends before that. */
	lua_gc(L, LUA_GCSTEP, -4096);
	luaL_openlibs(L);
	install_searcher(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	lua_pushcfunction(L, luaopen_molbuild_core);
	lua_setfield(L, -2, "molbuild.core");
#ifdef MOLBUILD_VENDOR
	lua_pushcfunction(L, luaopen_cjson);
	lua_setfield(L, -2, "cjson");
#endif
	lua_getglobal(L, "require");
	lua_pushstring(L, "molbuild");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "main");
	lua_createtable(L, argc, 0);
	for (int i = 1; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_seti(L, -2, i);
	}
	lua_createtable(L, 0, 4);
	lua_pushstring(L, MOLBUILD_VERSION);
	lua_setfield(L, -2, "version");
	lua_pushstring(L, MOLBUILD_PREFIX);
	lua_setfield(L, -2, "prefix");
	lua_pushcfunction(L, find_compiled);
	lua_setfield(L, -2, "compiled");
	lua_pushcfunction(L, find_policy);
	lua_setfield(L, -2, "policy");
	lua_call(L, 2, 1);
	return 1;
}

/* A descriptor 0, 1 or 2 that the caller closed would be reused by the next opened file, and written to by mistake.
 * A closed stdout stays unwritable: a result that cannot be written is a failure. */
static int open_stdio(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) < 0)
			return -1;
	return 0;
}

/* Report an error that the library could not report. Returns the exit status. */
static int tell_failure(const char *message)
{
	if (message && strcmp(message, NO_MEMORY) != 0) {
		say(message);
		return EXIT_BUG;
	}
	say("out of memory");
	return EXIT_FAILURE;
}

/* A sanitizer must see each block. */
static lua_State *new_state(void)
{
#ifdef MOLBUILD_CLOSE_STATE
	return luaL_newstate();
#else
	static struct arena arena;
	return lua_newstate(arena_resize, &arena);
#endif
}

int main(int argc, char **argv)
{
	lua_State *L;
	int status = EXIT_FAILURE;
	start_clean();
	if (!check_lua_path())
		return 2;
	if (open_stdio() < 0) {
		char message[160];
		snprintf(message, sizeof message,
		         "cannot start: stdin, stdout or stderr is closed, and /dev/null cannot be opened: %s",
		         strerror(errno));
		say(message);
		return status;
	}
	L = new_state();
	if (!L) {
		say("cannot start: out of memory");
		return status;
	}
	lua_pushcfunction(L, with_traceback);
	lua_pushcfunction(L, run);
	lua_pushinteger(L, argc);
	lua_pushlightuserdata(L, argv);
	if (lua_pcall(L, 2, 1, 1) == LUA_OK)
		status = (int)lua_tointeger(L, -1);
	else if (bind_result_is_out())
		status = EXIT_SUCCESS;
	else
		status = tell_failure(lua_tostring(L, -1));
#ifdef MOLBUILD_CLOSE_STATE
	lua_close(L);
	return status;
#else
	/* Every task has ended, and its resources are closed. The rest is memory, which the kernel frees faster
	 * (docs/performance.md). */
	fflush(NULL);
	_exit(status);
#endif
}
