#include "bind.h"

#include <string.h>

#include "base/buf.h"
#include "secret/mask.h"

#define MAX_MASKED ((size_t)1 << 30)

int bind_fail(lua_State *L, const struct error *err)
{
	lua_pushnil(L);
	bind_push_masked(L, err->message, strlen(err->message));
	lua_pushstring(L, err->code);
	return 3;
}

static int failure_to_string(lua_State *L)
{
	lua_getfield(L, 1, "message");
	return 1;
}

int bind_raise(lua_State *L, const struct error *err)
{
	lua_createtable(L, 0, 2);
	bind_push_masked(L, err->message, strlen(err->message));
	lua_setfield(L, -2, "message");
	lua_pushstring(L, err->code);
	lua_setfield(L, -2, "code");
	if (luaL_newmetatable(L, "molbuild.failure")) {
		lua_pushcfunction(L, failure_to_string);
		lua_setfield(L, -2, "__tostring");
	}
	lua_setmetatable(L, -2);
	return lua_error(L);
}

/* The same error as Lua's own. */
int bind_raise_no_memory(lua_State *L)
{
	lua_pushliteral(L, "not enough memory");
	return lua_error(L);
}

int bind_status(lua_State *L, int result, const struct error *err)
{
	if (result < 0)
		return bind_fail(L, err);
	lua_pushboolean(L, 1);
	return 1;
}

void bind_push_masked(lua_State *L, const char *text, size_t len)
{
	struct buf masked;
	int failed;
	buf_init(&masked, MAX_MASKED);
	failed = mask_view(&text, &len, &masked);
	/* lua_pushlstring() may raise when memory runs out and leak this once; the run then ends. */
	if (!failed)
		lua_pushlstring(L, text, len);
	buf_free(&masked);
	if (failed)
		bind_raise_no_memory(L);
}
