#include "url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mask.h"

#define MAX_MASKED_URL ((size_t)1 << 24)

int url_mask(const char *text, struct buf *out)
{
	return mask_text(text, strlen(text), out);
}

static int refuse(const char *text, const char *why, struct error *err)
{
	struct buf shown;
	buf_init(&shown, MAX_MASKED_URL);
	if (url_mask(text, &shown) < 0)
		error_errno(err, errno, "cannot parse a URL");
	else
		error_set(err, "invalid", "\"%.200s\" is not a usable URL: %s", shown.data ? shown.data : "", why);
	buf_free(&shown);
	return -1;
}

static CURLUcode get(CURLU *handle, CURLUPart part, CURLUcode absent, char **out)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(handle, part, &text, 0);
	if (code == absent)
		return CURLUE_OK;
	if (code != CURLUE_OK)
		return code;
	*out = strdup(text);
	curl_free(text);
	return *out ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
}

static CURLUcode get_all(CURLU *handle, struct url *url)
{
	char *port = NULL;
	CURLUcode code;
	if ((code = get(handle, CURLUPART_SCHEME, CURLUE_NO_SCHEME, &url->scheme)) ||
	    (code = get(handle, CURLUPART_USER, CURLUE_NO_USER, &url->user)) ||
	    (code = get(handle, CURLUPART_PASSWORD, CURLUE_NO_PASSWORD, &url->password)) ||
	    (code = get(handle, CURLUPART_HOST, CURLUE_NO_HOST, &url->host)) ||
	    (code = get(handle, CURLUPART_PATH, CURLUE_UNKNOWN_PART, &url->path)) ||
	    (code = get(handle, CURLUPART_QUERY, CURLUE_NO_QUERY, &url->query)) ||
	    (code = get(handle, CURLUPART_FRAGMENT, CURLUE_NO_FRAGMENT, &url->fragment)) ||
	    (code = get(handle, CURLUPART_PORT, CURLUE_NO_PORT, &port)))
		return code;
	url->port = port ? atoi(port) : 0;
	free(port);
	return CURLUE_OK;
}

int url_parse(const char *text, struct url *url, struct error *err)
{
	CURLU *handle;
	CURLUcode code;
	memset(url, 0, sizeof *url);
	if (strlen(text) > URL_MAX)
		return refuse(text, "it is too long", err);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c == 0x7f)
			return refuse("", "it holds a space or a control character", err);
	handle = curl_url();
	if (!handle)
		return error_errno(err, ENOMEM, "cannot parse a URL");
	code = curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
	if (code == CURLUE_OK)
		code = get_all(handle, url);
	curl_url_cleanup(handle);
	if (code != CURLUE_OK) {
		url_free(url);
		return refuse(text, curl_url_strerror(code), err);
	}
	return 0;
}

void url_free(struct url *url)
{
	free(url->scheme);
	free(url->user);
	free(url->password);
	free(url->host);
	free(url->path);
	free(url->query);
	free(url->fragment);
	memset(url, 0, sizeof *url);
}

int url_build(const struct url *url, char **text, struct error *err)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_HOST,
					  CURLUPART_PORT,   CURLUPART_PATH, CURLUPART_QUERY,    CURLUPART_FRAGMENT};
	char port[16], *built = NULL;
	const char *values[] = {url->scheme, url->user, url->password, url->host,
				port,        url->path, url->query,    url->fragment};
	CURLU *handle = curl_url();
	CURLUcode code = handle ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
	snprintf(port, sizeof port, "%d", url->port);
	for (size_t i = 0; code == CURLUE_OK && i < ARRAY_LEN(parts); i++)
		if (values[i] && (parts[i] != CURLUPART_PORT || url->port))
			code = curl_url_set(handle, parts[i], values[i], CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
	if (code == CURLUE_OK)
		code = curl_url_get(handle, CURLUPART_URL, &built, CURLU_NON_SUPPORT_SCHEME);
	curl_url_cleanup(handle);
	if (code != CURLUE_OK)
		return error_set(err, "invalid", "cannot build a URL: %s", curl_url_strerror(code));
	*text = strdup(built);
	curl_free(built);
	return *text ? 0 : error_errno(err, ENOMEM, "cannot build a URL");
}

static int effective_port(const struct url *url)
{
	static const struct {
		const char *scheme;
		int port;
	} defaults[] = {{"http", 80}, {"https", 443}, {"ssh", 22}, {"git", 9418}};
	if (url->port || !url->scheme)
		return url->port;
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (strcasecmp(url->scheme, defaults[i].scheme) == 0)
			return defaults[i].port;
	return 0;
}

int url_same_origin(const struct url *a, const struct url *b)
{
	return a->scheme && b->scheme && strcasecmp(a->scheme, b->scheme) == 0 &&
	       strcasecmp(a->host ? a->host : "", b->host ? b->host : "") == 0 &&
	       effective_port(a) == effective_port(b);
}
