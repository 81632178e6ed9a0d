/* molbuild.core.mask */
#include "bind.h"

#include <string.h>

#include "base/buf.h"
#include "net/url.h"
#include "secret/mask.h"

/* mask.secret(s) -> true | nil, message, code */
static int mask_secret(lua_State *L)
{
	struct error err;
	size_t len;
	const char *secret = luaL_checklstring(L, 1, &len);
	return bind_status(L, mask_add(secret, len, &err), &err);
}

/* mask.user(name): base64 of "name:secret" is a form of every secret, of those registered before and later */
static int mask_user(lua_State *L)
{
	struct error err;
	return bind_status(L, mask_add_user(luaL_checkstring(L, 1), &err), &err);
}

/* mask.text(s) -> s with every secret and the userinfo of every URL masked */
static int mask_text_(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	bind_push_masked(L, text, len);
	return 1;
}

/* mask.url(s) -> s with its userinfo masked, even if it is not a URL */
static int mask_url_(lua_State *L)
{
	struct buf masked;
	size_t len;
	const char *url = luaL_checklstring(L, 1, &len);
	int failed;
	luaL_argcheck(L, strlen(url) == len, 1, "a URL must not hold a NUL byte");
	buf_init(&masked, (size_t)1 << 30);
	failed = url_mask(url, &masked);
	if (!failed)
		lua_pushlstring(L, masked.data ? masked.data : "", masked.len);
	buf_free(&masked);
	return failed ? bind_raise_no_memory(L) : 1;
}

/* mask.userinfo(url) -> true | nil, message, code */
static int mask_userinfo(lua_State *L)
{
	struct url url;
	struct error err;
	int result = url_parse(luaL_checkstring(L, 1), &url, &err);
	if (result == 0) {
		result = url_add_secret(&url, &err);
		url_free(&url);
	}
	return bind_status(L, result, &err);
}

/* mask.clear(): for tests */
static int mask_clear_(lua_State *L)
{
	(void)L;
	mask_clear();
	return 0;
}

static const luaL_Reg functions[] = {
	{"secret", mask_secret},     {"user", mask_user},    {"text", mask_text_}, {"url", mask_url_},
	{"userinfo", mask_userinfo}, {"clear", mask_clear_}, {NULL, NULL}};

int bind_open_mask(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
