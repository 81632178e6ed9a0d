/* URLs, by libcurl's URL API. Nothing is guessed or decoded, and a path stays as it is given, with its
 * percent-encodings and "..": who joins paths checks for that. Only a host may come back in another spelling
 * (percent-decoded, an IPv4 address in the usual four numbers). */
#ifndef MOLBUILD_URL_H
#define MOLBUILD_URL_H

#include "base/buf.h"
#include "base/error.h"
#include "base/maxima.h"

/* Each part is NULL when the URL does not have it; all are owned by the struct. */
struct url {
	char *scheme; /* lower case */
	char *user, *password;
	char *host;             /* an IPv6 address in brackets; NULL for file: */
	char *path;             /* "/" when none is given */
	char *query, *fragment; /* without '?' and '#' */
	int port;               /* 0: none given */
};

/* Parse an absolute URL, "scheme://host..." of any scheme or "file:///path". Returns 0, or -1 with err set (code
 * "invalid", the message shows the URL with its userinfo masked; or ENOMEM) and URL empty. Refused besides: control
 * characters, spaces and backslashes, more than URL_MAX bytes, an IPv6 address with a zone, port 0, a host that is not
 * ASCII. */
WARN_UNUSED int url_parse(const char *text, struct url *url, struct error *err);
void url_free(struct url *url);

/* The URL of the parts, *TEXT to be freed by the caller. Returns 0, or -1 with err set: "invalid" when it would not
 * be parsed into the same parts again (a user with '@' in it, say: encoding is the caller's), or ENOMEM. */
WARN_UNUSED int url_build(const struct url *url, char **text, struct error *err);

/* Whether two URLs have one origin: scheme, host (in any case) and port, the default of http, https, ssh or git
 * where none is given. */
int url_same_origin(const struct url *a, const struct url *b);

/* Register the password of a URL as a secret, decoded (see mask.h); of an http or https URL that has none, or the
 * "x-oauth-basic" that stands for none, the user, which is a token then. One that the masker refuses, being short, is
 * left out. Returns 0, or -1 with err set (ENOMEM). */
WARN_UNUSED int url_add_secret(const struct url *url, struct error *err);

/* Append the URL to OUT with registered secrets and its userinfo masked. Of what is no URL, all before the last '@'
 * but the scheme is taken for userinfo. Returns 0, or -1 with errno set. */
WARN_UNUSED int url_mask(const char *text, struct buf *out);

#endif
