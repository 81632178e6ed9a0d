#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "naive_mask.h"
#include "secret/mask.h"

#define TOKEN "s3cret/with+\"quotes"

static struct error err;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	mask_clear();
	buf_init(&out, (size_t)1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&out);
	mask_clear();
	return 0;
}

static void add(const char *secret)
{
	assert_int_equal(mask_add(secret, strlen(secret), &err), 0);
}

static void assert_shown(const char *text, const char *want)
{
	buf_clear(&out);
	assert_int_equal(mask_text(text, strlen(text), &out), 0);
	assert_string_equal(out.data ? out.data : "", want);
}

static void feed(struct mask_stream *stream, const char *text)
{
	assert_int_equal(mask_feed(stream, text, strlen(text), &out), 0);
}

static void holds_back_only_what_may_become_a_secret(void **state)
{
	struct mask_stream stream;
	(void)state;
	add("hunter22-and-more");
	mask_stream_init(&stream);
	feed(&stream, "see hunter2");
	assert_string_equal(out.data, "see ");
	feed(&stream, "1");
	assert_string_equal(out.data, "see hunter21");
	feed(&stream, " http");
	assert_string_equal(out.data, "see hunter21 http");
	feed(&stream, "://us");
	assert_string_equal(out.data, "see hunter21 http");
	feed(&stream, "/ 5%");
	assert_string_equal(out.data, "see hunter21 http://us/ 5");
	feed(&stream, "7");
	assert_string_equal(out.data, "see hunter21 http://us/ 5%7");
	feed(&stream, " hunter22-and-mor");
	assert_string_equal(out.data, "see hunter21 http://us/ 5%7 ");
	feed(&stream, "e");
	assert_string_equal(out.data, "see hunter21 http://us/ 5%7 ***");
	feed(&stream, "hu");
	assert_int_equal(mask_finish(&stream, &out), 0);
	assert_string_equal(out.data, "see hunter21 http://us/ 5%7 ***hu");
	mask_stream_free(&stream);
}

static void finds_secrets_registered_between_pieces(void **state)
{
	struct mask_stream stream;
	(void)state;
	add("hunter22-and-more");
	mask_stream_init(&stream);
	feed(&stream, "another-secret hunter22");
	add("another-secret");
	add("hunter22!");
	feed(&stream, "! another-sec");
	feed(&stream, "ret");
	assert_int_equal(mask_finish(&stream, &out), 0);
	assert_string_equal(out.data, "another-secret *** ***");
	mask_stream_free(&stream);
}

static void holds_back_little_of_an_endless_secret(void **state)
{
	static char as[1000];
	struct mask_stream stream;
	(void)state;
	add("aaaaaaaa");
	memset(as, 'a', sizeof as);
	mask_stream_init(&stream);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(mask_feed(&stream, as, sizeof as, &out), 0);
		assert_true(stream.held.len < 8);
	}
	feed(&stream, "-");
	assert_string_equal(out.data, "***-");
	mask_stream_free(&stream);
}

static void masks_a_long_piece_after_a_held_one(void **state)
{
	static char text[300001];
	struct mask_stream stream;
	(void)state;
	add("hunter22-and-more");
	memset(text, '.', sizeof text - 1);
	memcpy(text, "2-and-more", 10);
	memcpy(text + sizeof text - 18, "hunter22-and-more", 17);
	mask_stream_init(&stream);
	feed(&stream, "hunter2");
	feed(&stream, text);
	assert_int_equal(mask_finish(&stream, &out), 0);
	assert_int_equal(out.len, sizeof text - 1 - 10 - 17 + 6);
	assert_memory_equal(out.data, "***.", 4);
	assert_string_equal(out.data + out.len - 4, ".***");
	mask_stream_free(&stream);
}

/* Feed the text cut at A and at B; the result must be WANT. */
static void assert_cut(const char *text, size_t len, size_t a, size_t b, const char *want)
{
	struct mask_stream stream;
	mask_stream_init(&stream);
	buf_clear(&out);
	assert_int_equal(mask_feed(&stream, text, a, &out), 0);
	assert_int_equal(mask_feed(&stream, text + a, b - a, &out), 0);
	assert_int_equal(mask_feed(&stream, text + b, len - b, &out), 0);
	assert_int_equal(mask_finish(&stream, &out), 0);
	assert_string_equal(out.data, want);
	mask_stream_free(&stream);
}

static void assert_bytewise(const char *text, size_t len, const char *want)
{
	struct mask_stream stream;
	mask_stream_init(&stream);
	buf_clear(&out);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(mask_feed(&stream, text + i, 1, &out), 0);
	assert_int_equal(mask_finish(&stream, &out), 0);
	assert_string_equal(out.data, want);
	mask_stream_free(&stream);
}

/* Each form, in a rendering that STYLE says, cut at every one and every two places, byte by byte, and as a whole.
 */
static void assert_property(const struct naive *naive, uint32_t style)
{
	for (size_t i = 0; i < naive->count; i++) {
		char text[NAIVE_FORM_MAX * 6 + 16] = "= ", *want;
		size_t len = 2 + naive_render(&naive->forms[i], style, (unsigned char *)text + 2), want_len;
		memcpy(text + len, " http", 6);
		len += 5;
		want = naive_mask(naive, (unsigned char *)text, len, &want_len);
		assert_string_equal(want, "= *** http");
		assert_shown(text, want);
		assert_bytewise(text, len, want);
		for (size_t a = 0; a <= len; a++)
			for (size_t b = a; b <= len; b += style % 16 + 1)
				assert_cut(text, len, a, b, want);
		free(want);
	}
}

static void is_the_same_however_the_text_is_cut(void **state)
{
	static struct naive naive;
	static const uint32_t styles[] = {0, 0x55555557, 0xaaaaaaaa, 0xfffffff9, 0x1b1b1b1b, 0x36925c0f};
	(void)state;
	naive.count = 0;
	naive_add(&naive, TOKEN);
	add(TOKEN);
	for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
		assert_property(&naive, styles[i]);
}

/* As many secrets as a run may have, several of which begin alike, and one that holds another; with a user of its own
 * and a URL's password. Each as it is, percent-encoded, and in base64 with the user's name. */
static size_t many_secrets(char *text, size_t size, char *want, size_t want_size)
{
	size_t len = 0, want_len = 0;
	assert_int_equal(mask_add_user("deploy", &err), 0);
	for (int i = 0; i < 40; i++) {
		char secret[64];
		unsigned char pair[128];
		snprintf(secret, sizeof secret, "%s-%d/secret+%c", i % 2 ? "glpat" : "gho_and-more", i / 2, 'a' + i % 26);
		add(secret);
		naive_encode(pair, "deploy:", 7, secret, "", 0);
		len += (size_t)snprintf(text + len, size - len, "%s %.*s%%2f%s|%s\n", secret, (int)strcspn(secret, "/"), secret,
		                        strchr(secret, '/') + 1, (char *)pair);
		want_len += (size_t)snprintf(want + want_len, want_size - want_len, "*** ***|***\n");
	}
	len += (size_t)snprintf(text + len, size - len, "http://u:p@h");
	snprintf(want + want_len, want_size - want_len, "http://***@h");
	return len;
}

static void is_the_same_with_many_secrets(void **state)
{
	static char text[16384], want[4096];
	size_t len;
	(void)state;
	len = many_secrets(text, sizeof text, want, sizeof want);
	assert_true(len < sizeof text - 1);
	assert_shown(text, want);
	assert_bytewise(text, len, want);
	for (size_t a = 0; a <= len; a++)
		assert_cut(text, len, a, a, want);
}

/* Texts made of pieces of secrets. */
static void agrees_with_the_naive_masker(void **state)
{
	static const char *const secrets[] = {"aaaaaaaab", "%2525aa%25", "bb\\\\\\u005c", "://a@b:/%"};
	static const char *const pieces[] = {"aaaa", "b", "%25",    "%2525", "\\", "\\u005c",
	                                     "://",  "@", "a@b:/%", "\\\\",  " ",  "bb"};
	static struct naive naive;
	uint32_t random = 1;
	(void)state;
	naive.count = 0;
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		add(secrets[i]);
		naive_add(&naive, secrets[i]);
	}
	for (int round = 0; round < 3000; round++) {
		char text[128] = "", *want;
		size_t len = 0, want_len;
		while (len < 50) {
			random = random * 1664525 + 1013904223;
			len += (size_t)snprintf(text + len, sizeof text - len, "%s", pieces[(random >> 16) % 12]);
		}
		want = naive_mask(&naive, (unsigned char *)text, len, &want_len);
		assert_shown(text, want);
		assert_bytewise(text, len, want);
		assert_cut(text, len, random % 25, 25 + random % 25, want);
		free(want);
	}
}

/* In a piece that is longer than what is at first joined to the one before, at every place, cut off and not. */
static void finds_secrets_at_every_place_of_a_long_piece(void **state)
{
	static const char *const secrets[] = {"hunter22-and-more", "://someone:quite-long-a-password@", "hunter2%32-and-more"};
	char text[701], want[710];
	(void)state;
	add(secrets[0]);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		for (size_t at = 0; at + 40 < sizeof text - 1; at++) {
			size_t len = strlen(secrets[i]);
			memset(text, '.', sizeof text - 1);
			text[sizeof text - 1] = '\0';
			memcpy(text + at, secrets[i], len);
			snprintf(want, sizeof want, "%.*s%s%s", (int)at, text, secrets[i][0] == ':' ? "://***@" : "***",
			         text + at + len);
			for (size_t a = at < 300 ? 0 : at - 300; a <= at + len; a += a + 10 < at ? 37 : 1)
				assert_cut(text, sizeof text - 1, a, sizeof text - 1, want);
		}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(holds_back_only_what_may_become_a_secret),
		TEST(finds_secrets_registered_between_pieces),
		TEST(holds_back_little_of_an_endless_secret),
		TEST(masks_a_long_piece_after_a_held_one),
		TEST(is_the_same_however_the_text_is_cut),
		TEST(agrees_with_the_naive_masker),
		TEST(is_the_same_with_many_secrets),
		TEST(finds_secrets_at_every_place_of_a_long_piece),
	};
	return cmocka_run_group_tests_name("mask_stream", tests, NULL, NULL);
}
