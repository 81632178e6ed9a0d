/* Secrets, and text without them. One registry for the whole process; not for several threads.
 *
 * A secret is found in each of these forms: as it is; with JSON's escapes of '/', '"' and '\'; base64 of it, of
 * "user:secret" for the registered users, and of anything else that contains it (the characters that the secret alone
 * decides); each of them also with any of its characters percent-encoded, in either case of the hex digits.
 * Where several begin at one place the longest is masked. What is shown instead is MASK_TEXT.
 */
#ifndef MOLBUILD_MASK_H
#define MOLBUILD_MASK_H

#include <stddef.h>

#include "buf.h"
#include "error.h"

#define MASK_TEXT "***"
/* Bytes. A shorter secret would blot out ordinary words. */
#define MASK_SECRET_MIN 8
#define MASK_SECRET_MAX 4096

/* Register a secret; registering it again does nothing. Returns 0, or -1 with err set: "invalid" when it is too short,
 * too long, or holds a control character (the message never shows it), ENOMEM. */
WARN_UNUSED int mask_add(const char *secret, size_t len, struct error *err);

/* Register a user name for base64("user:secret"); oauth2, x-access-token, git, token and "" are known. It counts for
 * secrets registered later. Returns 0, or -1 with err set. */
WARN_UNUSED int mask_add_user(const char *user, struct error *err);

/* Forget and wipe all secrets and added users. */
void mask_clear(void);

/* Append TEXT to OUT, every secret and the userinfo of every URL in it masked. Returns 0, or -1 with errno set. */
WARN_UNUSED int mask_text(const char *text, size_t len, struct buf *out);

/* Text that comes in pieces. A piece's end is held back only as far as it could be the beginning of a secret. Zero the
 * struct or call mask_stream_init(); secrets may be registered between the pieces. */
struct mask_stream {
	struct buf held;
};

void mask_stream_init(struct mask_stream *stream);
void mask_stream_free(struct mask_stream *stream);

/* Append to OUT what may be shown of LEN more bytes. Returns 0, or -1 with errno set. */
WARN_UNUSED int mask_feed(struct mask_stream *stream, const char *data, size_t len, struct buf *out);

/* No more will come: append the rest. Returns 0, or -1 with errno set. */
WARN_UNUSED int mask_finish(struct mask_stream *stream, struct buf *out);

#endif
