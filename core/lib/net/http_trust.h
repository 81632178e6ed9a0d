/* The files for TLS: trusted certificates, and the client's own. Part of http.h. */
#ifndef MOLBUILD_HTTP_TRUST_H
#define MOLBUILD_HTTP_TRUST_H

#include <curl/curl.h>

#include "net/http.h"

/* libcurl opens the files within the loop: a FIFO or a device could block it without a bound.
 * Returns 0, or -1 with err set: "invalid". Missing files are left to libcurl, which reports them. */
WARN_UNUSED int http_trust_check(const struct http_options *options, struct error *err);

/* Pass them to libcurl: those of the options, else SSL_CERT_FILE and SSL_CERT_DIR. */
void http_trust_set(CURL *easy, const struct http_options *options);

#endif
