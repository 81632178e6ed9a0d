/* The error codes of failed requests: temporary failures are distinguished from permanent ones. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "http_ask.h"
#include "net/http_code.h"

/* Accept one connection, read the beginning of what comes, send ANSWER, and end it: with a reset, or in order. */
static pid_t accept_once(int listener, const char *answer, int reset)
{
	pid_t pid = fork();
	char some[16];
	int fd;
	if (pid != 0)
		return pid;
	alarm(20);
	fd = accept(listener, NULL, NULL);
	if (fd_read(fd, some, sizeof some) <= 0 || fd_write_all(fd, answer, strlen(answer)) < 0)
		_exit(1);
	/* What was not read makes a reset of a close(). */
	if (!reset) {
		char rest[4096];
		shutdown(fd, SHUT_WR);
		while (fd_read(fd, rest, sizeof rest) > 0)
			;
	}
	_exit(0);
}

/* The request's code for a server that does so where TLS should begin. */
static const char *code_of_handshake(const char *answer, int reset)
{
	struct sockaddr_in address;
	socklen_t len = sizeof address;
	int listener = tcp_listener();
	char url[64];
	pid_t pid;
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof url, "https://127.0.0.1:%d/", ntohs(address.sin_port));
	pid = accept_once(listener, answer, reset);
	ask("", (struct http_options){.url = url});
	assert_true(failed);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd_close(&listener);
	return failure.code;
}

static void a_handshake_that_breaks_is_a_broken_connection(void **state)
{
	(void)state;
	assert_string_equal(code_of_handshake("", 1), "reset");
	assert_string_equal(code_of_handshake("", 0), "reset");
}

static void a_server_that_speaks_no_tls_is_an_error_of_tls(void **state)
{
	(void)state;
	assert_string_equal(code_of_handshake("HTTP/1.1 400 Bad Request\r\n\r\n", 0), "tls");
}

static void the_texts_of_other_libraries_are_known(void **state)
{
	CURL *easy = curl_easy_init();
	(void)state;
	assert_non_null(easy);
	assert_string_equal(http_code(easy, CURLE_SSL_CONNECT_ERROR, "gnutls_handshake() failed: Error in the pull function."),
	                    "reset");
	assert_string_equal(http_code(easy, CURLE_SSL_CONNECT_ERROR,
	                              "gnutls_handshake() failed: The TLS connection was non-properly terminated."),
	                    "reset");
	assert_string_equal(http_code(easy, CURLE_SSL_CONNECT_ERROR, "TLS connect error: unexpected eof while reading"),
	                    "reset");
	assert_string_equal(
		http_code(easy, CURLE_SSL_CONNECT_ERROR, "error:0A00042E:SSL routines::tlsv1 alert protocol version"), "tls");
	assert_string_equal(http_code(easy, CURLE_SSL_CONNECT_ERROR, ""), "tls");
	assert_string_equal(http_code(easy, CURLE_HTTP2_STREAM, ""), "reset");
	assert_string_equal(http_code(easy, CURLE_COULDNT_RESOLVE_HOST, ""), "resolve");
	curl_easy_cleanup(easy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(a_handshake_that_breaks_is_a_broken_connection),
		HTTP_TEST(a_server_that_speaks_no_tls_is_an_error_of_tls),
		HTTP_TEST(the_texts_of_other_libraries_are_known),
	};
	/* A proxy of the caller's has no part in this. */
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests_name("http_code", tests, NULL, NULL);
}
