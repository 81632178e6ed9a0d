#include "net/http_trust.h"

#include <stdlib.h>
#include <string.h>

#include "file/fs.h"

static const char *authorities(const struct http_options *options)
{
	return options->ca_file ? options->ca_file : getenv("SSL_CERT_FILE");
}

static int check_file(const char *path, struct error *err)
{
	struct error ignored;
	const char *type;
	if (!path || !*path || fs_type(path, &type, &ignored) < 0 || strcmp(type, "file") == 0 ||
	    strcmp(type, "directory") == 0)
		return 0;
	return error_set(err, "invalid", "%s is not a regular file", path);
}

int http_trust_check(const struct http_options *options, struct error *err)
{
	if (check_file(options->cert_file, err) < 0 || check_file(options->key_file, err) < 0)
		return -1;
	/* These matter only for https, and need not be checked for every question to an engine. */
	return strncmp(options->url, "https:", 6) == 0 ? check_file(authorities(options), err) : 0;
}

void http_trust_set(CURL *easy, const struct http_options *options)
{
	const char *file = authorities(options);
	const char *dir = getenv("SSL_CERT_DIR");
	if (file && *file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	if (!options->ca_file && dir && *dir)
		curl_easy_setopt(easy, CURLOPT_CAPATH, dir);
	if (options->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, options->cert_file);
	if (options->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, options->key_file);
}
