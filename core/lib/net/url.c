#include "net/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "secret/mask.h"

#define FLAGS (CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS)

static const char out_of_memory[] = "out of memory";

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
	code = port && url->port == 0 ? CURLUE_BAD_PORT_NUMBER : CURLUE_OK;
	free(port);
	return code;
}

/* The reason to refuse text that libcurl would accept; NULL: none. */
static const char *objection(const char *text)
{
	const char *colon = strchr(text, ':');
	if (strlen(text) > URL_MAX)
		return "it is too long";
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= 0x20 || *c == 0x7f || *c == '\\')
			return "it holds a space, a control character or a backslash";
	/* libcurl also accepts one slash, and three. */
	if (!colon || strncmp(colon, "://", 3) != 0)
		return "it does not begin with a scheme and \"://\"";
	if (colon[3] == '/' && (colon - text != 4 || strncasecmp(text, "file", 4) != 0))
		return "it has no host";
	return NULL;
}

/* The form of such a host in DNS depends on the locale and the library, and git does not compare it. */
static int is_international(const struct url *url)
{
	for (const char *c = url->host; c && *c; c++)
		if ((unsigned char)*c >= 0x80)
			return 1;
	return 0;
}

/* Returns NULL, or the reason for a failure; URL is then empty. */
static const char *parse(const char *text, struct url *url)
{
	const char *why = objection(text);
	char *zone = NULL;
	CURLU *handle;
	CURLUcode code;
	memset(url, 0, sizeof *url);
	if (why)
		return why;
	handle = curl_url();
	if (!handle)
		return out_of_memory;
	code = curl_url_set(handle, CURLUPART_URL, text, FLAGS);
	if (code == CURLUE_OK)
		code = get_all(handle, url);
	if (code == CURLUE_OUT_OF_MEMORY)
		why = out_of_memory;
	else if (code != CURLUE_OK)
		why = curl_url_strerror(code);
	else if (curl_url_get(handle, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK)
		why = "its address has a zone";
	else if (is_international(url))
		why = "its host is not ASCII (an international name has a form that begins with \"xn--\")";
	curl_free(zone);
	curl_url_cleanup(handle);
	if (why)
		url_free(url);
	return why;
}

/* Append text, which has an @, with everything that may be userinfo replaced by "***". */
static int mask_no_url(const char *text, struct buf *out)
{
	const char *sign = strrchr(text, '@'), *begin = strstr(text, "://");
	begin = begin && begin + 3 <= sign ? begin + 3 : text;
	/* "git@host:path", the form of ssh's own programs. */
	if (sign - begin == 3 && strncmp(begin, "git", 3) == 0)
		return mask_text(text, strlen(text), out);
	if (mask_text(text, (size_t)(begin - text), out) < 0 || buf_append(out, MASK_TEXT, strlen(MASK_TEXT)) < 0)
		return -1;
	return mask_text(sign, strlen(sign), out);
}

int url_mask(const char *text, struct buf *out)
{
	struct url url;
	const char *why;
	if (!strchr(text, '@'))
		return mask_text(text, strlen(text), out); /* there is no userinfo */
	why = parse(text, &url);
	url_free(&url);
	if (why == out_of_memory) {
		errno = ENOMEM;
		return -1;
	}
	return why ? mask_no_url(text, out) : mask_text(text, strlen(text), out);
}

static int refuse(const char *text, const char *why, struct error *err)
{
	struct buf shown;
	buf_init(&shown, URL_MASKED_MAX);
	if (why == out_of_memory || url_mask(text, &shown) < 0) {
		error_errno(err, ENOMEM, "cannot parse a URL");
	} else {
		for (size_t i = 0; i < shown.len; i++)
			if ((unsigned char)shown.data[i] < 0x20 || shown.data[i] == 0x7f)
				shown.data[i] = '?';
		error_set(err, "invalid", "\"%.200s\" is not a usable URL: %s", shown.data ? shown.data : "", why);
	}
	buf_free(&shown);
	return -1;
}

int url_parse(const char *text, struct url *url, struct error *err)
{
	const char *why = parse(text, url);
	return why ? refuse(text, why, err) : 0;
}

static const char *secret_part(const struct url *url)
{
	int has_password = url->password && *url->password && strcmp(url->password, "x-oauth-basic") != 0;
	if (has_password)
		return url->password;
	return url->scheme && strncasecmp(url->scheme, "http", 4) == 0 ? url->user : NULL;
}

int url_add_secret(const struct url *url, struct error *err)
{
	const char *given = secret_part(url);
	char *plain;
	int len = 0, result;
	if (!given)
		return 0;
	plain = curl_easy_unescape(NULL, given, 0, &len);
	if (!plain)
		return error_errno(err, ENOMEM, "cannot register a secret");
	result = mask_add(plain, (size_t)len, err);
	curl_free(plain);
	return result == 0 || strcmp(err->code, "ENOMEM") != 0 ? 0 : -1;
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

static int same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Whether TEXT has exactly the parts of URL. */
static int has_parts(const char *text, const struct url *url)
{
	struct url again;
	int same = !parse(text, &again) && strcasecmp(again.scheme, url->scheme) == 0 && same_text(again.user, url->user) &&
	           same_text(again.password, url->password) && same_text(again.host, url->host) &&
	           same_text(again.path, url->path && *url->path ? url->path : "/") && same_text(again.query, url->query) &&
	           same_text(again.fragment, url->fragment) && again.port == url->port;
	url_free(&again);
	return same;
}

static int append(struct buf *out, const char *before, const char *text)
{
	if (!text)
		return 0;
	return buf_append(out, before, strlen(before)) < 0 ? -1 : buf_append(out, text, strlen(text));
}

/* Not by curl_url_set(), which would change the case of percent-encodings. */
static int join(const struct url *url, struct buf *out)
{
	char port[16];
	snprintf(port, sizeof port, "%d", url->port);
	if (append(out, "", url->scheme) < 0 || append(out, "", "://") < 0 || append(out, "", url->user) < 0 ||
	    append(out, ":", url->password) < 0 || append(out, "@", url->user || url->password ? "" : NULL) < 0 ||
	    append(out, "", url->host) < 0 || append(out, ":", url->port ? port : NULL) < 0 ||
	    append(out, "", url->path && *url->path ? url->path : "/") < 0 || append(out, "?", url->query) < 0)
		return -1;
	return append(out, "#", url->fragment);
}

int url_build(const struct url *url, char **text, struct error *err)
{
	struct buf out;
	buf_init(&out, URL_MAX);
	if (join(url, &out) < 0) {
		int too_long = errno == EMSGSIZE;
		buf_free(&out);
		return too_long ? error_set(err, "invalid", "cannot build a URL: it is too long")
		                : error_errno(err, ENOMEM, "cannot build a URL");
	}
	if (!url->scheme || !has_parts(out.data, url)) {
		buf_free(&out);
		return error_set(err, "invalid",
		                 "cannot build a URL: a part is missing, or has characters that must be encoded");
	}
	*text = out.data;
	return 0;
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
	       strcasecmp(a->host ? a->host : "", b->host ? b->host : "") == 0 && effective_port(a) == effective_port(b);
}
