/* molbuild.core.width */
#include "bind.h"

#include "text/width.h"

/* width.columns(s) -> its columns on a terminal */
static int columns(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_pushinteger(L, (lua_Integer)width_columns(text, len));
	return 1;
}

/* width.cut(s, columns) -> the beginning that fits, whole characters only */
static int cut(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer room = luaL_checkinteger(L, 2);
	lua_pushlstring(L, text, width_cut(text, len, room < 0 ? 0 : (size_t)room));
	return 1;
}

static const luaL_Reg functions[] = {{"columns", columns}, {"cut", cut}, {NULL, NULL}};

int bind_open_width(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
