/* A Lua interpreter, as far as the specs need one: lua_host SCRIPT [ARGUMENT...]
 *
 * molbuild/core.so built with a sanitizer can only be loaded into a program that carries the sanitizer's runtime.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

static int with_traceback(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

static int run(lua_State *L, int argc, char **argv)
{
	lua_createtable(L, argc - 1, 1);
	for (int i = 1; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_seti(L, -2, i - 1);
	}
	lua_setglobal(L, "arg");
	lua_pushcfunction(L, with_traceback);
	if (luaL_loadfile(L, argv[1]) == LUA_OK && lua_pcall(L, 0, 0, -2) == LUA_OK)
		return 0;
	fprintf(stderr, "lua_host: %s\n", lua_tostring(L, -1));
	return 1;
}

int main(int argc, char **argv)
{
	lua_State *L;
	int status;
	if (argc < 2 || !(L = luaL_newstate()))
		return 2;
	luaL_openlibs(L);
	status = run(L, argc, argv);
	lua_close(L);
	return status;
}
