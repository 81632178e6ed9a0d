/* Any text as a URL: what is parsed can be built again and is then parsed alike, and nothing that is shown of it,
 * in a message or masked, holds its password. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static int same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static void require_same(const struct url *a, const struct url *b)
{
	require(same(a->scheme, b->scheme) && same(a->user, b->user) && same(a->password, b->password));
	require(same(a->host, b->host) && same(a->path, b->path) && same(a->query, b->query));
	require(same(a->fragment, b->fragment) && a->port == b->port);
	require(url_same_origin(a, b) && url_same_origin(b, a));
}

static void rebuild(const struct url *url)
{
	struct url again;
	struct error err;
	char *text;
	if (url_build(url, &text, &err) < 0) {
		require(strcmp(err.code, "invalid") == 0);
		return;
	}
	require(url_parse(text, &again, &err) == 0);
	require_same(url, &again);
	url_free(&again);
	free(text);
}

/* TEXT with a password that stands nowhere else. */
static void require_hidden(const char *text)
{
	char with[4096];
	struct url url;
	struct error err;
	struct buf shown;
	snprintf(with, sizeof with, "https://user:PASSWORD@%s", text);
	buf_init(&shown, (size_t)1 << 16);
	require(url_mask(with, &shown) == 0);
	require(!strstr(shown.data, "PASSWORD"));
	buf_free(&shown);
	if (url_parse(with, &url, &err) < 0)
		require(!strstr(err.message, "PASSWORD"));
	else
		require(same(url.password, "PASSWORD") && !strpbrk(url.host, "@/?#\\"));
	url_free(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[2048];
	struct url url;
	struct error err;
	if (size >= sizeof text || memmem(data, size, "PASSWORD", 8))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (url_parse(text, &url, &err) == 0) {
		require(url.scheme && url.path && url.port >= 0 && url.port <= 65535);
		require(url.host || strcmp(url.scheme, "file") == 0);
		for (const unsigned char *c = data; c < data + strlen(text); c++)
			require(*c > 0x20 && *c != 0x7f);
		rebuild(&url);
	}
	url_free(&url);
	require_hidden(text);
	return 0;
}
