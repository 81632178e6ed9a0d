#include "bind.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "secret/mask.h"

#define MAX_MASKED ((size_t)1 << 30)
/* Longer than this is as good as for ever, and still fits into nanoseconds. */
#define MAX_SECONDS 1e9

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

/* As Lua itself does when it has no memory. */
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
	failed = mask_text(text, len, &masked);
	/* lua_pushlstring() may raise for want of memory and leak this once; the run ends then. */
	if (!failed)
		lua_pushlstring(L, masked.data ? masked.data : "", masked.len);
	buf_free(&masked);
	if (failed)
		bind_raise_no_memory(L);
}

static int field(lua_State *L, int index, const char *name, int type)
{
	int got = lua_getfield(L, index, name);
	if (got != LUA_TNIL && got != type)
		return luaL_error(L, "bad option '%s' (%s expected, got %s)", name, lua_typename(L, type),
		                  luaL_typename(L, -1));
	return got != LUA_TNIL;
}

const char *bind_field_string(lua_State *L, int index, const char *name, size_t *len)
{
	const char *text = NULL;
	size_t length = 0;
	if (field(L, index, name, LUA_TSTRING))
		text = lua_tolstring(L, -1, &length);
	if (text && !len && strlen(text) != length)
		luaL_error(L, "bad option '%s' (it holds a NUL byte)", name);
	if (len)
		*len = length;
	/* The table keeps the string alive. */
	lua_pop(L, 1);
	return text;
}

int64_t bind_field_seconds(lua_State *L, int index, const char *name, double default_)
{
	double seconds = default_;
	if (field(L, index, name, LUA_TNUMBER))
		seconds = lua_tonumber(L, -1);
	lua_pop(L, 1);
	if (isnan(seconds) || seconds < 0)
		luaL_error(L, "bad option '%s' (seconds must not be negative)", name);
	return (int64_t)(fmin(seconds, MAX_SECONDS) * (double)NS_PER_S);
}

lua_Integer bind_field_integer(lua_State *L, int index, const char *name, lua_Integer default_)
{
	lua_Integer number = default_;
	int whole = 1;
	if (field(L, index, name, LUA_TNUMBER))
		number = lua_tointegerx(L, -1, &whole);
	lua_pop(L, 1);
	if (!whole || number < 0)
		luaL_error(L, "bad option '%s' (a whole number from 0 expected)", name);
	return number;
}

int bind_field_boolean(lua_State *L, int index, const char *name)
{
	int value = field(L, index, name, LUA_TBOOLEAN) && lua_toboolean(L, -1);
	lua_pop(L, 1);
	return value;
}

/* Push an array of the strings of the table on top, which it replaces and keeps alive. */
static const char **string_array(lua_State *L, const char *name, size_t *count)
{
	lua_Integer length = luaL_len(L, -1);
	const char **list = lua_newuserdatauv(L, ((size_t)length + 1) * sizeof(char *), 1);
	for (lua_Integer i = 1; i <= length; i++) {
		size_t len;
		if (lua_geti(L, -2, i) != LUA_TSTRING)
			luaL_error(L, "bad option '%s' (item %I is not a string)", name, (LUAI_UACINT)i);
		list[i - 1] = lua_tolstring(L, -1, &len);
		if (strlen(list[i - 1]) != len)
			luaL_error(L, "bad option '%s' (item %I holds a NUL byte)", name, (LUAI_UACINT)i);
		lua_pop(L, 1);
	}
	list[length] = NULL;
	if (count)
		*count = (size_t)length;
	lua_insert(L, -2);
	lua_setiuservalue(L, -2, 1);
	return list;
}

const char **bind_field_strings(lua_State *L, int index, const char *name, size_t *count)
{
	if (!field(L, index, name, LUA_TTABLE))
		return NULL;
	return string_array(L, name, count);
}

const char **bind_field_pairs(lua_State *L, int index, const char *name, const char *separator)
{
	lua_Integer count = 0;
	if (!field(L, index, name, LUA_TTABLE))
		return NULL;
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, -3)) {
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "bad option '%s' (names and values must be strings)", name);
		lua_pushvalue(L, -2);
		lua_pushstring(L, separator);
		lua_pushvalue(L, -3);
		lua_concat(L, 3);
		lua_seti(L, -4, ++count);
		lua_pop(L, 1);
	}
	lua_remove(L, -2);
	return string_array(L, name, NULL);
}
