/* The Lua module molbuild.core: one table per topic. */
#include "bind.h"

int luaopen_molbuild_core(lua_State *L)
{
	static const luaL_Reg topics[] = {
		{"fs", bind_open_fs},         {"http", bind_open_http},     {"lock", bind_open_lock},
		{"loop", bind_open_loop},     {"mask", bind_open_mask},     {"process", bind_open_process},
		{"sha256", bind_open_sha256}, {"sys", bind_open_sys},       {"url", bind_open_url},
		{"width", bind_open_width},   {"writer", bind_open_writer}, {NULL, NULL}};
	lua_newtable(L);
	for (const luaL_Reg *topic = topics; topic->name; topic++) {
		topic->func(L);
		lua_setfield(L, -2, topic->name);
	}
	/* sleep waits for a timer, so it is part of the loop's bindings. */
	lua_getfield(L, -1, "loop");
	lua_getfield(L, -1, "sleep");
	lua_getfield(L, -3, "sys");
	lua_insert(L, -2);
	lua_setfield(L, -2, "sleep");
	lua_pop(L, 2);
	return 1;
}
