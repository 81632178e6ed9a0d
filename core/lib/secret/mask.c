#include "secret/mask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret/mask_internal.h"
#include "text/terminal_filter.h"

/* Bytes that are checked in one step. */
#define PIECE ((size_t)64 << 10)

#define KNOWN_USERS 5

/* With the colon that base64("user:secret") has. */
static char users[KNOWN_USERS + MASK_USERS_MAX][MASK_USER_MAX + 2] = {"oauth2:", "x-access-token:", "git:", "token:", ":"};
static size_t user_count = KNOWN_USERS;
static struct mask_secret secrets[MASK_SECRETS_MAX];
static size_t secret_count;
static struct mask_forms forms;

static int make_forms(struct error *err)
{
	if (mask_forms_build(&forms, secrets, secret_count, users, user_count) == 0)
		return 0;
	return error_errno(err, ENOMEM, "cannot register a secret");
}

int mask_add_user(const char *user, struct error *err)
{
	char word[MASK_USER_MAX + 2];
	if (strlen(user) > MASK_USER_MAX)
		return error_set(err, "invalid", "a user name must have at most %d characters", MASK_USER_MAX);
	snprintf(word, sizeof word, "%s:", user);
	for (size_t i = 0; i < user_count; i++)
		if (strcmp(users[i], word) == 0)
			return 0;
	if (user_count == ARRAY_LEN(users))
		return error_set(err, "too_large", "at most %d user names can be registered", MASK_USERS_MAX);
	memcpy(users[user_count++], word, sizeof word);
	if (make_forms(err) == 0)
		return 0;
	user_count--;
	return -1;
}

/* A secret that the filter changes would not be found in its output. */
static int check_printable(const char *secret, size_t len, struct error *err)
{
	struct terminal_filter filter;
	struct buf seen;
	int failed, same;
	buf_init(&seen, 3 * MASK_SECRET_MAX + 3);
	terminal_filter_init(&filter);
	failed = terminal_filter_feed(&filter, secret, len, &seen) < 0 || terminal_filter_finish(&filter, &seen) < 0;
	same = !failed && seen.len == len && memcmp(seen.data, secret, len) == 0 && !memchr(secret, '\n', len) &&
	       !memchr(secret, '\t', len);
	mask_wipe(seen.data, seen.len);
	buf_free(&seen);
	if (failed)
		return error_errno(err, ENOMEM, "cannot register a secret");
	return same ? 0 : error_set(err, "invalid", "a secret must not hold control characters or invalid UTF-8");
}

static void forget_last_secret(void)
{
	struct mask_secret *last = &secrets[--secret_count];
	mask_wipe(last->text, last->len);
	free(last->text);
}

int mask_add(const char *secret, size_t len, struct error *err)
{
	char *copy;
	if (len < MASK_SECRET_MIN)
		return error_set(err, "invalid", "a secret must have at least %d characters", MASK_SECRET_MIN);
	if (len > MASK_SECRET_MAX)
		return error_set(err, "invalid", "a secret must have at most %d characters", MASK_SECRET_MAX);
	if (check_printable(secret, len, err) < 0)
		return -1;
	for (size_t i = 0; i < secret_count; i++)
		if (secrets[i].len == len && memcmp(secrets[i].text, secret, len) == 0)
			return 0;
	if (secret_count == MASK_SECRETS_MAX)
		return error_set(err, "too_large", "at most %d secrets can be registered", MASK_SECRETS_MAX);
	copy = malloc(len);
	if (!copy)
		return error_errno(err, ENOMEM, "cannot register a secret");
	memcpy(copy, secret, len);
	secrets[secret_count++] = (struct mask_secret){copy, len};
	if (make_forms(err) == 0)
		return 0;
	forget_last_secret();
	return -1;
}

void mask_clear(void)
{
	while (secret_count > 0)
		forget_last_secret();
	mask_wipe(users[KNOWN_USERS], (user_count - KNOWN_USERS) * sizeof *users);
	user_count = KNOWN_USERS;
	mask_forms_free(&forms);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

struct text {
	const unsigned char *bytes;
	size_t len;
	size_t covered; /* how many bytes at the beginning are part of a secret that is already shown as masked */
	int final;      /* this is the end of the text */
};

/* What may begin with the two bytes at BYTES. */
static int pair(const unsigned char *bytes)
{
	return mask_pairs[mask_pair(bytes)];
}

/* Whether a match may begin with the three bytes. */
static int may_begin(const unsigned char *bytes)
{
	return (pair(bytes) & MASK_ALONE) || (pair(bytes) & MASK_FIRST && pair(bytes + 1) & MASK_SECOND);
}

/* The next place from AT on where a match may begin; always also the last two bytes, where one may be cut off. */
static size_t next_place(const struct text *text, size_t at)
{
	const unsigned char *begin = text->bytes + at, *p = begin, *end = text->bytes + text->len;
	while (end - p > 2) {
		const unsigned char *stop = end - p > 10 ? p + 8 : end - 2;
		/* A match at an odd place shows in the pair after it; so does one just before this block. */
		if (end - p > 10 && !(pair(p) | pair(p + 2) | pair(p + 4) | pair(p + 6))) {
			p = stop;
			continue;
		}
		for (p -= p > begin; p < stop; p++)
			if (may_begin(p))
				return (size_t)(p - text->bytes);
	}
	return (size_t)(p - text->bytes);
}

/* The end of the match from AT on, or 0. *OPEN: more text may change the answer. */
static size_t end_of_secret(const struct text *text, size_t at, const char **shown, int *open)
{
	size_t end = mask_find_form(&forms, text->bytes, text->len, at, open), url = 0;
	if (text->bytes[at] == ':')
		url = mask_find_userinfo(text->bytes, text->len, at, open);
	*shown = url > end ? "://" MASK_TEXT : MASK_TEXT;
	return url > end ? url : end;
}

/* Append the masked TEXT to OUT as far as the end of its last secret, which *SHOWN becomes: text->covered without one. *AT becomes
 * the beginning of the part that depends on more text. Returns 0, or -1 with errno set by OUT. */
static int show_secrets(const struct text *text, size_t *at, size_t *shown, struct buf *out)
{
	*shown = text->covered;
	for (*at = 0; (*at = next_place(text, *at)) < text->len; (*at)++) {
		const char *instead;
		int open = 0;
		size_t end = end_of_secret(text, *at, &instead, &open);
		if (open && !text->final)
			break;
		/* Overlapping secrets are shown as one. */
		if (end > *shown && *at >= *shown &&
		    (buf_append(out, text->bytes + *shown, *at - *shown) < 0 || buf_append(out, instead, strlen(instead)) < 0))
			return -1;
		*shown = end > *shown ? end : *shown;
	}
	return 0;
}

/* Append the masked TEXT to OUT. The part that depends on more text is left over: *LEFT becomes its length, a suffix of
 * the text, and TEXT->covered the value to continue with. Returns 0, or -1 with errno set by OUT. */
static int scan(struct text *text, size_t *left, struct buf *out)
{
	size_t shown, at;
	if (show_secrets(text, &at, &shown, out) < 0)
		return -1;
	*left = text->len - at;
	text->covered = shown > at ? shown - at : 0;
	return shown < at ? buf_append(out, text->bytes + shown, at - shown) : 0;
}

static struct text whole_text(const char *text, size_t len)
{
	return (struct text){.bytes = (const unsigned char *)text, .len = len, .final = 1};
}

int mask_text(const char *text, size_t len, struct buf *out)
{
	struct text whole = whole_text(text, len);
	size_t left;
	return scan(&whole, &left, out);
}

int mask_view(const char **text, size_t *len, struct buf *out)
{
	struct text whole = whole_text(*text, *len);
	size_t at, shown;
	INVARIANT(out->len == 0);
	if (show_secrets(&whole, &at, &shown, out) < 0)
		return -1;
	if (shown == 0)
		return 0;
	if (buf_append(out, *text + shown, *len - shown) < 0)
		return -1;
	*text = out->data;
	*len = out->len;
	return 0;
}

/* ---- text in pieces ---------------------------------------------------------------------------------------- */

void mask_stream_init(struct mask_stream *stream)
{
	*stream = (struct mask_stream){0};
	buf_init(&stream->held, MASK_HELD_MAX);
}

void mask_stream_free(struct mask_stream *stream)
{
	mask_wipe(stream->held.data, stream->held.cap);
	buf_free(&stream->held);
	stream->covered = 0;
}

/* A piece continues the held-back bytes; without such bytes it is not copied. */
static int take_piece(struct mask_stream *stream, const char *data, size_t len, int final, struct buf *out)
{
	struct buf *held = &stream->held;
	int joined = held->len > 0;
	struct text text = {.covered = stream->covered, .final = final};
	size_t left;
	if (joined && buf_append(held, data, len) < 0)
		return -1;
	text.bytes = (const unsigned char *)(joined ? held->data : data);
	text.len = joined ? held->len : len;
	if (scan(&text, &left, out) < 0)
		return -1;
	stream->covered = text.covered;
	if (!joined)
		return buf_append(held, data + len - left, left);
	buf_shift(held, held->len - left);
	return 0;
}

int mask_feed(struct mask_stream *stream, const char *data, size_t len, struct buf *out)
{
	while (len > 0) {
		size_t piece = len < PIECE ? len : PIECE;
		if (take_piece(stream, data, piece, 0, out) < 0)
			return -1;
		INVARIANT(stream->covered <= stream->held.len);
		data += piece;
		len -= piece;
	}
	return 0;
}

int mask_finish(struct mask_stream *stream, struct buf *out)
{
	return stream->held.len > 0 ? take_piece(stream, "", 0, 1, out) : 0;
}
