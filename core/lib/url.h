/* URLs, by libcurl's URL API. Nothing is guessed, decoded or normalised: a path with ".." in it stays as it is. */
#ifndef MOLBUILD_URL_H
#define MOLBUILD_URL_H

#include "buf.h"
#include "error.h"

#define URL_MAX 8192

/* Each part is NULL when the URL does not have it; all are owned by the struct. */
struct url {
	char *scheme; /* lower case */
	char *user, *password;
	char *host; /* an IPv6 address in brackets */
	char *path;
	char *query, *fragment;
	int port; /* 0: none given */
};

/* Parse an absolute URL of any scheme. Returns 0, or -1 with err set (code "invalid"; the message shows the URL with its
 * userinfo masked): control characters and spaces, more than URL_MAX bytes, no scheme, no host (but with file:). */
WARN_UNUSED int url_parse(const char *text, struct url *url, struct error *err);
void url_free(struct url *url);

/* The URL of the parts, to be freed by the caller. Returns 0, or -1 with err set. */
WARN_UNUSED int url_build(const struct url *url, char **text, struct error *err);

/* Whether two URLs have one origin: scheme, host (in any case) and port, the default of http, https, ssh or git
 * where none is given. */
int url_same_origin(const struct url *a, const struct url *b);

/* Append the URL with its userinfo replaced by "***", also when it is no URL. Returns 0, or -1 with errno set. */
WARN_UNUSED int url_mask(const char *text, struct buf *out);

#endif
