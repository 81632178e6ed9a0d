/* The masker again, as plainly as it can be written, for comparison: every form is tried at every place of a whole
 * text. What fails here aborts. Shared by the unit test and the fuzz target. */
#ifndef MOLBUILD_TEST_NAIVE_MASK_H
#define MOLBUILD_TEST_NAIVE_MASK_H

#include <ctype.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The fuzzer is to learn from the masker, not from this. */
#ifdef __clang__
#define NAIVE_PLAIN __attribute__((no_sanitize("coverage", "address", "undefined")))
#else
#define NAIVE_PLAIN
#endif

#define NAIVE_FORMS    256
#define NAIVE_FORM_MAX 512

struct naive_form {
	unsigned char text[NAIVE_FORM_MAX];
	size_t len;
};

struct naive {
	struct naive_form forms[NAIVE_FORMS];
	size_t count;
};

static void *naive_alloc(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);
	if (!memory)
		abort();
	return memory;
}

static void naive_add_form(struct naive *naive, const unsigned char *text, size_t len)
{
	struct naive_form *form = &naive->forms[naive->count++];
	if (naive->count > NAIVE_FORMS || len > NAIVE_FORM_MAX)
		abort();
	memcpy(form->text, text, len);
	form->len = len;
}

/* A form of base64, and the same in the URL-safe alphabet. */
static void naive_add_base64(struct naive *naive, const unsigned char *text, size_t len)
{
	unsigned char url[NAIVE_FORM_MAX];
	for (size_t i = 0; i < len; i++)
		url[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	naive_add_form(naive, text, len);
	naive_add_form(naive, url, len);
}

static size_t naive_encode(unsigned char *out, const char *before, size_t before_len, const char *secret, const char *after,
                           size_t after_len)
{
	unsigned char data[NAIVE_FORM_MAX];
	size_t len = strlen(secret);
	memcpy(data, before, before_len);
	memcpy(data + before_len, secret, len);
	memcpy(data + before_len + len, after, after_len);
	return (size_t)EVP_EncodeBlock(out, data, (int)(before_len + len + after_len));
}

static void naive_add_user(struct naive *naive, const char *user, const char *secret)
{
	unsigned char text[NAIVE_FORM_MAX];
	size_t len = naive_encode(text, user, strlen(user), secret, "", 0);
	naive_add_base64(naive, text, len);
	while (text[len - 1] == '=')
		len--;
	naive_add_base64(naive, text, len);
}

/* The characters that stay the same whatever stands around the secret. */
static void naive_add_inside(struct naive *naive, size_t before_len, const char *secret)
{
	unsigned char zeros[NAIVE_FORM_MAX], ones[NAIVE_FORM_MAX];
	size_t len = naive_encode(zeros, "\0\0", before_len, secret, "\0\0\0", 3), begin = 0, end;
	naive_encode(ones, "\377\377", before_len, secret, "\377\377\377", 3);
	for (begin = 0; zeros[begin] != ones[begin];)
		begin++;
	for (end = begin; end < len && zeros[end] == ones[end];)
		end++;
	naive_add_base64(naive, zeros + begin, end - begin);
}

static void naive_add(struct naive *naive, const char *secret)
{
	static const char *const users[] = {"", ":", "oauth2:", "x-access-token:", "git:", "token:"};
	naive_add_form(naive, (const unsigned char *)secret, strlen(secret));
	for (size_t i = 0; i < sizeof users / sizeof *users; i++)
		naive_add_user(naive, users[i], secret);
	for (size_t before = 0; before < 3; before++)
		naive_add_inside(naive, before, secret);
}

NAIVE_PLAIN static int naive_hex(const unsigned char *text, unsigned char c)
{
	char digits[3] = {(char)text[0], (char)text[1], '\0'};
	return isxdigit(text[0]) && isxdigit(text[1]) && strtoul(digits, NULL, 16) == c;
}

/* The longest end of FORM at every place of the text, or 0, worked out from the form's last character to its first.
 */
NAIVE_PLAIN static void naive_ends(const struct naive_form *form, const unsigned char *text, size_t len, size_t *ends)
{
	size_t *rest = naive_alloc(len + 8, sizeof *rest), alive = 1;
	for (size_t at = 0; at <= len; at++)
		ends[at] = at;
	for (size_t i = form->len; i-- > 0 && alive;) {
		unsigned char c = form->text[i];
		alive = 0;
		memcpy(rest, ends, (len + 1) * sizeof *rest);
		memset(ends, 0, (len + 1) * sizeof *ends);
		for (size_t at = 0; at < len; at++) {
			const unsigned char *p = text + at;
			size_t left = len - at, best = 0;
#define NAIVE_TRY(size, condition)                                                                                             \
	if (left >= (size) && (condition) && rest[at + (size)] > best)                                                         \
	best = rest[at + (size)]
			NAIVE_TRY(1, p[0] == c);
			NAIVE_TRY(2, p[0] == '\\' && p[1] == c && (c == '/' || c == '"' || c == '\\'));
			NAIVE_TRY(3, p[0] == '%' && naive_hex(p + 1, c));
			NAIVE_TRY(6,
			          p[0] == '\\' && p[1] == 'u' && p[2] == '0' && p[3] == '0' && naive_hex(p + 4, c) && c < 0x80);
#undef NAIVE_TRY
			ends[at] = best;
			alive |= best;
		}
	}
	free(rest);
}

NAIVE_PLAIN static void naive_userinfo(const unsigned char *text, size_t len, size_t *ends)
{
	for (size_t at = 0; at + 3 < len; at++) {
		size_t from = at + 3, end = from;
		if (memcmp(text + at, "://", 3) != 0)
			continue;
		while (end < len && end <= from + 4096 && text[end] > ' ' && !strchr("/\"'`<>\x7f", text[end]))
			end++;
		while (end > from && (end == len || text[end] != '@' || end > from + 4096))
			end--;
		if (end > from && !(end - from == 3 && memcmp(text + from, "git", 3) == 0))
			ends[at] = end;
	}
}

/* The masked text, with a NUL behind it; to be freed. */
static char *naive_mask(const struct naive *naive, const unsigned char *text, size_t len, size_t *out_len)
{
	size_t *ends = naive_alloc(len, sizeof *ends), *urls = naive_alloc(len, sizeof *urls);
	size_t *best = naive_alloc(len, sizeof *best), covered = 0, used = 0;
	char *out = naive_alloc(len * 7, 1);
	for (size_t i = 0; i < naive->count; i++) {
		naive_ends(&naive->forms[i], text, len, ends);
		for (size_t at = 0; at < len; at++)
			best[at] = ends[at] > best[at] ? ends[at] : best[at];
	}
	naive_userinfo(text, len, urls);
	for (size_t at = 0; at < len; at++) {
		size_t end = urls[at] > best[at] ? urls[at] : best[at];
		if (end > covered) {
			const char *shown = urls[at] > best[at] ? "://***" : "***";
			if (at >= covered) {
				memcpy(out + used, shown, strlen(shown));
				used += strlen(shown);
			}
			covered = end;
		}
		if (at >= covered)
			out[used++] = (char)text[at];
	}
	free(ends);
	free(urls);
	free(best);
	*out_len = used;
	return out;
}

/* One rendering of a form: character by character as STYLE says, two bits each. Returns the length; OUT has room
 * for six bytes a character. */
static size_t naive_render(const struct naive_form *form, uint32_t style, unsigned char *out)
{
	size_t used = 0;
	for (size_t i = 0; i < form->len; i++) {
		unsigned char c = form->text[i];
		unsigned how = style >> (i * 2 % 32) & 3;
		static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
		if (how == 3 && c < 0x80 && strchr("/\"\\", c)) {
			out[used++] = '\\';
			out[used++] = c;
		} else if (how == 3 && c < 0x80) {
			memcpy(out + used, "\\u00", 4);
			out[used + 4] = (unsigned char)lower[c >> 4];
			out[used + 5] = (unsigned char)upper[c & 15];
			used += 6;
		} else if (how) {
			out[used++] = '%';
			out[used++] = (unsigned char)(how == 1 ? lower : upper)[c >> 4];
			out[used++] = (unsigned char)(how == 1 ? lower : upper)[c & 15];
		} else {
			out[used++] = c;
		}
	}
	return used;
}

#endif
