#include "secret/mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "secret/mask_forms.h"
#include "secret/mask_scan.h"
#include "text/terminal_filter.h"

/* A long piece is joined to what is held back in slices, until nothing of that is undecided any more; the first few
 * bytes are nearly always enough. */
#define FIRST_SLICE ((size_t)256)
#define SLICE       ((size_t)64 << 10)
#define HELD_MAX    (SLICE + ((size_t)64 << 10))

static struct mask_forms forms;
static struct mask_word secrets[MASK_SECRETS_MAX];
static size_t secret_count;

/* With the colon that base64("user:secret") has. */
static const struct mask_word known_users[] = {{"oauth2:", 7}, {"x-access-token:", 15}, {"git:", 4}, {"token:", 6}, {":", 1}};
static struct mask_word users[ARRAY_LEN(known_users) + MASK_USERS_MAX];
static size_t user_count;

static void free_word(struct mask_word *word)
{
	mask_wipe((char *)word->text, word->len);
	free((char *)word->text);
	*word = (struct mask_word){0};
}

/* Known users are literals, in front of the added ones. */
static void know_users(void)
{
	if (user_count > 0)
		return;
	memcpy(users, known_users, sizeof known_users);
	user_count = ARRAY_LEN(known_users);
}

static int has_word(const struct mask_word *list, size_t count, const char *text, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].len == len && memcmp(list[i].text, text, len) == 0)
			return 1;
	return 0;
}

/* Append TEXT to LIST, whose room the caller has checked, and make all forms anew. */
static int add_word(struct mask_word *list, size_t *count, const char *text, size_t len, struct error *err)
{
	char *copy = malloc(len);
	if (!copy)
		return error_errno(err, ENOMEM, "cannot register a secret");
	memcpy(copy, text, len);
	list[(*count)++] = (struct mask_word){copy, len};
	know_users();
	if (mask_forms_build(&forms, &(struct mask_source){secrets, secret_count, users, user_count}) == 0)
		return 0;
	free_word(&list[--*count]);
	return error_errno(err, ENOMEM, "cannot register a secret");
}

int mask_add_user(const char *user, struct error *err)
{
	char word[MASK_USER_MAX + 2];
	size_t len = strlen(user);
	if (len > MASK_USER_MAX)
		return error_set(err, "invalid", "a user name must have at most %d characters", MASK_USER_MAX);
	memcpy(word, user, len);
	word[len++] = ':';
	know_users();
	if (has_word(users, user_count, word, len))
		return 0;
	if (user_count == ARRAY_LEN(users))
		return error_set(err, "too_large", "at most %d user names can be registered", MASK_USERS_MAX);
	return add_word(users, &user_count, word, len, err);
}

/* What the cleaner changes would not be found in its output. */
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
	if (seen.data)
		mask_wipe(seen.data, seen.len);
	buf_free(&seen);
	if (failed)
		return error_errno(err, ENOMEM, "cannot register a secret");
	return same ? 0 : error_set(err, "invalid", "a secret must not hold control characters or invalid UTF-8");
}

int mask_add(const char *secret, size_t len, struct error *err)
{
	if (len < MASK_SECRET_MIN)
		return error_set(err, "invalid", "a secret must have at least %d characters", MASK_SECRET_MIN);
	if (len > MASK_SECRET_MAX)
		return error_set(err, "invalid", "a secret must have at most %d characters", MASK_SECRET_MAX);
	if (check_printable(secret, len, err) < 0)
		return -1;
	if (has_word(secrets, secret_count, secret, len))
		return 0;
	if (secret_count == MASK_SECRETS_MAX)
		return error_set(err, "too_large", "at most %d secrets can be registered", MASK_SECRETS_MAX);
	return add_word(secrets, &secret_count, secret, len, err);
}

void mask_clear(void)
{
	while (secret_count > 0)
		free_word(&secrets[--secret_count]);
	while (user_count > ARRAY_LEN(known_users))
		free_word(&users[--user_count]);
	mask_forms_free(&forms);
}

int mask_text(const char *text, size_t len, struct buf *out)
{
	struct mask_text whole = {.bytes = text, .len = len, .final = 1};
	size_t left;
	return mask_scan(&forms, &whole, out, &left);
}

/* ---- text in pieces -------------------------------------------------------------------------------------- */

void mask_stream_init(struct mask_stream *stream)
{
	*stream = (struct mask_stream){0};
	buf_init(&stream->held, HELD_MAX);
}

void mask_stream_free(struct mask_stream *stream)
{
	if (stream->held.data)
		mask_wipe(stream->held.data, stream->held.len);
	buf_free(&stream->held);
	stream->covered = 0;
}

/* DATA goes on where what is held back ends. */
static int join(struct mask_stream *stream, const char *data, size_t len, int final, struct buf *out)
{
	struct mask_text text = {.covered = stream->covered, .final = final};
	size_t left;
	if (buf_append(&stream->held, data, len) < 0)
		return -1;
	text.bytes = stream->held.data;
	text.len = stream->held.len;
	if (mask_scan(&forms, &text, out, &left) < 0)
		return -1;
	buf_shift(&stream->held, text.len - left);
	stream->covered = text.covered;
	return 0;
}

int mask_feed(struct mask_stream *stream, const char *data, size_t len, struct buf *out)
{
	struct mask_text text;
	size_t left;
	for (size_t slice = FIRST_SLICE; len > 0 && stream->held.len > 0; slice = slice * 2 < SLICE ? slice * 2 : SLICE) {
		size_t taken = len < slice ? len : slice;
		if (join(stream, data, taken, 0, out) < 0)
			return -1;
		/* What is undecided now lies in DATA alone: no more copying. */
		if (taken < len && stream->held.len <= taken) {
			taken -= stream->held.len;
			mask_wipe(stream->held.data, stream->held.len);
			buf_clear(&stream->held);
		}
		data += taken;
		len -= taken;
	}
	if (len == 0)
		return 0;
	text = (struct mask_text){.bytes = data, .len = len, .covered = stream->covered};
	if (mask_scan(&forms, &text, out, &left) < 0)
		return -1;
	stream->covered = text.covered;
	return buf_append(&stream->held, data + len - left, left);
}

int mask_finish(struct mask_stream *stream, struct buf *out)
{
	return stream->held.len > 0 ? join(stream, "", 0, 1, out) : 0;
}
