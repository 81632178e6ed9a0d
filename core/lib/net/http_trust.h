/* The files for TLS: trusted certificates, and the client's own. Part of http.h.
 *
 * A request trusts the certificates of `ca_file`; else those of SSL_CERT_FILE and SSL_CERT_DIR, with libcurl's own place for the one
 * of them that is not set; else the system's store (trust_store.h). */
#ifndef MOLBUILD_HTTP_TRUST_H
#define MOLBUILD_HTTP_TRUST_H

#include <curl/curl.h>

#include "net/http.h"

/* libcurl opens the files within the loop: a FIFO or a device could block it without a bound.
 * Returns 0, or -1 with err set: "invalid". Missing files are left to libcurl, which reports them. */
WARN_UNUSED int http_trust_check(const struct http_options *options, struct error *err);

/* Pass the files that the options and the variables name to libcurl. Returns 1 if they name no authorities: then the
 * system's store applies. */
WARN_UNUSED int http_trust_set(CURL *easy, const struct http_options *options);

/* Pass the system's store to libcurl. It is looked for once per process. */
void http_trust_system(CURL *easy);

/* What is wrong with the system's store, if that is why a request that used it ended with RESULT; NULL otherwise. */
const char *http_trust_problem(CURLcode result);

/* The system's bundle, if its directory of hashed certificates did not suffice for a server; NULL otherwise. */
const char *http_trust_needed(void);

/* The end of the certificate that the server of EASY has shown, in seconds since 1970; 0 if it has shown none, or if it was not
 * requested (CURLOPT_CERTINFO). */
int64_t http_trust_ends(CURL *easy);

/* The date in a line of CURLINFO_CERTINFO, "Expire date:Dec 26 00:00:00 2026 GMT"; 0 for any other line. */
int64_t http_trust_date(const char *text);

#endif
