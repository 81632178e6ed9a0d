/* The error code (see error.h) of a request that got no answer from libcurl. */
#ifndef MOLBUILD_HTTP_CODE_H
#define MOLBUILD_HTTP_CODE_H

#include <curl/curl.h>

/* EASY knows whether a proxy refused. DETAIL is libcurl's text about the failure (CURLOPT_ERRORBUFFER), not
 * NULL. The returned string is static. */
const char *http_code(CURL *easy, CURLcode result, const char *detail);

/* Whether ERRNUM, of a failed socket(), is the reason for the missing connection: a lack of descriptors or memory. A missing
 * address family is not the reason, since others are tried. */
int http_code_is_local(int errnum);

#endif
