/* molbuild.core.url */
#include "bind.h"

#include <stdlib.h>
#include <string.h>

#include "bind_options.h"
#include "net/url.h"

static void set_part(lua_State *L, const char *name, const char *value)
{
	if (!value)
		return;
	lua_pushstring(L, value);
	lua_setfield(L, -2, name);
}

/* url.parse(s) -> { scheme, user, password, host, port, path, query, fragment } | nil, message, code */
static int parse(lua_State *L)
{
	struct url url;
	struct error err;
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	if (strlen(text) != len) {
		error_set(&err, "invalid", "a URL must not hold a NUL byte");
		return bind_fail(L, &err);
	}
	if (url_parse(text, &url, &err) < 0)
		return bind_fail(L, &err);
	lua_createtable(L, 0, 8);
	set_part(L, "scheme", url.scheme);
	set_part(L, "user", url.user);
	set_part(L, "password", url.password);
	set_part(L, "host", url.host);
	set_part(L, "path", url.path);
	set_part(L, "query", url.query);
	set_part(L, "fragment", url.fragment);
	if (url.port) {
		lua_pushinteger(L, url.port);
		lua_setfield(L, -2, "port");
	}
	url_free(&url);
	return 1;
}

#define AT(field) BIND_AT(struct url, field)

static const struct bind_option parts[] = {{"scheme", BIND_TEXT, AT(scheme)},
                                           {"user", BIND_TEXT, AT(user)},
                                           {"password", BIND_TEXT, AT(password)},
                                           {"host", BIND_TEXT, AT(host)},
                                           {"port", BIND_COUNT, AT(port), .least = 1},
                                           {"path", BIND_TEXT, AT(path)},
                                           {"query", BIND_TEXT, AT(query)},
                                           {"fragment", BIND_TEXT, AT(fragment)},
                                           {0}};

/* url.build(parts) -> s | nil, message, code */
static int build(lua_State *L)
{
	struct url url = {0};
	struct error err;
	char *text;
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_options(L, 1, parts, &url);
	if (url_build(&url, &text, &err) < 0)
		return bind_fail(L, &err);
	lua_pushstring(L, text);
	free(text);
	return 1;
}

static const luaL_Reg functions[] = {{"parse", parse}, {"build", build}, {NULL, NULL}};

int bind_open_url(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
