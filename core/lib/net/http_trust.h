/* The files that TLS needs: whom to trust, and who we are. Part of http.h. */
#ifndef MOLBUILD_HTTP_TRUST_H
#define MOLBUILD_HTTP_TRUST_H

#include <curl/curl.h>

#include "net/http.h"

/* libcurl opens the files, in the middle of the loop: one that is a FIFO or a device could hold it up without a bound.
 * Returns 0, or -1 with err set: "invalid". What is missing is left to libcurl, which says so. */
WARN_UNUSED int http_trust_check(const struct http_options *options, struct error *err);

/* Name them to libcurl: the options' own, else SSL_CERT_FILE and SSL_CERT_DIR. */
void http_trust_set(CURL *easy, const struct http_options *options);

#endif
