/* The word of error.h for a request that libcurl could not bring to an answer. */
#ifndef MOLBUILD_HTTP_CODE_H
#define MOLBUILD_HTTP_CODE_H

#include <curl/curl.h>

/* EASY is asked whether it was a proxy that refused. DETAIL is what libcurl wrote about the failure (CURLOPT_ERRORBUFFER), not
 * NULL. The word is static. */
const char *http_code(CURL *easy, CURLcode result, const char *detail);

/* Whether ERRNUM, of a socket that could not be made, is why there is no connection: descriptors or memory have run out. That the
 * system lacks a family of addresses is no reason, since others are tried. */
int http_code_is_local(int errnum);

#endif
