/* Any bytes as a forge's answer about a branch, through the library as a policy uses it: branch.lua beside this file
 * reports the possible results. Lua's memory is bounded: it stays in proportion to the answer.
 *
 * The library is loaded from the checkout, so run it there. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/bind.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ANSWER_MAX ((size_t)65536)
/* The library itself takes less than one; a byte of "[[[..." makes a table. */
#define MEMORY_MAX ((size_t)24 << 20)

/* The parser is a module that is not instrumented: what branch.lua saw of it guides the fuzzer instead. */
#define SEEN_MAX 1026
#ifdef __linux__
__attribute__((section("__libfuzzer_extra_counters")))
#endif
static uint8_t seen[SEEN_MAX];

static lua_State *state;
static size_t used;

static void *allocate(void *ud, void *block, size_t old_size, size_t new_size)
{
	void *result;
	(void)ud;
	used += new_size - (block ? old_size : 0);
	if (used > MEMORY_MAX) {
		fprintf(stderr, "Lua takes more than %zu bytes\n", MEMORY_MAX);
		abort();
	}
	if (new_size == 0) {
		free(block);
		return NULL;
	}
	result = realloc(block, new_size);
	if (!result)
		abort();
	return result;
}

static void require(int status)
{
	if (status == LUA_OK)
		return;
	fprintf(stderr, "%s\n", luaL_tolstring(state, -1, NULL));
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	state = lua_newstate(allocate, NULL);
	if (!state)
		abort();
	luaL_openlibs(state);
	luaL_getsubtable(state, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	lua_pushcfunction(state, luaopen_molbuild_core);
	lua_setfield(state, -2, "molbuild.core");
	lua_pop(state, 1);
	require(luaL_dostring(state, "package.path = './lua/?.lua;./lua/?/init.lua;' .. package.path"));
	require(luaL_loadfile(state, "core/fuzz/branch.lua"));
	require(lua_pcall(state, 0, 1, 0));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > ANSWER_MAX)
		return 0;
	lua_pushvalue(state, -1);
	lua_pushlstring(state, (const char *)data, size);
	require(lua_pcall(state, 1, 1, 0));
	seen[lua_tointeger(state, -1) % SEEN_MAX]++;
	lua_pop(state, 1);
	lua_gc(state, LUA_GCCOLLECT);
	return 0;
}
