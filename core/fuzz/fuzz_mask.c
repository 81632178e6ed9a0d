/* Any text, cut anywhere, against any of a few secrets: what is shown must be what the naive masker shows.
 *
 * The first byte chooses two secrets, the second says how the text is cut. In the rest, byte 1 stands for a form of
 * a secret: three more bytes say which, how it is escaped, and how much of it is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret/mask.h"
#include "test/naive_mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 2048

static const char *const secrets[] = {
	"9b3f6a1c0d5e7f8290a1b2c3", "aaaaaaaa", "a+b/c=\"d\\e%f",     "%25%2525%",
	"\\\\\\\\u005c\\\\",        "abcabcab", "p\xc3\xa4ss://w@rd", "?>~?>~\xc3\xbf-token",
};

static void require(int condition)
{
	if (!condition)
		abort();
}

static void choose(struct naive *naive, uint8_t which)
{
	const char *chosen[] = {secrets[which & 7], secrets[which >> 3 & 7]};
	struct error err;
	naive->count = 0;
	mask_clear();
	for (size_t i = 0; i < 2; i++) {
		require(mask_add(chosen[i], strlen(chosen[i]), &err) == 0);
		naive_add(naive, chosen[i]);
	}
}

static size_t expand(const struct naive *naive, const uint8_t *data, size_t size, unsigned char *text)
{
	unsigned char form[NAIVE_FORM_MAX * 6];
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		const unsigned char *from = data + i;
		size_t len = 1;
		if (data[i] == 1 && naive->count && size - i > 3) {
			len = naive_render(&naive->forms[data[i + 1] % naive->count], data[i + 2] * UINT32_C(0x9e3779b1), form);
			if (data[i + 3] < len)
				len = data[i + 3];
			from = form;
			i += 3;
		}
		if (used + len > TEXT_MAX)
			break;
		memcpy(text + used, from, len);
		used += len;
	}
	return used;
}

/* Pieces of 1 to HOW bytes, 0: one piece. */
static void feed(const unsigned char *text, size_t len, unsigned how, struct buf *out)
{
	struct mask_stream stream;
	unsigned piece = 0;
	mask_stream_init(&stream);
	for (size_t at = 0; at < len;) {
		size_t now = how ? piece++ * 7 % how + 1 : len;
		/* A copy of its own, so that reading past its end is seen. */
		char *copy;
		now = now < len - at ? now : len - at;
		copy = malloc(now);
		require(copy != NULL);
		memcpy(copy, text + at, now);
		require(mask_feed(&stream, copy, now, out) == 0);
		free(copy);
		at += now;
	}
	require(mask_finish(&stream, out) == 0);
	require(stream.held.len == 0);
	mask_stream_free(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct naive naive;
	static int chosen = -1;
	unsigned char text[TEXT_MAX];
	struct buf out;
	size_t len, view_len, want_len;
	const char *view;
	char *want;
	if (size < 2)
		return 0;
	if (data[0] != chosen)
		choose(&naive, data[0]);
	chosen = data[0];
	len = expand(&naive, data + 2, size - 2, text);
	want = naive_mask(&naive, text, len, &want_len);
	buf_init(&out, TEXT_MAX * 8);
	require(mask_text((char *)text, len, &out) == 0);
	require(out.len == want_len && (!want_len || memcmp(out.data, want, want_len) == 0));
	buf_clear(&out);
	view = (char *)text;
	view_len = len;
	require(mask_view(&view, &view_len, &out) == 0);
	require(view_len == want_len && (!want_len || memcmp(view, want, want_len) == 0));
	buf_clear(&out);
	feed(text, len, data[1], &out);
	require(out.len == want_len && (!want_len || memcmp(out.data, want, want_len) == 0));
	buf_free(&out);
	free(want);
	return 0;
}
