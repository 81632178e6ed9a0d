/* Secrets, and text without them. One registry for the whole process; not for several threads.
 *
 * A secret is found in each of these forms: as it is; base64 (both alphabets, padded or not) of it, of
 * "user:secret" for the known users, and of any text that contains it (the characters that depend only on the
 * secret; the neighbouring ones, which hold up to four of its bits each, stay). Any character of a form may also be
 * percent-encoded (%2F, %2f) or escaped as in JSON (\/ \" \\ \u002f; not characters beyond ASCII), independently of
 * the others. Not found are: a form with a line break in it (base64 wrapped at 76 characters), double encodings, and
 * other encodings (hex, shell quoting).
 *
 * The userinfo of a URL (any text between "://" and an '@', at most 4096 bytes, without '/', white space,
 * quotes and angle brackets) is a secret, too, registered or not. The exception is the user "git": all forges use it
 * for ssh, and hints need it.
 *
 * Each find is shown as MASK_TEXT; of several that begin at one place the longest is used, and overlapping finds are
 * one.
 *
 *   mask_add(secret, len, &err);              as soon as a secret is known
 *   mask_text(text, len, &out);               a whole text
 *
 *   mask_stream_init(&stream);                a text in pieces
 *   mask_feed(&stream, data, len, &out);      each piece
 *   mask_finish(&stream, &out);               the rest
 *   mask_stream_free(&stream);
 *
 * Errors: a secret that cannot be registered must not be used, since nothing would mask it. A text that cannot be masked (out of
 * memory, or OUT is full) must not be shown.
 */
#ifndef MOLBUILD_MASK_H
#define MOLBUILD_MASK_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/maxima.h"

#define MASK_TEXT "***"

/* Register a secret; registering it again does nothing. Returns 0, or -1 with err set and nothing changed:
 * "invalid" when it is too short, too long, or is not printable text that terminal_filter.h leaves as it is (the message
 * never shows it), "too_large" when there are too many, ENOMEM. */
WARN_UNUSED int mask_add(const char *secret, size_t len, struct error *err);

/* Register a user name for base64("user:secret"); oauth2, x-access-token, git, token and "" are known. It applies
 * to all secrets, earlier and later. Returns 0, or -1 with err set and nothing changed. */
WARN_UNUSED int mask_add_user(const char *user, struct error *err);

/* Forget and wipe all secrets and added users. */
void mask_clear(void);

/* Append the complete TEXT to OUT with every secret masked. Returns 0, or -1 with errno set; OUT then
 * holds no more than a part. */
WARN_UNUSED int mask_text(const char *text, size_t len, struct buf *out);

/* Let *TEXT of *LEN bytes be what may be shown of it: itself where it holds no secret, which takes no memory; else the masked text
 * in OUT, which must be empty before. Returns 0, or -1 with errno set and *TEXT as it was. */
WARN_UNUSED int mask_view(const char **text, size_t *len, struct buf *out);

/* Text in pieces, which may be split anywhere. The result is that of mask_text() on the whole text. Only an end of a piece
 * that may be the beginning of a secret is held back (at most 64 KiB). Secrets may be registered
 * between the pieces: they are found in text that has not been output yet. */
struct mask_stream {
	struct buf held;
	size_t covered; /* bytes of it that are part of a secret already shown as masked */
};

void mask_stream_init(struct mask_stream *stream);

/* Wipes the held-back bytes. */
void mask_stream_free(struct mask_stream *stream);

/* Append to OUT the text that is decided after LEN more bytes. Returns 0, or -1 with errno set: text may then be lost, and
 * the stream can only be freed. */
WARN_UNUSED int mask_feed(struct mask_stream *stream, const char *data, size_t len, struct buf *out);

/* The end of the text: append the rest. Returns as mask_feed(). The stream can then be used for another text. */
WARN_UNUSED int mask_finish(struct mask_stream *stream, struct buf *out);

#endif
