#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "secret/mask.h"

#define TOKEN "s3cret/with+\"quotes"

static const char text_of_dots[] =
	"...................................................................................................";

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

/* A text without a secret is not copied. */
static void assert_view(const char *text, const char *want)
{
	const char *view = text;
	size_t len = strlen(text);
	buf_clear(&out);
	assert_int_equal(mask_view(&view, &len, &out), 0);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(view, want, len);
	assert_int_equal(view != text, strstr(want, MASK_TEXT) != NULL);
}

static void assert_shown(const char *text, const char *want)
{
	buf_clear(&out);
	assert_int_equal(mask_text(text, strlen(text), &out), 0);
	assert_string_equal(out.data ? out.data : "", want);
	assert_view(text, want);
}

/* ---- the registry ---------------------------------------------------------------------------------------- */

static void refuses(const char *secret, size_t len, const char *code)
{
	assert_int_equal(mask_add(secret, len, &err), -1);
	assert_string_equal(err.code, code);
	if (len > 0)
		assert_null(strstr(err.message, secret));
}

static void refuses_what_cannot_be_a_secret(void **state)
{
	static char longest[MASK_SECRET_MAX + 2];
	(void)state;
	memset(longest, 'x', MASK_SECRET_MAX);
	longest[MASK_SECRET_MAX] = 'y';
	refuses("", 0, "invalid");
	refuses("1234567", 7, "invalid");
	refuses(longest, MASK_SECRET_MAX + 1, "invalid");
	refuses("with\nnewline", 12, "invalid");
	refuses("with\ttabulator", 14, "invalid");
	refuses("with\x1b[escape", 12, "invalid");
	refuses("with\x7f"
	        "delete",
	        11, "invalid");
	refuses("with\0nul byte", 13, "invalid");
	refuses("not \xff utf-8", 11, "invalid");
	assert_shown("1234567 not \xff utf-8", "1234567 not \xff utf-8");
	assert_int_equal(mask_add(longest, MASK_SECRET_MAX, &err), 0);
	assert_shown(longest, "***y");
	assert_int_equal(mask_add("12345678", 8, &err), 0);
	assert_shown("12345678", "***");
}

static void takes_a_secret_twice(void **state)
{
	(void)state;
	add("same-secret");
	add("same-secret");
	assert_shown("same-secret same-secret", "*** ***");
}

static void holds_many_secrets_and_not_more(void **state)
{
	char secret[32];
	(void)state;
	for (int i = 0; i < MASK_SECRETS_MAX; i++) {
		snprintf(secret, sizeof secret, "secret-number-%03d", i);
		add(secret);
	}
	assert_shown("secret-number-000, secret-number-255; secret-number-256", "***, ***; secret-number-256");
	refuses("secret-number-256", 17, "too_large");
	add("secret-number-007");
}

static void forgets(void **state)
{
	(void)state;
	add("same-secret");
	mask_clear();
	assert_shown("same-secret", "same-secret");
}

/* ---- the forms ------------------------------------------------------------------------------------------- */

static void masks_it_as_it_is(void **state)
{
	(void)state;
	add("open sesame");
	assert_shown("", "");
	assert_shown("open sesame", "***");
	assert_shown("say 'open sesame'! open sesamopen sesame", "say '***'! open sesam***");
	assert_shown("Open sesame open-sesame", "Open sesame open-sesame");
}

static void masks_percent_encodings(void **state)
{
	(void)state;
	add(TOKEN);
	assert_shown("x=s3cret%2Fwith%2B%22quotes&y", "x=***&y");
	assert_shown("x=s3cret%2fwith%2b%22quotes&y", "x=***&y");
	assert_shown("%733cret%2fwith+%22quote%73.", "***.");
	assert_shown("%73%33%63%72%65%74%2f%77%69%74%68%2B%22%71%75%6f%74%65%73.", "***.");
	assert_shown("s3cret%2with+%22quotes", "s3cret%2with+%22quotes");
}

static void masks_json_escapes(void **state)
{
	(void)state;
	add(TOKEN);
	add("back\\slash");
	assert_shown("{\"t\":\"s3cret\\/with+\\\"quotes\"}", "{\"t\":\"***\"}");
	assert_shown("{\"t\":\"s3cret/with\\u002B\\u0022quotes\"}", "{\"t\":\"***\"}");
	assert_shown("s3cret%2fwith\\u002b\\\"quotes", "***");
	assert_shown("back\\\\slash back\\slash back\\u005cslash back%5Cslash", "*** *** *** ***");
}

/* The wanted texts come from base64(1). */
static void masks_base64(void **state)
{
	(void)state;
	add("subject?>token?");
	assert_shown("c3ViamVjdD8+dG9rZW4/", "***");
	assert_shown("c3ViamVjdD8-dG9rZW4_", "***");
	assert_shown("basic b2F1dGgyOnN1YmplY3Q/PnRva2VuPw== x", "basic *** x");         /* oauth2: */
	assert_shown("basic b2F1dGgyOnN1YmplY3Q_PnRva2VuPw x", "basic *** x");           /* no padding, URL-safe */
	assert_shown("basic eC1hY2Nlc3MtdG9rZW46c3ViamVjdD8+dG9rZW4/ x", "basic *** x"); /* x-access-token: */
	assert_shown("basic Z2l0OnN1YmplY3Q/PnRva2VuPw== x", "basic *** x");             /* git: */
	assert_shown("basic dG9rZW46c3ViamVjdD8+dG9rZW4/ x", "basic *** x");             /* token: */
	assert_shown("basic OnN1YmplY3Q/PnRva2VuPw== x", "basic *** x");                 /* : */
	assert_shown("b2F1dGgyOnN1YmplY3Q%2FPnRva2VuPw%3d%3D", "***");
}

static void masks_base64_of_what_contains_it(void **state)
{
	(void)state;
	add("subject?>token?");
	assert_shown("YSB7c3ViamVjdD8+dG9rZW4/fSBi", "YSB7***fSBi");          /* "a {...} b": at the start of a group */
	assert_shown("YWEge3N1YmplY3Q/PnRva2VuP30gYg==", "YWEge3***30gYg=="); /* "aa {...} b" */
	assert_shown("YWFhIHtzdWJqZWN0Pz50b2tlbj99IGI=", "YWFhIHt***99IGI="); /* "aaa {...} b" */
}

static void masks_base64_with_a_user_added_later(void **state)
{
	(void)state;
	add("subject?>token?");
	assert_int_equal(mask_add_user("deploy", &err), 0);
	assert_int_equal(mask_add_user("deploy", &err), 0);
	assert_shown("ZGVwbG95OnN1YmplY3Q/PnRva2VuPw==", "***");
}

static void refuses_too_many_users(void **state)
{
	char user[MASK_USER_MAX + 2] = {0};
	(void)state;
	for (int i = 0; i < MASK_USERS_MAX; i++) {
		snprintf(user, sizeof user, "user-%d", i);
		assert_int_equal(mask_add_user(user, &err), 0);
	}
	assert_int_equal(mask_add_user("one-more", &err), -1);
	assert_string_equal(err.code, "too_large");
	memset(user, 'u', MASK_USER_MAX + 1);
	assert_int_equal(mask_add_user(user, &err), -1);
	assert_string_equal(err.code, "invalid");
}

static void prefers_the_longest_and_joins_overlapping_ones(void **state)
{
	(void)state;
	add("password");
	add("password-longer");
	add("longer-still-one");
	assert_shown("password. password-longe password-longer.", "***. ***-longe ***.");
	assert_shown("password-longer-still-one.", "***.");
	mask_clear();
	add("aaaaaaaa");
	assert_shown("aaaaaaa aaaaaaaa aaaaaaaaaaaa", "aaaaaaa *** ***");
}

/* A '%' or '\' of the secret can look like the beginning of an escape; a plain backtracking search would not
 * end. */
static void reads_ambiguous_secrets_in_bounded_time(void **state)
{
	char secret[65], text[201];
	(void)state;
	memset(secret, '\\', 63);
	secret[63] = 'x';
	secret[64] = '\0';
	add(secret);
	memset(text, '\\', 199);
	text[199] = 'y';
	text[200] = '\0';
	assert_shown(text, text);
	text[199] = 'x';
	buf_clear(&out);
	assert_int_equal(mask_text(text, 200, &out), 0);
	/* 126 backslashes, each pair one: the longest reading begins there. */
	assert_int_equal(out.len, 73 + 3);
	mask_clear();
	add("%25%2525");
	assert_shown("%25%2525 %2525%252525 %25252525", "*** *** %25252525");
}

static void masks_userinfo(void **state)
{
	(void)state;
	assert_shown("clone https://user:pw@host/a@b", "clone https://***@host/a@b");
	assert_shown("git+ssh://me@host", "git+ssh://***@host");
	assert_shown("ssh://git@host/x git+ssh://git@host", "ssh://git@host/x git+ssh://git@host");
	assert_shown("ssh://git:pw@h https://gitx@h ssh://git@x@h ssh://it@h ssh://Git@h",
	             "ssh://***@h https://***@h ssh://***@h ssh://***@h ssh://***@h");
	assert_shown("https://u:p@ss#?w@host/", "https://***@host/");
	assert_shown("https://***@host", "https://***@host");
	assert_shown("https://host a@b http://host/@", "https://host a@b http://host/@");
	assert_shown("\"https://host\",\"a@b\"", "\"https://host\",\"a@b\"");
	assert_shown("http://@host http://@@host", "http://@host http://***@host");
	assert_shown("a@b.c http://x:y@z http://v@w", "a@b.c http://***@z http://***@w");
}

static void masks_userinfo_up_to_its_maximum(void **state)
{
	static char text[MASK_SECRET_MAX + 64];
	(void)state;
	snprintf(text, sizeof text, "http://%04096d@host", 7);
	assert_shown(text, "http://***@host");
	snprintf(text, sizeof text, "http://%04097d@host", 7);
	assert_shown(text, text);
}

/* Most of a long text is only sampled: one find after the other, at every distance. */
static void assert_found_at_every_distance(const char *form, const char *shown)
{
	static char text[20000], want[20000];
	size_t len = 0, want_len = 0;
	for (int gap = 0; gap < 100; gap++) {
		len += (size_t)snprintf(text + len, sizeof text - len, "%.*s.%s", gap, text_of_dots, form);
		want_len += (size_t)snprintf(want + want_len, sizeof want - want_len, "%.*s.%s", gap, text_of_dots, shown);
	}
	assert_true(len < sizeof text - 1);
	assert_shown(text, want);
}

static void finds_many_in_a_long_text(void **state)
{
	(void)state;
	add(TOKEN);
	add("short8by");
	assert_found_at_every_distance(TOKEN, "***");
	assert_found_at_every_distance("short8by", "***");
	assert_found_at_every_distance("%73hort8by", "***");
	assert_found_at_every_distance("short8b%79", "***");
	assert_found_at_every_distance("short8b\\u0079", "***");
	assert_found_at_every_distance("s3cret\\/with+\"quotes", "***");
	assert_found_at_every_distance("dG9rZW46c2hvcnQ4Ynk=", "***");
	assert_found_at_every_distance("http://u@", "http://***@");
	assert_found_at_every_distance("a@b %41 \\/ short8b", "a@b %41 \\/ short8b");
}

static void reports_a_full_buffer(void **state)
{
	struct buf small;
	(void)state;
	buf_init(&small, 3);
	assert_int_equal(mask_text("12345", 5, &small), -1);
	buf_free(&small);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(refuses_what_cannot_be_a_secret),
		TEST(takes_a_secret_twice),
		TEST(holds_many_secrets_and_not_more),
		TEST(forgets),
		TEST(masks_it_as_it_is),
		TEST(masks_percent_encodings),
		TEST(masks_json_escapes),
		TEST(masks_base64),
		TEST(masks_base64_of_what_contains_it),
		TEST(masks_base64_with_a_user_added_later),
		TEST(refuses_too_many_users),
		TEST(prefers_the_longest_and_joins_overlapping_ones),
		TEST(reads_ambiguous_secrets_in_bounded_time),
		TEST(masks_userinfo),
		TEST(masks_userinfo_up_to_its_maximum),
		TEST(finds_many_in_a_long_text),
		TEST(reports_a_full_buffer),
	};
	return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
