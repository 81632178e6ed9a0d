#include "mask.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mask_forms.h"

/* Held back at most: the longest form, percent-encoded throughout; and one piece to work on. */
#define HELD_MAX ((size_t)64 << 20)
#define MAX_USERS 16
#define MAX_USER 256
#define MAX_USERINFO 4096

static struct mask_forms forms;
static const char *const known_users[] = {"oauth2", "x-access-token", "git", "token", ""};
static char users[MAX_USERS][MAX_USER];
static size_t user_count;

int mask_add_user(const char *user, struct error *err)
{
	if (strlen(user) >= MAX_USER || user_count == MAX_USERS)
		return error_set(err, "invalid", "a user name is too long, or there are too many");
	for (size_t i = 0; i < user_count; i++)
		if (strcmp(users[i], user) == 0)
			return 0;
	memcpy(users[user_count++], user, strlen(user) + 1);
	return 0;
}

static int add_forms(const char *secret, size_t len)
{
	if (mask_forms_add_secret(&forms, secret, len) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(known_users); i++)
		if (mask_forms_add_pair(&forms, known_users[i], secret, len) < 0)
			return -1;
	for (size_t i = 0; i < user_count; i++)
		if (mask_forms_add_pair(&forms, users[i], secret, len) < 0)
			return -1;
	return 0;
}

int mask_add(const char *secret, size_t len, struct error *err)
{
	int failed;
	if (len < MASK_SECRET_MIN)
		return error_set(err, "invalid", "a secret must have at least %d characters", MASK_SECRET_MIN);
	if (len > MASK_SECRET_MAX)
		return error_set(err, "invalid", "a secret must have at most %d characters", MASK_SECRET_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)secret[i] < 0x20 || secret[i] == 0x7f)
			return error_set(err, "invalid", "a secret must not hold control characters");
	failed = add_forms(secret, len);
	mask_forms_index(&forms);
	if (failed)
		return error_errno(err, ENOMEM, "cannot register a secret");
	return 0;
}

void mask_clear(void)
{
	mask_forms_free(&forms);
	memset(users, 0, sizeof users);
	user_count = 0;
}

/* Append what may be shown of TEXT; *USED becomes how much of it was dealt with. The rest, empty when FINAL, is the
 * beginning of a form. */
static int scan(const char *text, size_t len, int final, struct buf *out, size_t *used)
{
	size_t shown = 0, at = 0, window = forms.window;
	while (forms.count && at < len) {
		size_t got;
		int open;
		if (len - at >= window) {
			const unsigned char *block = (const unsigned char *)text + at + window - 2;
			uint8_t shift = forms.shift[block[0] << 8 | block[1]];
			if (shift) {
				at += shift;
				continue;
			}
		}
		got = mask_forms_match(&forms, text + at, len - at, &open);
		if (open && !final)
			break;
		if (!got) {
			at++;
			continue;
		}
		if (buf_append(out, text + shown, at - shown) < 0 || buf_append(out, MASK_TEXT, strlen(MASK_TEXT)) < 0)
			return -1;
		at += got;
		shown = at;
	}
	*used = forms.count ? at : len;
	return buf_append(out, text + shown, *used - shown);
}

void mask_stream_init(struct mask_stream *stream)
{
	buf_init(&stream->held, HELD_MAX);
}

void mask_stream_free(struct mask_stream *stream)
{
	buf_free(&stream->held);
}

static int feed(struct mask_stream *stream, const char *data, size_t len, int final, struct buf *out)
{
	size_t used;
	if (stream->held.len == 0) {
		if (scan(data, len, final, out, &used) < 0)
			return -1;
		return buf_append(&stream->held, data + used, len - used);
	}
	if (buf_append(&stream->held, data, len) < 0 ||
	    scan(stream->held.data, stream->held.len, final, out, &used) < 0)
		return -1;
	buf_shift(&stream->held, used);
	return 0;
}

int mask_feed(struct mask_stream *stream, const char *data, size_t len, struct buf *out)
{
	return len ? feed(stream, data, len, 0, out) : 0;
}

int mask_finish(struct mask_stream *stream, struct buf *out)
{
	return stream->held.len ? feed(stream, "", 0, 1, out) : 0;
}

/* Where the userinfo of a URL ends that has its authority at TEXT: the place of its last '@', or 0. */
static size_t userinfo_end(const char *text, size_t len)
{
	size_t end = 0;
	for (size_t i = 0; i < len && i < MAX_USERINFO; i++) {
		if (memchr("/?# \t\r\n\"'<>\\", text[i], 12))
			break;
		if (text[i] == '@')
			end = i;
	}
	return end;
}

/* Append TEXT with the userinfo of its URLs replaced. */
static int mask_userinfo(const char *text, size_t len, struct buf *out)
{
	size_t shown = 0;
	for (size_t at = 0; at + 3 <= len;) {
		const char *colon = memchr(text + at, ':', len - at - 2);
		size_t end;
		if (!colon)
			break;
		at = (size_t)(colon - text) + 1;
		if (memcmp(colon, "://", 3) != 0)
			continue;
		at += 2;
		end = userinfo_end(text + at, len - at);
		if (!end)
			continue;
		if (buf_append(out, text + shown, at - shown) < 0 || buf_append(out, MASK_TEXT, strlen(MASK_TEXT)) < 0)
			return -1;
		at += end;
		shown = at;
	}
	return buf_append(out, text + shown, len - shown);
}

int mask_text(const char *text, size_t len, struct buf *out)
{
	struct buf plain;
	size_t used;
	int result = -1;
	buf_init(&plain, SIZE_MAX / 4);
	if (mask_userinfo(text, len, &plain) == 0)
		result = scan(plain.data ? plain.data : "", plain.len, 1, out, &used);
	buf_free(&plain);
	return result;
}
