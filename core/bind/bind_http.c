/* molbuild.core.http */
#include "bind.h"

#include <string.h>

#include "bind_options.h"
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
	lua_createtable(L, 0, 7);
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
	lua_pushstring(L, response->ca_bundle);
	lua_setfield(L, -2, "ca_bundle");
	if (response->certificate_ends) {
		lua_pushinteger(L, response->certificate_ends);
		lua_setfield(L, -2, "certificate_ends");
	}
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

struct request {
	struct http_options http;
	int follow;
};

#define AT(field) BIND_AT(struct request, field)

/* See lua/types and docs/primitives.md. */
static const struct bind_option request_options[] = {
	{"url", BIND_TEXT, AT(http.url), .required = 1},
	{"method", BIND_TEXT, AT(http.method), .absent_text = "GET"},
	{"headers", BIND_PAIRS, AT(http.headers), .joint = ": "},
	{"body", BIND_DATA, AT(http.body), .len = offsetof(struct request, http.body_len)},
	{"unix_socket", BIND_TEXT, AT(http.unix_socket)},
	{"proxy", BIND_TEXT, AT(http.proxy)},
	{"timeout", BIND_SECONDS, AT(http.timeout_ns), .absent = 30},
	{"connect_timeout", BIND_SECONDS, AT(http.connect_timeout_ns), .absent = 10, .least = BIND_POSITIVE},
	{"max_body", BIND_BYTES, AT(http.max_body), .absent = 65536},
	{"max_redirects", BIND_COUNT, AT(http.max_redirects), .absent = 5},
	{"follow", BIND_VALUE, AT(follow)},
	{"connect_only", BIND_FLAG, AT(http.connect_only)},
	{"certificate", BIND_FLAG, AT(http.certificate)},
	{"ca_file", BIND_TEXT, AT(http.ca_file)},
	{"cert_file", BIND_TEXT, AT(http.cert_file)},
	{"key_file", BIND_TEXT, AT(http.key_file)},
	{0}};

/* `follow`: false returns redirects as answers, "origin" returns those to another origin. */
static void set_follow(lua_State *L, struct request *request)
{
	int place = request->follow, type = place ? lua_type(L, place) : LUA_TNIL;
	const char *word = type == LUA_TSTRING ? lua_tostring(L, place) : NULL;
	request->http.same_origin = word && strcmp(word, "origin") == 0;
	luaL_argcheck(L, type == LUA_TNIL || type == LUA_TBOOLEAN || request->http.same_origin, 1,
	              "follow: a boolean or \"origin\" expected");
	if (type == LUA_TBOOLEAN && !lua_toboolean(L, place))
		request->http.max_redirects = -1;
}

/* http.request{...} */
static int http_request(lua_State *L)
{
	struct request request = {0};
	struct http_op *http;
	struct error err;
	bind_options(L, 1, request_options, &request);
	set_follow(L, &request);
	if (!bind_may_wait(L))
		return bind_refuse(L);
	http = bind_new_op(L, &http_type);
	http->request = http_start(bind_loop(L), &request.http, on_done, http, &err);
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
