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

static void gives_status_headers_and_body(void **state)
{
	(void)state;
	ask("/ok", PLAIN);
	assert_answer(200, "hello");
	assert_string_equal(header("x-thing"), "Value: x ");
	assert_string_equal(header("etag"), "\"1\"");
	assert_null(header("X-Thing"));
	assert_null(response.redirect);
	assert_string_equal(response.address, "127.0.0.1");
	assert_int_equal(response.header_count, 3);
	ask("/missing", PLAIN);
	assert_answer(404, "gone");
}

static void the_headers_are_those_of_the_last_answer(void **state)
{
	(void)state;
	ask("/hints", PLAIN);
	assert_answer(200, "hi");
	assert_string_equal(header("x-thing"), "late");
	assert_int_equal(response.header_count, 2);
}

static void sends_headers_and_body(void **state)
{
	const char *const headers[] = {"X-One: 1", "Content-Type: text/x", NULL};
	(void)state;
	ask("/ok", (struct http_options){.method = "PUT", .headers = headers, .body = "a\0b", .body_len = 3});
	assert_answer(200, "hello");
	assert_int_equal(asked("PUT /ok HTTP/1.1\r\n"), 1);
	assert_int_equal(asked("X-One: 1\r\n"), 1);
	assert_int_equal(asked("Content-Type: text/x\r\n"), 1);
	assert_int_equal(asked("Content-Length: 3\r\n"), 1);
	assert_int_equal(asked("User-Agent: molbuild\r\n"), 1);
}

static void a_body_may_be_as_large_as_allowed(void **state)
{
	(void)state;
	ask("/ok", (struct http_options){.max_body = 5});
	assert_answer(200, "hello");
	ask("/ok", (struct http_options){.max_body = 4});
	assert_refused("too_large", "/ok: the answer is larger than 4 bytes");
}

static void a_body_without_length_is_bounded(void **state)
{
	(void)state;
	ask("/chunked", (struct http_options){.max_body = 100000});
	assert_refused("too_large", "the answer is larger than 100000 bytes");
}

static void endless_headers_are_bounded(void **state)
{
	(void)state;
	ask("/headers", PLAIN);
	assert_refused("too_large", "/headers: the answer's headers are larger than 65536 bytes");
	ask("/header-line", PLAIN);
	assert_refused("too_large", "/header-line: a line of the answer's headers is too long");
}

static void headers_are_bounded_over_all_answers(void **state)
{
	(void)state;
	/* Each of these answers is small. */
	ask("/continues", PLAIN);
	assert_refused("too_large", "/continues: the answer's headers are larger than 65536 bytes");
	ask("/trailers", PLAIN);
	assert_refused("too_large", "/trailers: the answer's headers are larger than 65536 bytes");
}

static void a_nul_byte_in_the_headers_is_refused(void **state)
{
	(void)state;
	ask("/nul", PLAIN);
	assert_refused("protocol", "/nul: ");
}

static void head_asks_for_no_body(void **state)
{
	(void)state;
	ask("/long", (struct http_options){.method = "HEAD"});
	assert_answer(200, "");
	assert_string_equal(header("content-length"), "1001");
	assert_int_equal(asked("HEAD /long "), 1);
}

static void a_proxy_can_be_named_or_ruled_out(void **state)
{
	char proxy[64];
	(void)state;
	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", server.port);
	ask("", (struct http_options){.url = "http://192.0.2.1/ok", .proxy = proxy});
	assert_int_equal(asked("GET http://192.0.2.1/ok "), 1);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	ask("/ok", (struct http_options){.proxy = ""});
	assert_answer(200, "hello");
	ask("/ok", PLAIN);
	unsetenv("http_proxy");
	assert_true(failed);
	assert_string_equal(failure.code, "connect");
}

static void no_answer_in_time_is_an_error(void **state)
{
	int64_t began = clock_monotonic_ns();
	(void)state;
	ask("/hang", (struct http_options){.timeout_ns = 150 * NS_PER_MS});
	assert_refused("timeout", "/hang: no complete answer in time");
	assert_true(clock_monotonic_ns() - began >= 150 * NS_PER_MS);
	/* Nor may one trickle in. */
	ask("/chunked", (struct http_options){.timeout_ns = 100 * NS_PER_MS, .max_body = (size_t)1 << 30});
	assert_true(failed);
	assert_string_equal(failure.code, "timeout");
}

static void never(void *ud, const struct error *error, const struct http_response *answered)
{
	(void)ud;
	(void)error;
	(void)answered;
	fail();
}

static void an_answer_that_does_not_come_keeps_no_other_one(void **state)
{
	struct http_request *hanging;
	char url[64];
	struct http_options options = {.url = url};
	(void)state;
	snprintf(url, sizeof url, "http://127.0.0.1:%d/hang", server.port);
	http_fill_in(&options);
	hanging = http_start(loop, &options, never, NULL, &err);
	assert_non_null(hanging);
	while (access(REQUESTS, F_OK) < 0 || !asked("/hang"))
		assert_int_equal(loop_step(loop, 20 * NS_PER_MS, &err), 0);
	ask("/ok", PLAIN);
	assert_answer(200, "hello");
	http_free(hanging);
}

static void a_refused_connection_is_an_error(void **state)
{
	struct sockaddr_in address;
	socklen_t len = sizeof address;
	int fd = tcp_listener();
	char url[64];
	(void)state;
	/* Bound, but not listening. */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
	ask("", (struct http_options){.url = url});
	assert_refused("connect", url);
	fd_close(&fd);
}

static void a_connection_that_breaks_is_an_error(void **state)
{
	(void)state;
	ask("/reset", PLAIN);
	assert_refused("reset", "/reset: ");
	ask("/close", PLAIN);
	assert_refused("reset", "/close: ");
	ask("/cut", PLAIN);
	assert_refused("reset", "/cut: ");
	ask("/nonsense", PLAIN);
	assert_refused("protocol", "/nonsense: ");
}

static void a_connection_alone_can_be_asked_for(void **state)
{
	(void)state;
	ask("/ok", (struct http_options){.connect_only = 1});
	assert_answer(0, "");
	assert_string_equal(response.address, "127.0.0.1");
	/* The server makes its log when it is connected to. */
	assert_true(access(REQUESTS, F_OK) < 0 || !asked("GET"));
}

static void no_descriptor_left_is_no_matter_of_the_network(void **state)
{
	struct rlimit old, none;
	int next = dup(STDIN_FILENO);
	char message[200];
	(void)state;
	assert_true(next > 0 && close(next) == 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){(rlim_t)next, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ask("/ok", PLAIN);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	snprintf(message, sizeof message, "/ok: cannot open a connection: %s", strerror(EMFILE)); /* each C library's text */
	assert_refused("EMFILE", message);
}

static void a_unix_socket_can_be_asked(void **state)
{
	struct server local;
	(void)state;
	start_server(&local, unix_listener("socket"), 0);
	ask("", (struct http_options){.url = "http://docker/ok", .unix_socket = "socket"});
	assert_answer(200, "hello");
	assert_int_equal(asked("Host: docker\r\n"), 1);
	stop_server(&local);
	ask("", (struct http_options){.url = "http://docker/ok", .unix_socket = "none"});
	assert_refused("connect", "http://docker/ok");
}

static void what_must_not_be_sent_is_refused_at_once(void **state)
{
	const char *const two_lines[] = {"X: y\r\nAuthorization: z", NULL};
	const char *const urls[] = {"ftp://127.0.0.1/x", "file:///etc/passwd", "nonsense", "", "http://a b/"};
	struct http_options options = {.url = "http://127.0.0.1:1/", .headers = two_lines};
	(void)state;
	http_fill_in(&options);
	assert_null(http_start(loop, &options, on_done, &response, &err));
	assert_string_equal(err.code, "invalid");
	options.headers = NULL;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		options.url = urls[i];
		assert_null(http_start(loop, &options, on_done, &response, &err));
		assert_string_equal(err.code, "invalid");
	}
}

static void freeing_drops_the_request(void **state)
{
	struct http_options options = {0};
	char url[64];
	(void)state;
	http_fill_in(&options);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/hang", server.port);
	options.url = url;
	done = 0;
	request = http_start(loop, &options, on_done, &response, &err);
	assert_non_null(request);
	assert_int_equal(loop_step(loop, 20 * NS_PER_MS, &err), 0);
	http_free(request);
	request = NULL;
	assert_int_equal(loop_step(loop, 20 * NS_PER_MS, &err), 0);
	assert_int_equal(done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(gives_status_headers_and_body),
		HTTP_TEST(the_headers_are_those_of_the_last_answer),
		HTTP_TEST(sends_headers_and_body),
		HTTP_TEST(a_body_may_be_as_large_as_allowed),
		HTTP_TEST(a_body_without_length_is_bounded),
		HTTP_TEST(endless_headers_are_bounded),
		HTTP_TEST(headers_are_bounded_over_all_answers),
		HTTP_TEST(a_nul_byte_in_the_headers_is_refused),
		HTTP_TEST(head_asks_for_no_body),
		HTTP_TEST(a_proxy_can_be_named_or_ruled_out),
		HTTP_TEST(no_answer_in_time_is_an_error),
		HTTP_TEST(an_answer_that_does_not_come_keeps_no_other_one),
		HTTP_TEST(a_refused_connection_is_an_error),
		HTTP_TEST(a_connection_that_breaks_is_an_error),
		HTTP_TEST(a_connection_alone_can_be_asked_for),
		HTTP_TEST(no_descriptor_left_is_no_matter_of_the_network),
		HTTP_TEST(a_unix_socket_can_be_asked),
		HTTP_TEST(what_must_not_be_sent_is_refused_at_once),
		HTTP_TEST(freeing_drops_the_request),
	};
	/* A proxy of the caller's has no part in this. */
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
