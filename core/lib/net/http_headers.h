/* The headers of an answer, as they come from libcurl: collected, bounded, cut into names and values. Part of http.h. */
#ifndef MOLBUILD_HTTP_HEADERS_H
#define MOLBUILD_HTTP_HEADERS_H

#include "base/buf.h"
#include "base/maxima.h"

struct http_header {
	char *name; /* lower case */
	char *value;
};

struct http_headers {
	struct buf text;
	size_t bytes; /* of this answer and of those before it, such as "100 Continue" */
	struct http_header list[HTTP_HEADERS_MAX];
	size_t count;
};

void http_headers_init(struct http_headers *headers);
void http_headers_free(struct http_headers *headers);

/* Another request begins. */
void http_headers_clear(struct http_headers *headers);

/* One line, with its end; a line of status begins another answer, and those before are forgotten. Returns 0, or -1 with errno
 * EMSGSIZE: more than HTTP_HEADER_BYTES_MAX in all; or ENOMEM. */
WARN_UNUSED int http_headers_take(struct http_headers *headers, const char *line, size_t len);

/* Fill the list, in order. What is beyond HTTP_HEADERS_MAX is left out. */
void http_headers_split(struct http_headers *headers);

#endif
