/* molbuild.core.http */
#include "bind.h"

#include <string.h>

#include "net/http.h"

struct http_op {
	struct bind_op op;
	struct http_request *request;
	const struct http_response *response;
};

static int http_push(lua_State *L, struct bind_op *op)
{
	const struct http_response *response = ((struct http_op *)op)->response;
	if (op->failed)
		return bind_fail(L, &op->err);
	lua_createtable(L, 0, 6);
	lua_pushinteger(L, response->status);
	lua_setfield(L, -2, "status");
	lua_pushlstring(L, response->body, response->body_len);
	lua_setfield(L, -2, "body");
	lua_pushstring(L, response->url);
	lua_setfield(L, -2, "url");
	lua_pushstring(L, response->address);
	lua_setfield(L, -2, "address");
	lua_pushstring(L, response->redirect);
	lua_setfield(L, -2, "redirect");
	lua_createtable(L, 0, (int)response->header_count);
	for (size_t i = 0; i < response->header_count; i++) {
		lua_pushstring(L, response->headers[i].value);
		lua_setfield(L, -2, response->headers[i].name);
	}
	lua_setfield(L, -2, "headers");
	return 1;
}

static void http_release(struct bind_op *op)
{
	struct http_op *http = (struct http_op *)op;
	struct http_request *request = http->request;
	http->request = NULL;
	http_free(request);
}

static void http_cancel(struct bind_op *op)
{
	struct error err;
	error_set(&err, "cancelled", "the request was cancelled");
	http_release(op);
	bind_done(op, &err);
}

static const struct bind_op_type http_type = {
	.size = sizeof(struct http_op), .push = http_push, .cancel = http_cancel, .release = http_release};

static void on_done(void *ud, const struct error *err, const struct http_response *response)
{
	struct http_op *http = ud;
	http->response = response;
	bind_done(&http->op, err);
}

/* `follow`: false makes a redirect an answer like any other, "origin" one to another origin. */
static void set_follow(lua_State *L, struct http_options *options)
{
	int type = lua_getfield(L, 1, "follow");
	const char *word = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
	options->same_origin = word && strcmp(word, "origin") == 0;
	luaL_argcheck(L, type == LUA_TNIL || type == LUA_TBOOLEAN || options->same_origin, 1,
	              "the option 'follow' must be a boolean or \"origin\"");
	if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1))
		options->max_redirects = -1;
	lua_pop(L, 1);
}

/* http.request{...}: see lua/types/core.lua */
static int http_request(lua_State *L)
{
	struct http_options options = {0};
	struct http_op *http;
	struct error err;
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_check_task(L);
	options.url = bind_field_string(L, 1, "url", NULL);
	luaL_argcheck(L, options.url, 1, "the option 'url' is missing");
	options.method = bind_field_string(L, 1, "method", NULL);
	options.body = bind_field_string(L, 1, "body", &options.body_len);
	options.unix_socket = bind_field_string(L, 1, "unix_socket", NULL);
	options.proxy = bind_field_string(L, 1, "proxy", NULL);
	options.timeout_ns = bind_field_seconds(L, 1, "timeout", 30);
	options.connect_timeout_ns = bind_field_seconds(L, 1, "connect_timeout", 10);
	options.max_body = (size_t)bind_field_integer(L, 1, "max_body", 65536);
	options.max_redirects = (int)bind_field_integer(L, 1, "max_redirects", 5);
	set_follow(L, &options);
	options.connect_only = bind_field_boolean(L, 1, "connect_only");
	options.ca_file = bind_field_string(L, 1, "ca_file", NULL);
	options.cert_file = bind_field_string(L, 1, "cert_file", NULL);
	options.key_file = bind_field_string(L, 1, "key_file", NULL);
	options.headers = bind_field_pairs(L, 1, "headers", ": ");
	http = bind_new_op(L, &http_type);
	http->request = http_start(bind_loop(L), &options, on_done, http, &err);
	if (!http->request)
		return bind_fail(L, &err);
	lua_replace(L, 1);
	return bind_wait(L);
}

static const luaL_Reg functions[] = {{"request", http_request}, {NULL, NULL}};

int bind_open_http(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
