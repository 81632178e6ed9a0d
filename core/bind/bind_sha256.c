/* molbuild.core.sha256 */
#include "bind.h"

#include "file/sha256.h"

static int push_digest(lua_State *L, int result, const char *hex, const struct error *err)
{
	if (result < 0)
		return bind_fail(L, err);
	lua_pushstring(L, hex);
	return 1;
}

/* sha256.hex(data) -> 64 hex digits */
static int hex_of_data(lua_State *L)
{
	char hex[SHA256_HEX_SIZE];
	struct error err;
	size_t len;
	const char *data = luaL_checklstring(L, 1, &len);
	return push_digest(L, sha256_hex(data, len, hex, &err), hex, &err);
}

/* sha256.file(path) -> 64 hex digits | nil, message, code */
static int hex_of_file(lua_State *L)
{
	char hex[SHA256_HEX_SIZE];
	struct error err;
	return push_digest(L, sha256_file(luaL_checkstring(L, 1), hex, &err), hex, &err);
}

static const luaL_Reg functions[] = {{"hex", hex_of_data}, {"file", hex_of_file}, {NULL, NULL}};

int bind_open_sha256(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
