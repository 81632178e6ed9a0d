#include "net/http_trust.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "file/fs.h"
#include "net/trust_store.h"
#include "net/trust_verify.h"

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static const char *authorities(const struct http_options *options)
{
	return options->ca_file ? options->ca_file : variable("SSL_CERT_FILE");
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
	return strncasecmp(options->url, "https:", 6) == 0 ? check_file(authorities(options), err) : 0;
}

static const char *own_bundle(void)
{
#if LIBCURL_VERSION_NUM >= 0x074600
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	return info->age >= CURLVERSION_SEVENTH ? info->cainfo : NULL;
#else
	return NULL;
#endif
}

static const struct trust_store *system_store(void)
{
	static struct trust_store store;
	static int found;
	if (!found)
		trust_store_find("", own_bundle(), 0, &store);
	found = 1;
	return &store;
}

/* NULL: none. libcurl has a proxy's settings apart. */
static void set_places(CURL *easy, const char *file, const char *directory)
{
	curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	curl_easy_setopt(easy, CURLOPT_CAPATH, directory);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, file);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, directory);
}

/* What the caller or a variable names is for servers. For a proxy that speaks TLS libcurl's own place remains, and a libcurl without
 * one needs the system's. */
static void set_places_of_proxy(CURL *easy)
{
	if (!own_bundle())
		curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, system_store()->bundle);
}

int http_trust_set(CURL *easy, const struct http_options *options)
{
	const char *file = variable("SSL_CERT_FILE"), *directory = variable("SSL_CERT_DIR");
	if (options->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, options->cert_file);
	if (options->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, options->key_file);
	if ((options->ca_file || file || directory) && !options->unix_socket)
		set_places_of_proxy(easy);
	if (options->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
		/* libcurl's own directory would be trusted, too. */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		return 0;
	}
	/* A libcurl without places of its own needs the system's. */
	if (directory && !file && !own_bundle())
		file = system_store()->bundle;
	if (file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	if (directory)
		curl_easy_setopt(easy, CURLOPT_CAPATH, directory);
	return !file && !directory;
}

/* Whether libcurl's TLS is the OpenSSL that this program uses. With any other library, OpenSSL's structures mean nothing. */
static int is_our_openssl(const char *tls)
{
	const char *ours = OpenSSL_version(OPENSSL_VERSION);
	size_t len = strcspn(tls, "/");
	size_t version = strlen(tls);
	return strncmp(tls, "OpenSSL/", 8) == 0 && strncmp(ours, tls, len) == 0 && ours[len] == ' ' &&
	       strncmp(ours + len + 1, tls + len + 1, version - len - 1) == 0 && ours[version] == ' ';
}

/* macOS and Windows have stores that are no files. libcurl uses them only if no file is named. */
static int has_its_own_store(const char *tls)
{
	return strstr(tls, "SecureTransport") || strstr(tls, "Schannel");
}

static CURLcode on_context(CURL *easy, void *context, void *bundle)
{
	(void)easy;
	trust_verify_set(context, bundle);
	return CURLE_OK;
}

void http_trust_system(CURL *easy)
{
	const struct trust_store *store = system_store();
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
	if (!tls || has_its_own_store(tls))
		return;
	if (store->directory && is_our_openssl(tls)) {
		set_places(easy, NULL, store->directory);
		if (!store->bundle)
			return;
		curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
		curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, (void *)(uintptr_t)store->bundle);
	} else if (store->bundle) {
		set_places(easy, store->bundle, NULL);
	}
}

const char *http_trust_problem(CURLcode result)
{
	const struct trust_store *store = system_store();
	const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
	if (!tls || has_its_own_store(tls))
		return NULL;
	if (result == CURLE_PEER_FAILED_VERIFICATION && (store->bundle || store->directory))
		return trust_verify_problem();
	return result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE ? TRUST_VERIFY_NO_STORE : NULL;
}

const char *http_trust_needed(void)
{
	return trust_verify_needed();
}

int64_t http_trust_date(const char *text)
{
	static const char prefix[] = "Expire date:";
	time_t seconds;
	if (strncmp(text, prefix, sizeof prefix - 1) != 0)
		return 0;
	seconds = curl_getdate(text + sizeof prefix - 1, NULL);
	return seconds > 0 ? (int64_t)seconds : 0;
}

int64_t http_trust_ends(CURL *easy)
{
	struct curl_certinfo *chain = NULL;
	int64_t ends = 0;
	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain || chain->num_of_certs < 1)
		return 0;
	/* The server's own certificate is the first one. */
	for (const struct curl_slist *line = chain->certinfo[0]; line && !ends; line = line->next)
		ends = http_trust_date(line->data);
	return ends;
}
