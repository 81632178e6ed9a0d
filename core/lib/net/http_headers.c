#include "net/http_headers.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void http_headers_init(struct http_headers *headers)
{
	headers->count = headers->bytes = 0;
	buf_init(&headers->text, HTTP_HEADER_BYTES_MAX);
}

void http_headers_free(struct http_headers *headers)
{
	buf_free(&headers->text);
}

void http_headers_clear(struct http_headers *headers)
{
	buf_clear(&headers->text);
	headers->count = headers->bytes = 0;
}

int http_headers_take(struct http_headers *headers, const char *line, size_t len)
{
	/* A new answer begins: after "100 Continue", or after a proxy's answer to CONNECT. Any number of them may come; the bound is
	 * on their sum. */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		buf_clear(&headers->text);
	headers->bytes += len;
	if (headers->bytes > HTTP_HEADER_BYTES_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	return buf_append(&headers->text, line, len);
}

/* In place. */
void http_headers_split(struct http_headers *headers)
{
	char *line = headers->text.data, *end, *colon;
	headers->count = 0;
	for (; line && (end = strpbrk(line, "\r\n")); line = end + 1 + strspn(end + 1, "\r\n")) {
		*end = '\0';
		colon = strchr(line, ':');
		if (!colon || headers->count == HTTP_HEADERS_MAX)
			continue;
		*colon = '\0';
		for (char *c = line; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		headers->list[headers->count++] = (struct http_header){line, colon + 1 + strspn(colon + 1, " \t")};
	}
}
