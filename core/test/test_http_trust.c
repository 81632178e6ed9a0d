#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "net/http_trust.h"

static int enter(void **state)
{
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	if (fixture_enter(state) < 0 || fs_write_atomic("file", "x", 1, 0600, &err) < 0)
		return -1;
	return mkfifo("fifo", 0600) | mkdir("dir", 0700);
}

static int check(struct http_options options)
{
	options.url = options.url ? options.url : "https://host/";
	return http_trust_check(&options, &err);
}

static void files_and_what_is_missing_pass(void **state)
{
	(void)state;
	assert_int_equal(check((struct http_options){0}), 0);
	assert_int_equal(check((struct http_options){.ca_file = "file", .cert_file = "file", .key_file = "file"}), 0);
	assert_int_equal(check((struct http_options){.ca_file = "none", .cert_file = "", .key_file = "dir"}), 0);
}

static void what_could_hold_up_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check((struct http_options){.ca_file = "fifo"}), -1);
	assert_string_equal(err.code, "invalid");
	assert_string_equal(err.message, "fifo is not a regular file");
	assert_int_equal(check((struct http_options){.url = "HTTPS://host/", .ca_file = "fifo"}), -1);
	assert_int_equal(check((struct http_options){.cert_file = "fifo"}), -1);
	assert_int_equal(check((struct http_options){.key_file = "/dev/zero"}), -1);
	assert_string_equal(err.message, "/dev/zero is not a regular file");
}

static void the_variable_counts_where_nothing_is_named(void **state)
{
	(void)state;
	setenv("SSL_CERT_FILE", "fifo", 1);
	assert_int_equal(check((struct http_options){0}), -1);
	assert_int_equal(check((struct http_options){.ca_file = "file"}), 0);
}

static void without_tls_authorities_are_not_looked_at(void **state)
{
	(void)state;
	assert_int_equal(check((struct http_options){.url = "http://host/", .ca_file = "fifo"}), 0);
	assert_int_equal(check((struct http_options){.url = "http://host/", .key_file = "fifo"}), -1);
}

/* Whether the system's store is used. */
static int set(struct http_options options)
{
	CURL *easy = curl_easy_init();
	int uses_system = http_trust_set(easy, &options);
	curl_easy_cleanup(easy);
	return uses_system;
}

static void the_systems_store_is_for_requests_without_a_place(void **state)
{
	(void)state;
	assert_true(set((struct http_options){0}));
	assert_false(set((struct http_options){.ca_file = "file"}));
	setenv("SSL_CERT_FILE", "", 1);
	setenv("SSL_CERT_DIR", "", 1);
	assert_true(set((struct http_options){0}));
	setenv("SSL_CERT_DIR", "dir", 1);
	assert_false(set((struct http_options){0}));
	unsetenv("SSL_CERT_DIR");
	setenv("SSL_CERT_FILE", "file", 1);
	assert_false(set((struct http_options){0}));
}

static void reads_the_end_of_a_certificate(void **state)
{
	(void)state;
	assert_int_equal(http_trust_date("Expire date:Dec 26 00:00:00 2026 GMT"), 1798243200);
	assert_int_equal(http_trust_date("Expire date:Jan  1 12:30:05 2038 GMT"), 2145961805);
	assert_int_equal(http_trust_date("Start date:Dec 26 00:00:00 2026 GMT"), 0);
	assert_int_equal(http_trust_date("Expire date:nonsense"), 0);
	assert_int_equal(http_trust_date("Expire date:"), 0);
	assert_int_equal(http_trust_date(""), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, fixture_leave)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(files_and_what_is_missing_pass),
		TEST(what_could_hold_up_is_refused),
		TEST(the_variable_counts_where_nothing_is_named),
		TEST(without_tls_authorities_are_not_looked_at),
		TEST(the_systems_store_is_for_requests_without_a_place),
		TEST(reads_the_end_of_a_certificate),
	};
	return cmocka_run_group_tests_name("http_trust", tests, NULL, NULL);
}
