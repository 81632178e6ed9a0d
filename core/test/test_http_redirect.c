/* Where a redirect leads a request, and what it takes along. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "http_ask.h"

static void a_redirect_is_followed(void **state)
{
	char url[64];
	(void)state;
	ask("/to-ok", (struct http_options){.max_redirects = 1});
	assert_answer(200, "hello");
	assert_string_equal(header("x-thing"), "Value: x ");
	assert_null(header("location"));
	snprintf(url, sizeof url, "http://127.0.0.1:%d/ok", server.port);
	assert_string_equal(response.url, url);
}

static void redirects_are_bounded(void **state)
{
	(void)state;
	ask("/to-itself", (struct http_options){.max_redirects = 3});
	assert_refused("redirect", "too many redirects");
	assert_int_equal(asked("GET /to-itself "), 4);
}

static void a_redirect_that_is_not_followed_is_named(void **state)
{
	char message[128];
	(void)state;
	ask("/to-ok", PLAIN);
	snprintf(message, sizeof message, "/to-ok: it redirects to http://127.0.0.1:%d/ok", server.port);
	assert_refused("redirect", message);
	assert_int_equal(asked("GET /ok "), 0);
}

static void a_redirect_to_another_scheme_is_refused(void **state)
{
	(void)state;
	ask("/to-file", (struct http_options){.max_redirects = 5});
	assert_refused("redirect", "only http and https are followed");
}

static void headers_are_sent_to_the_same_origin_only(void **state)
{
	const char *const headers[] = {"Authorization: token 123", NULL};
	(void)state;
	ask("/to-ok", (struct http_options){.max_redirects = 5, .headers = headers});
	assert_answer(200, "hello");
	assert_int_equal(asked("Authorization: token 123\r\n"), 2);
	/* Another port is another origin. */
	ask("/away", (struct http_options){.max_redirects = 5, .headers = headers});
	assert_answer(200, "hello");
	assert_int_equal(asked("GET /ok "), 2);
	assert_int_equal(asked("Authorization: token 123\r\n"), 3);
}

static void userinfo_is_sent_to_the_same_origin_only(void **state)
{
	char url[64];
	(void)state;
	snprintf(url, sizeof url, "http://joe:secret@127.0.0.1:%d/away", server.port);
	ask("", (struct http_options){.url = url, .max_redirects = 5});
	assert_answer(200, "hello");
	assert_int_equal(asked("GET /ok "), 1);
	assert_int_equal(asked("Authorization: Basic "), 1);
	snprintf(url, sizeof url, "http://joe:secret@127.0.0.1:%d/reset", server.port);
	ask("", (struct http_options){.url = url});
	assert_true(failed);
	assert_null(strstr(failure.message, "secret"));
}

static void a_redirect_of_a_post_is_the_answer(void **state)
{
	(void)state;
	ask("/to-ok", (struct http_options){.method = "POST", .body = "x", .body_len = 1, .max_redirects = 5});
	assert_answer(302, "bye");
	assert_string_equal(header("location"), "/ok");
	assert_int_equal(asked("/ok "), 0);
}

static void a_redirect_is_the_answer_where_that_is_wanted(void **state)
{
	char url[64];
	(void)state;
	ask("/to-ok", (struct http_options){.max_redirects = -1});
	assert_answer(302, "bye");
	snprintf(url, sizeof url, "http://127.0.0.1:%d/ok", server.port);
	assert_string_equal(response.redirect, url);
	assert_string_equal(header("location"), "/ok");
	assert_int_equal(asked("/ok "), 0);
}

static void a_redirect_within_the_origin_is_followed_where_no_other_is(void **state)
{
	const char *const headers[] = {"Authorization: token 123", NULL};
	char to[64];
	(void)state;
	ask("/to-ok", (struct http_options){.max_redirects = 5, .same_origin = 1, .headers = headers});
	assert_answer(200, "hello");
	assert_int_equal(asked("Authorization: token 123\r\n"), 2);
	ask("/away", (struct http_options){.max_redirects = 5, .same_origin = 1, .headers = headers});
	assert_answer(302, "");
	snprintf(to, sizeof to, "http://127.0.0.1:%d/ok", other.port);
	assert_string_equal(header("location"), to);
	ask("/to-file", (struct http_options){.max_redirects = 5, .same_origin = 1});
	assert_answer(302, "");
	ask("/to-itself", (struct http_options){.max_redirects = 3, .same_origin = 1});
	assert_refused("redirect", "too many redirects");
	assert_int_equal(asked("GET /ok "), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(a_redirect_is_followed),
		HTTP_TEST(redirects_are_bounded),
		HTTP_TEST(a_redirect_that_is_not_followed_is_named),
		HTTP_TEST(a_redirect_to_another_scheme_is_refused),
		HTTP_TEST(headers_are_sent_to_the_same_origin_only),
		HTTP_TEST(userinfo_is_sent_to_the_same_origin_only),
		HTTP_TEST(a_redirect_of_a_post_is_the_answer),
		HTTP_TEST(a_redirect_is_the_answer_where_that_is_wanted),
		HTTP_TEST(a_redirect_within_the_origin_is_followed_where_no_other_is),
	};
	/* A proxy of the caller's has no part in this. */
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests_name("http_redirect", tests, NULL, NULL);
}
