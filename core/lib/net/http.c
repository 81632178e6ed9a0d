#include "net/http.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/maxima.h"
#include "net/http_code.h"
#include "net/http_trust.h"
#include "net/url.h"

struct http_request {
	struct loop *loop;
	struct loop_transfer transfer;
	struct loop_timer timer;
	CURL *easy;
	struct curl_slist *headers;
	char *url, *method, *shown;     /* shown: the URL without userinfo, for messages */
	int redirects_left, redirected; /* the number that may still be followed, and whether one was */
	int follow, same_origin, trusts_system;
	struct buf upload, body;
	struct http_headers answer;
	struct http_response response;
	struct error err;
	int failed; /* err is set, by a callback of curl */
	void (*done)(void *ud, const struct error *err, const struct http_response *response);
	void *ud;
	char detail[CURL_ERROR_SIZE];
};

static void refuse(struct http_request *request, const char *code, const char *what)
{
	if (!request->failed)
		error_set(&request->err, code, "%s: %s", request->shown, what);
	request->failed = 1;
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
	struct http_request *request = ud;
	if (buf_append(&request->body, data, size * count) == 0)
		return size * count;
	if (errno == EMSGSIZE) {
		char what[64];
		snprintf(what, sizeof what, "the answer is larger than %zu bytes", request->body.max);
		refuse(request, "too_large", what);
	} else {
		refuse(request, "ENOMEM", "out of memory");
	}
	return CURL_WRITEFUNC_ERROR;
}

static size_t on_header(char *data, size_t size, size_t count, void *ud)
{
	struct http_request *request = ud;
	if (http_headers_take(&request->answer, data, size * count) == 0)
		return size * count;
	if (errno == EMSGSIZE)
		refuse(request, "too_large", "the answer's headers are larger than 65536 bytes");
	else
		refuse(request, "ENOMEM", "out of memory");
	return CURL_WRITEFUNC_ERROR;
}

static void tell_failure(struct http_request *request, CURLcode result)
{
	const char *what = request->detail[0] ? request->detail : curl_easy_strerror(result);
	const char *code = http_code(request->easy, result, request->detail);
	if (request->transfer.flooded) {
		refuse(request, "protocol", "the server sends without end, and no part of an answer");
		return;
	}
	if (result == CURLE_COULDNT_CONNECT && http_code_is_local(request->transfer.errnum)) {
		error_errno(&request->err, request->transfer.errnum, "%s: cannot open a connection", request->shown);
		request->failed = 1;
		return;
	}
	/* libcurl does not report which of the two it is. */
	if (strcmp(code, "too_large") == 0)
		what = "a line of the answer's headers is too long, or memory has run out";
	if (request->trusts_system && http_trust_problem(result))
		what = http_trust_problem(result);
	refuse(request, code, what);
}

static void finish(struct http_request *request)
{
	char *address = NULL;
	loop_timer_stop(request->loop, &request->timer);
	request->response.body = request->body.data ? request->body.data : "";
	request->response.body_len = request->body.len;
	request->response.url = request->url;
	curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_IP, &address);
	request->response.address = address ? address : "";
	request->response.ca_bundle = http_trust_needed();
	request->done(request->ud, request->failed ? &request->err : NULL, &request->response);
}

static int send_request(struct http_request *request, struct error *err);

/* Whether the request may go from FROM to TO, and whether the caller's headers may. */
static int check_redirect(struct http_request *request, const char *target, int *same_origin)
{
	struct url from, to;
	int allowed = 0;
	struct error err;
	if (url_parse(request->url, &from, &err) < 0)
		return 0;
	if (url_parse(target, &to, &err) == 0) {
		*same_origin = url_same_origin(&from, &to);
		allowed =
			strcmp(to.scheme, "https") == 0 || (strcmp(to.scheme, "http") == 0 && strcmp(from.scheme, "http") == 0);
		url_free(&to);
	}
	url_free(&from);
	return allowed;
}

/* The error for the first refused redirect names its target: the resource may have moved there. */
static void refuse_redirect(struct http_request *request, const char *target)
{
	struct buf what;
	buf_init(&what, 2 * URL_MAX);
	if (request->redirected) {
		refuse(request, "redirect", "too many redirects");
	} else if (buf_append(&what, "it redirects to ", 16) < 0 || url_mask(target, &what) < 0) {
		refuse(request, "redirect", "it redirects to another place");
	} else {
		refuse(request, "redirect", what.data);
	}
	buf_free(&what);
}

/* Remove what is meant only for the first origin. */
static void drop_credentials(struct http_request *request)
{
	curl_slist_free_all(request->headers);
	request->headers = NULL;
	curl_easy_setopt(request->easy, CURLOPT_SSLCERT, NULL);
	curl_easy_setopt(request->easy, CURLOPT_SSLKEY, NULL);
}

/* Use TARGET from now on. Returns 0, or -1 without memory. */
static int set_target(struct http_request *request, const char *target)
{
	char *copy = strdup(target);
	struct buf shown;
	buf_init(&shown, SIZE_MAX / 4);
	if (!copy || url_mask(copy, &shown) < 0) {
		free(copy);
		buf_free(&shown);
		return -1;
	}
	free(request->url);
	free(request->shown);
	request->redirected = 1;
	request->url = copy;
	request->shown = shown.data;
	return 0;
}

/* Follow a redirect. Returns 1 when a new request has been started, 0 when there is none to follow, -1 when it is
 * refused or fails. */
static int redirect(struct http_request *request)
{
	char *target = NULL;
	int same_origin = 0, allowed;
	curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &target);
	request->response.redirect = target;
	if (!target || !request->follow || request->redirects_left < 0)
		return 0;
	allowed = check_redirect(request, target, &same_origin);
	if (request->same_origin && !same_origin)
		return 0;
	if (request->redirects_left-- <= 0) {
		refuse_redirect(request, target);
		return -1;
	}
	if (!allowed) {
		refuse(request, "redirect",
		       "it redirects to a forbidden target: only http and https are followed, "
		       "and never https to http");
		return -1;
	}
	if (set_target(request, target) < 0) {
		refuse(request, "ENOMEM", "out of memory");
		return -1;
	}
	if (!same_origin)
		drop_credentials(request);
	return send_request(request, &request->err) < 0 ? (request->failed = 1, -1) : 1;
}

static void on_finished(struct loop_transfer *transfer, CURLcode result)
{
	struct http_request *request = CONTAINER_OF(transfer, struct http_request, transfer);
	long status = 0;
	if (result != CURLE_OK) {
		tell_failure(request, result);
		finish(request);
		return;
	}
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	request->response.status = (int)status;
	if (redirect(request) == 1)
		return;
	http_headers_split(&request->answer);
	request->response.headers = request->answer.list;
	request->response.header_count = request->answer.count;
	request->response.certificate_ends = http_trust_ends(request->easy);
	finish(request);
}

static void on_timeout(struct loop_timer *timer)
{
	struct http_request *request = CONTAINER_OF(timer, struct http_request, timer);
	loop_transfer_stop(request->loop, &request->transfer);
	refuse(request, "timeout", "no complete answer in time");
	finish(request);
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* A name server that does not answer must not delay the cancellation of the request. */
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
}

/* In milliseconds, for libcurl: 0 would mean its own default. */
static long connect_ms(int64_t ns)
{
	int64_t ms = (ns + NS_PER_MS - 1) / NS_PER_MS;
	return ms > INT_MAX ? INT_MAX : (long)ms;
}

/* Settings that stay the same across redirects. */
static void set_up(struct http_request *request, const struct http_options *options)
{
	CURL *easy = request->easy;
	set_protocols(easy);
	request->trusts_system = http_trust_set(easy, options);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms(options->connect_timeout_ns));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->detail);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "molbuild");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	if (request->upload.data || options->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->upload.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->upload.data ? request->upload.data : "");
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (options->certificate) {
		curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); /* only a handshake shows the certificate */
	}
	if (options->connect_only)
		curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	if (options->unix_socket)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
	if (options->unix_socket || options->proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, options->unix_socket ? "" : options->proxy);
}

static int send_request(struct http_request *request, struct error *err)
{
	int tls = strncasecmp(request->url, "https:", 6) == 0;
	buf_clear(&request->body);
	http_headers_clear(&request->answer);
	request->detail[0] = '\0';
	curl_easy_setopt(request->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
	/* Requests to one host share a connection if its protocol (HTTP/2) allows it, instead of opening one each. TLS negotiates
	 * the protocol before the first request. Without TLS only the first answer would show it; a missing answer
	 * must not delay the other requests. */
	curl_easy_setopt(request->easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
	if (tls && request->trusts_system)
		http_trust_system(request->easy);
	return loop_transfer_start(request->loop, &request->transfer, err);
}

static int copy_headers(struct http_request *request, const char *const *headers, struct error *err)
{
	for (; headers && *headers; headers++) {
		struct curl_slist *longer;
		if (strpbrk(*headers, "\r\n"))
			return error_set(err, "invalid", "a request header must be one line");
		longer = curl_slist_append(request->headers, *headers);
		if (!longer)
			return error_errno(err, ENOMEM, "cannot send a request");
		request->headers = longer;
	}
	return 0;
}

static int check_url(const char *text, struct error *err)
{
	struct url url;
	int result;
	if (url_parse(text, &url, err) < 0)
		return -1;
	result = strcmp(url.scheme, "http") == 0 || strcmp(url.scheme, "https") == 0
	                 ? url_add_secret(&url, err)
	                 : error_set(err, "invalid", "only http and https URLs can be requested");
	url_free(&url);
	return result;
}

static int copy_options(struct http_request *request, const struct http_options *options, struct error *err)
{
	struct buf shown;
	if (check_url(options->url, err) < 0 || http_trust_check(options, err) < 0)
		return -1;
	buf_init(&shown, SIZE_MAX / 4);
	request->url = strdup(options->url);
	request->method = strdup(options->method);
	if (url_mask(options->url, &shown) == 0)
		request->shown = shown.data;
	if (!request->url || !request->method || !request->shown ||
	    (options->body && buf_append(&request->upload, options->body, options->body_len) < 0))
		return error_errno(err, errno, "cannot send a request");
	request->follow = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
	request->redirects_left = options->max_redirects;
	request->same_origin = options->same_origin;
	return copy_headers(request, options->headers, err);
}

struct http_request *http_start(struct loop *loop, const struct http_options *options,
                                void (*done)(void *ud, const struct error *err, const struct http_response *response), void *ud,
                                struct error *err)
{
	struct http_request *request = calloc(1, sizeof *request);
	if (!request) {
		error_errno(err, ENOMEM, "cannot send a request");
		return NULL;
	}
	request->loop = loop;
	request->done = done;
	request->ud = ud;
	request->transfer.finished = on_finished;
	request->timer.fire = on_timeout;
	buf_init(&request->upload, HTTP_UPLOAD_MAX);
	buf_init(&request->body, options->max_body);
	http_headers_init(&request->answer);
	if (copy_options(request, options, err) < 0)
		goto fail;
	request->easy = request->transfer.easy = curl_easy_init();
	if (!request->easy) {
		error_errno(err, ENOMEM, "cannot send a request");
		goto fail;
	}
	set_up(request, options);
	if (loop_timer_start(loop, &request->timer, options->timeout_ns, err) < 0 || send_request(request, err) < 0)
		goto fail;
	return request;
fail:
	http_free(request);
	return NULL;
}

void http_free(struct http_request *request)
{
	if (!request)
		return;
	loop_timer_stop(request->loop, &request->timer);
	loop_transfer_stop(request->loop, &request->transfer);
	if (request->easy)
		curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	buf_free(&request->upload);
	buf_free(&request->body);
	http_headers_free(&request->answer);
	free(request->url);
	free(request->method);
	free(request->shown);
	free(request);
}
