#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/url.h"
#include "secret/mask.h"

static struct error err;

static int teardown(void **state)
{
	(void)state;
	mask_clear();
	return 0;
}

static void assert_part(const char *part, const char *want)
{
	if (want)
		assert_string_equal(part ? part : "(none)", want);
	else
		assert_null(part);
}

static void assert_parsed(const char *text, const struct url *want)
{
	struct url url;
	assert_int_equal(url_parse(text, &url, &err), 0);
	assert_part(url.scheme, want->scheme);
	assert_part(url.user, want->user);
	assert_part(url.password, want->password);
	assert_part(url.host, want->host);
	assert_part(url.path, want->path);
	assert_part(url.query, want->query);
	assert_part(url.fragment, want->fragment);
	assert_int_equal(url.port, want->port);
	url_free(&url);
	assert_null(url.scheme);
}

static void parses(void **state)
{
	static const struct {
		const char *text;
		struct url want;
	} cases[] = {
		{"https://git.example/org/repo", {.scheme = "https", .host = "git.example", .path = "/org/repo"}},
		{"HTTP://u%40:p%2F@[::1]:8080/a?q=1#f", {"http", "u%40", "p%2F", "[::1]", "/a", "q=1", "f", 8080}},
		{"https://h", {.scheme = "https", .host = "h", .path = "/"}},
		{"ssh://git@h:22/~x", {.scheme = "ssh", .user = "git", .host = "h", .path = "/~x", .port = 22}},
		{"x-y+z.1://h/p", {.scheme = "x-y+z.1", .host = "h", .path = "/p"}},
		{"file:///srv/git/x", {.scheme = "file", .path = "/srv/git/x"}},
		{"https://h/a/../%62//c%2f.", {.scheme = "https", .host = "h", .path = "/a/../%62//c%2f."}},
		{"https://xn--bcher-kva.example./x", {.scheme = "https", .host = "xn--bcher-kva.example.", .path = "/x"}},
		{"https://[::ffff:1.2.3.4]:00443/", {.scheme = "https", .host = "[::ffff:1.2.3.4]", .path = "/", .port = 443}},
		{"https://h:/x", {.scheme = "https", .host = "h", .path = "/x"}},
		{"https://h/\xc3\xa4", {.scheme = "https", .host = "h", .path = "/\xc3\xa4"}},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_parsed(cases[i].text, &cases[i].want);
}

static void refuses(const char *text)
{
	struct url url;
	assert_int_equal(url_parse(text, &url, &err), -1);
	assert_string_equal(err.code, "invalid");
	assert_null(url.scheme);
	assert_null(url.path);
}

static void refuses_what_is_no_url(void **state)
{
	static const char *const texts[] = {
		"",
		"h/x",
		"//h/x",
		"/srv/git/x",
		"mailto:a@b",
		"ext::sh -c x",
		"--upload-pack=x",
		"http:/h/x",
		"http:///h/x",
		"https://",
		"https:///x",
		"file:/x",
		"file://h/x",
		"https://u@:80/",
		"https://h:99999/",
		"https://h:65536/",
		"https://h:0/",
		"https://h:000/x",
		"https://h:+80/",
		"https://h:443:443/",
		"https://[::1]./x",
		"https://[::1/x",
		"https://b\xc3\xbc"
		"cher.example/",
		/* A slash, once normalized. */
		"https://h\xef\xbc\x8f.example/",
		"https://h%2fx/",
		"https://h%c3%bc/",
		"https://h:x/",
		"https://h /x",
		"https://h/x y",
		"https://h/\nx",
		"https://h/\x7f",
		"https://h%0a/",
		"https://h%00/",
		"https://h\\@e/",
		"https://u:p@w@h/",
		"https://[fe80::1%25eth0]/",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		refuses(texts[i]);
}

static void refuses_what_is_too_long(void **state)
{
	static char text[URL_MAX + 2];
	struct url url;
	(void)state;
	memset(text, 'x', URL_MAX);
	memcpy(text, "https://h/", 10);
	assert_int_equal(url_parse(text, &url, &err), 0);
	url_free(&url);
	text[URL_MAX] = 'x';
	refuses(text);
}

static void hides_userinfo_in_messages(void **state)
{
	(void)state;
	refuses("https://user:pass word@h/\x1b[x");
	assert_string_equal(err.message, "\"https://***@h/?[x\" is not a usable URL: it holds a space, a control character or "
	                                 "a backslash");
	refuses("https://user:pa/ss@h:port/");
	assert_null(strstr(err.message, "pa/ss"));
	refuses("user:password@h");
	assert_null(strstr(err.message, "password"));
}

static void assert_masked(const char *text, const char *want)
{
	struct buf out;
	buf_init(&out, 10000);
	assert_int_equal(url_mask(text, &out), 0);
	assert_string_equal(out.data ? out.data : "", want);
	buf_free(&out);
}

static void masks(void **state)
{
	(void)state;
	assert_masked("", "");
	assert_masked("https://h/x@y", "https://h/x@y");
	assert_masked("https://user:pass@h/x@y", "https://***@h/x@y");
	assert_masked("https://token@h", "https://***@h");
	assert_masked("ssh://u:p@[::1]:22/", "ssh://***@[::1]:22/");
	assert_masked("https://u:p w@h/x", "https://***@h/x");
	assert_masked("https://u:p/w@h:x/", "https://***@h:x/");
	assert_masked("git@h:org/repo", "git@h:org/repo");
	assert_masked("me@h:org/repo", "***@h:org/repo");
	assert_masked("ssh://git@h/x", "ssh://git@h/x");
	assert_masked("ssh://git:pw@h/x", "ssh://***@h/x");
	assert_masked("u:p@x://h", "***@x://h");
	assert_masked("no url", "no url");
	assert_int_equal(mask_add("in-the-path", 11, &err), 0);
	assert_masked("https://h/in-the%2Dpath", "https://h/***");
	assert_masked("in-the-path h", "*** h");
}

static void registers_what_is_secret_in_it(void **state)
{
	static const char *const texts[] = {
		"https://u:p%40ssword@h", "https://only-a-user@h", "https://before-oauth:x-oauth-basic@h",
		"https://u:short@h",      "ssh://deployment@h",    "https://h"};
	static const char text[] = "p@ssword p%40ssword only-a-user before-oauth short deployment x-oauth-basic";
	struct url url;
	struct buf out;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(url_parse(texts[i], &url, &err), 0);
		assert_int_equal(url_add_secret(&url, &err), 0);
		url_free(&url);
	}
	buf_init(&out, 100);
	assert_int_equal(mask_text(text, strlen(text), &out), 0);
	assert_string_equal(out.data, "*** *** *** *** short deployment x-oauth-basic");
	buf_free(&out);
}

static void assert_built(const struct url *url, const char *want)
{
	char *text = NULL;
	int result = url_build(url, &text, &err);
	if (want) {
		assert_int_equal(result, 0);
		assert_string_equal(text, want);
	} else {
		assert_int_equal(result, -1);
		assert_string_equal(err.code, "invalid");
	}
	free(text);
}

static void builds(void **state)
{
	(void)state;
	assert_built(&(struct url){"https", "u%40", "p%2F", "[::1]", "/a/../b%2f", "q=1", "f", 8443},
	             "https://u%40:p%2F@[::1]:8443/a/../b%2f?q=1#f");
	assert_built(&(struct url){.scheme = "ssh", .user = "git", .host = "h", .path = "/x"}, "ssh://git@h/x");
	assert_built(&(struct url){.scheme = "https", .host = "h"}, "https://h/");
	assert_built(&(struct url){.scheme = "file", .path = "/srv/x"}, "file:///srv/x");
	assert_built(&(struct url){.scheme = "own", .host = "h", .path = "/x"}, "own://h/x");
}

static void builds_nothing_that_means_something_else(void **state)
{
	(void)state;
	assert_built(&(struct url){.scheme = "https", .path = "/x"}, NULL);
	assert_built(&(struct url){.host = "h", .path = "/x"}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h/x", .path = "/y"}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h", .path = "/x?y"}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h", .path = "/x y"}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h", .path = "/x\ny"}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h", .query = "x#y"}, NULL);
	assert_built(&(struct url){.scheme = "https", .user = "a@b", .host = "h"}, NULL);
	assert_built(&(struct url){.scheme = "https", .user = "a:b", .host = "h"}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h", .port = 70000}, NULL);
	assert_built(&(struct url){.scheme = "https", .host = "h", .port = -1}, NULL);
}

static int same_origin(const char *a, const char *b)
{
	struct url x, y;
	int same;
	assert_int_equal(url_parse(a, &x, &err), 0);
	assert_int_equal(url_parse(b, &y, &err), 0);
	same = url_same_origin(&x, &y);
	assert_int_equal(url_same_origin(&y, &x), same);
	url_free(&x);
	url_free(&y);
	return same;
}

static void compares_origins(void **state)
{
	(void)state;
	assert_true(same_origin("https://h/a", "https://u:p@H:443/b?c"));
	assert_true(same_origin("http://h", "http://h:80"));
	assert_true(same_origin("https://[::1]:1/", "https://[::1]:1/x"));
	assert_true(same_origin("own://h", "own://h/x"));
	assert_false(same_origin("https://h", "http://h"));
	assert_false(same_origin("https://h", "http://h:443"));
	assert_false(same_origin("https://h", "https://h:444"));
	assert_false(same_origin("https://h", "https://h./"));
	assert_false(same_origin("https://h", "https://h.evil"));
	assert_false(same_origin("https://h", "https://x.h"));
	assert_false(same_origin("own://h", "own://h:1"));
	assert_false(same_origin("file:///h", "https://h"));
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(parses),
		TEST(refuses_what_is_no_url),
		TEST(refuses_what_is_too_long),
		TEST(hides_userinfo_in_messages),
		TEST(masks),
		TEST(registers_what_is_secret_in_it),
		TEST(builds),
		TEST(builds_nothing_that_means_something_else),
		TEST(compares_origins),
	};
	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
