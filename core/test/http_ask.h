/* A request to the server of http_fixture.h, waited for. Include it after cmocka.h and fixture.h. */
#ifndef MOLBUILD_TEST_HTTP_ASK_H
#define MOLBUILD_TEST_HTTP_ASK_H

#include "base/clock.h"
#include "http_fixture.h"
#include "limit.h"
#include "net/http.h"

static struct server server, other;
static struct loop *loop;

/* The request of the test, and how it ended. */
static struct http_request *request;
static struct http_response response;
static struct error failure;
static int done, failed;

static inline int enter(void **state)
{
	if (fixture_enter(state) < 0)
		return -1;
	start_server(&other, tcp_listener(), 0);
	start_server(&server, tcp_listener(), other.port);
	loop = loop_new(&err);
	request = NULL;
	return loop ? 0 : -1;
}

static inline int leave(void **state)
{
	http_free(request);
	loop_free(loop);
	stop_server(&server);
	stop_server(&other);
	return fixture_leave(state);
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

static inline void on_done(void *ud, const struct error *error, const struct http_response *answered)
{
	assert_ptr_equal(ud, &response);
	done++;
	failed = error != NULL;
	if (error)
		failure = *error;
	response = *answered;
}

/* What a test leaves out. */
static inline void http_fill_in(struct http_options *options)
{
	options->method = options->method ? options->method : "GET";
	options->timeout_ns = options->timeout_ns ? options->timeout_ns : 30 * NS_PER_S;
	options->connect_timeout_ns = options->connect_timeout_ns ? options->connect_timeout_ns : 10 * NS_PER_S;
	options->max_body = options->max_body ? options->max_body : 65536;
}

/* Ask for PATH and wait for the end; a test that hangs here has failed. */
static inline void ask(const char *path, struct http_options options)
{
	int64_t deadline = clock_monotonic_ns() + TEST_LIMIT_NS;
	char url[256];
	http_free(request);
	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
	if (!options.url)
		options.url = url;
	http_fill_in(&options);
	done = failed = 0;
	request = http_start(loop, &options, on_done, &response, &err);
	assert_non_null(request);
	while (!done && clock_monotonic_ns() < deadline)
		assert_int_equal(loop_step(loop, NS_PER_S, &err), 0);
	assert_int_equal(done, 1);
}

static inline void assert_answer(int status, const char *body)
{
	assert_false(failed);
	assert_int_equal(response.status, status);
	assert_int_equal(response.body_len, strlen(body));
	assert_memory_equal(response.body, body, strlen(body));
}

static inline void assert_refused(const char *code, const char *message)
{
	assert_true(failed);
	assert_string_equal(failure.code, code);
	assert_non_null(strstr(failure.message, message));
}

static inline const char *header(const char *name)
{
	for (size_t i = 0; i < response.header_count; i++)
		if (strcmp(response.headers[i].name, name) == 0)
			return response.headers[i].value;
	return NULL;
}

/* How often the requests to the servers contain TEXT. */
static inline int asked(const char *text)
{
	struct buf log;
	int count = 0;
	buf_init(&log, 1 << 20);
	assert_int_equal(fs_read(REQUESTS, 1 << 20, &log, &err), 0);
	for (const char *at = log.data; (at = strstr(at, text)); at++)
		count++;
	buf_free(&log);
	return count;
}

#define PLAIN ((struct http_options){0})

#endif
