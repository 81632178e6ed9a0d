/* URLs, by libcurl's URL API. Nothing is guessed or decoded, and a path stays as it is given, with its
 * percent-encodings and "..": callers that join paths must check for "..". Only a host may be returned in another form
 * (percent-decoded, an IPv4 address as the usual four numbers). */
#ifndef MOLBUILD_URL_H
#define MOLBUILD_URL_H

#include "base/buf.h"
#include "base/error.h"
#include "base/maxima.h"

/* A part that the URL lacks is NULL; the struct owns all parts. */
struct url {
	char *scheme; /* lower case */
	char *user, *password;
	char *host;             /* an IPv6 address in brackets; NULL for file: */
	char *path;             /* "/" when none is given */
	char *query, *fragment; /* without '?' and '#' */
	int port;               /* 0: none given */
};

/* Parse an absolute URL, "scheme://host..." of any scheme or "file:///path". Returns 0, or -1 with err set (code
 * "invalid", the message shows the URL with its userinfo masked; or ENOMEM) and URL empty. Also refused: control
 * characters, spaces and backslashes, more than URL_MAX bytes, an IPv6 address with a zone, port 0, a host that is not
 * ASCII. */
WARN_UNUSED int url_parse(const char *text, struct url *url, struct error *err);
void url_free(struct url *url);

/* Build the URL of the parts; the caller frees *TEXT. Returns 0, or -1 with err set: "invalid" when it would not
 * be parsed into the same parts again (for example, a user with '@': the caller must encode it), or ENOMEM. */
WARN_UNUSED int url_build(const struct url *url, char **text, struct error *err);

/* Whether two URLs have the same origin: scheme, host (in any case) and port, which defaults to that of http, https, ssh
 * or git. */
int url_same_origin(const struct url *a, const struct url *b);

/* Register the password of a URL as a secret, decoded (see mask.h). For an http or https URL without a password, or with the
 * placeholder "x-oauth-basic", register the user, which then is a token. A secret that is too short for the masker is
 * skipped. Returns 0, or -1 with err set (ENOMEM). */
WARN_UNUSED int url_add_secret(const struct url *url, struct error *err);

/* Append the URL to OUT with registered secrets and its userinfo masked. In text that is not a URL, everything before the last
 * '@' except the scheme is treated as userinfo. Returns 0, or -1 with errno set. */
WARN_UNUSED int url_mask(const char *text, struct buf *out);

#endif
