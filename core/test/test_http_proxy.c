#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "http_ask.h"

static void a_proxy_is_asked_unless_there_is_to_be_none(void **state)
{
	struct server local;
	char proxy[64];
	(void)state;
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
	setenv("http_proxy", proxy, 1);
	ask("", (struct http_options){.url = "http://elsewhere.example/ok"});
	assert_answer(200, "by");
	ask("/ok", (struct http_options){.proxy = ""});
	assert_answer(200, "hello");
	start_server(&local, unix_listener("socket"), 0);
	ask("", (struct http_options){.url = "http://elsewhere.example/hints", .unix_socket = "socket"});
	assert_answer(200, "hi");
	stop_server(&local);
	unsetenv("http_proxy");
	ask("", (struct http_options){.url = "http://elsewhere.example/ok", .proxy = proxy});
	assert_answer(200, "by");
	assert_int_equal(asked("GET http://elsewhere.example/"), 2);
}

static void a_proxy_that_does_not_open_the_way_is_an_error(void **state)
{
	struct http_options options = {.url = "https://refused.example/"};
	char proxy[64];
	(void)state;
	snprintf(proxy, sizeof proxy, "http://joe:password1@127.0.0.1:%d", server.port);
	options.proxy = proxy;
	ask("", options);
	assert_refused("denied", "403");
	assert_null(strstr(failure.message, "password1"));
	assert_int_equal(asked("CONNECT refused.example:443 "), 1);
	options.url = "https://down.example/";
	ask("", options);
	assert_refused("connect", "502");
	options.proxy = "http://127.0.0.1:1";
	ask("", options);
	assert_refused("connect", "https://down.example/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(a_proxy_is_asked_unless_there_is_to_be_none),
		HTTP_TEST(a_proxy_that_does_not_open_the_way_is_an_error),
	};
	/* A proxy of the caller's has no part in this. */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests_name("http_proxy", tests, NULL, NULL);
}
