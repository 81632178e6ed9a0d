/* One HTTP request and its answer, bounded in time and size, over libcurl's multi interface.
 *
 * http and https only. Redirects are followed for GET and HEAD, at most max_redirects of them, never from https to
 * http; another origin (scheme, host, port) receives neither the caller's headers nor the client certificate. The
 * password of a URL is registered as a secret. The usual variables are used: HTTPS_PROXY, HTTP_PROXY (lower case), ALL_PROXY,
 * NO_PROXY, and SSL_CERT_FILE and SSL_CERT_DIR, which libcurl itself does not read. Without these two the system's store is
 * looked for at run time (http_trust.h). TLS is version 1.2 or newer, and no request is sent as early data.
 *
 *   request = http_start(loop, &options, done, ud, &err);    NULL: err has the reason, and done is not called
 *   loop_step(loop, ...);                                    calls done once
 *   http_free(request);                                      at any time, also in done
 *
 * Errors, as done gets them:
 *   timeout                no complete answer in time
 *   resolve connect reset  no address, no connection, a broken connection
 *   tls                    the server's certificate, or a handshake that was refused
 *   denied                 a proxy refused to connect
 *   redirect               to a URL that must not be followed, or too many
 *   too_large              the body or the headers
 *   protocol               the answer is not HTTP, or nothing of it arrives
 *   an errno name          this machine is the reason: EMFILE, ENOMEM
 */
#ifndef MOLBUILD_HTTP_H
#define MOLBUILD_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "loop/loop.h"
#include "net/http_headers.h"

struct http_options {
	const char *url;
	const char *method;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const char *body;           /* copied; NULL: none */
	size_t body_len;
	const char *unix_socket;    /* connect to this socket instead of the URL's host, never through a proxy; NULL: no */
	const char *proxy;          /* instead of the variables' proxy; "": none; NULL: as in the variables */
	int64_t timeout_ns;         /* for the whole request with its redirects; 0: it ends immediately; NS_NEVER: no bound */
	int64_t connect_timeout_ns; /* more than 0; NS_NEVER: no bound except timeout_ns */
	size_t max_body;            /* bytes */
	int max_redirects;          /* -1: redirects are returned as answers */
	int same_origin;            /* redirects to another origin are returned as answers */
	int connect_only;           /* the answer is a connection: status 0 and an address */
	int certificate;            /* report the end of the server's certificate; a connection of its own is opened */
	const char *ca_file;        /* trust only these certificates; NULL: SSL_CERT_FILE or the system's */
	const char *cert_file;      /* client certificate and key (PEM); NULL: none */
	const char *key_file;
};

struct http_response {
	int status;
	const struct http_header *headers; /* of the last answer, in order */
	size_t header_count;
	const char *body;
	size_t body_len;
	const char *url; /* the URL that answered, after redirects */
	/* The IP address of the peer, which may be a proxy; "" for a socket's path. */
	const char *address;
	const char *redirect; /* the absolute target of a redirect; NULL for any other answer */
	/* The system's bundle of trusted certificates, once its directory did not suffice for a server; NULL before. */
	const char *ca_bundle;
	int64_t certificate_ends; /* seconds since 1970; 0: there is none, or it was not requested */
};

struct http_request;

/* Start. DONE is called once, from loop_step(): err is NULL when an answer came, whatever its status. RESPONSE is valid until
 * http_free(), which DONE may call. Options are copied. Returns NULL with err set (code "invalid" for an unusable URL, header or
 * file; ENOMEM). */
WARN_UNUSED struct http_request *
http_start(struct loop *loop, const struct http_options *options,
           void (*done)(void *ud, const struct error *err, const struct http_response *response), void *ud, struct error *err);

/* Free everything; a running request is dropped, and DONE is not called. NULL is accepted. */
void http_free(struct http_request *request);

#endif
