#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "fixture.h"
#include "net/trust_store.h"

#define DEBIAN "/etc/ssl/certs/ca-certificates.crt"
#define FEDORA "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"

static struct trust_store store;

/* Make a file below the working directory, with the directories above it. */
static void make(const char *path)
{
	char above[256];
	snprintf(above, sizeof above, ".%s", path);
	*strrchr(above, '/') = '\0';
	assert_int_equal(fs_mkdirp(above, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(path + 1, "x", 1, 0644, &err), 0);
}

static void find_as(const char *preferred, uid_t owner)
{
	trust_store_find(fixture_dir, preferred, owner, &store);
}

static void find(void)
{
	find_as(NULL, geteuid());
}

static void a_system_without_a_store_has_none(void **state)
{
	(void)state;
	find();
	assert_null(store.bundle);
	assert_null(store.directory);
}

static void the_places_of_each_distribution_are_known(void **state)
{
	static const char *const places[][2] = {
		{"/etc/openssl/certs/ca-certificates.crt", "/etc/openssl/certs"},
		{"/etc/ssl/cert.pem", NULL},
		{"/usr/local/share/certs/ca-root-nss.crt", NULL},
		{"/usr/local/etc/ssl/cert.pem", NULL},
		{"/etc/ca-certificates/extracted/tls-ca-bundle.pem", "/etc/ca-certificates/extracted/cadir"},
		{"/etc/ssl/ca-bundle.pem", NULL},
		{"/var/lib/ca-certificates/ca-bundle.pem", "/var/lib/ca-certificates/pem"},
		{"/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs"},
		{FEDORA, "/etc/pki/ca-trust/extracted/pem/directory-hash"},
		{DEBIAN, "/etc/ssl/certs"},
	};
	(void)state;
	/* From the last that is looked for to the first: each overrides those before. */
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char hashed[256];
		make(places[i][0]);
		find();
		assert_string_equal(store.bundle, places[i][0]);
		if (!places[i][1])
			continue;
		snprintf(hashed, sizeof hashed, "%s/002c0b4f.0", places[i][1]);
		make(hashed);
		find();
		assert_string_equal(store.directory, places[i][1]);
	}
}

static void the_place_that_libcurl_was_built_with_comes_first(void **state)
{
	(void)state;
	make(DEBIAN);
	find_as("/opt/etc/cert.pem", geteuid());
	assert_string_equal(store.bundle, DEBIAN);
	make("/opt/etc/cert.pem");
	find_as("/opt/etc/cert.pem", geteuid());
	assert_string_equal(store.bundle, "/opt/etc/cert.pem");
}

static void a_bundle_is_a_regular_file_also_by_a_link(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirp("." DEBIAN, 0755, &err), 0);
	find();
	assert_null(store.bundle);
	make(FEDORA);
	assert_int_equal(rmdir("." DEBIAN) | symlink("nowhere", "." DEBIAN), 0);
	find();
	assert_string_equal(store.bundle, FEDORA);
	assert_int_equal(unlink("." DEBIAN) | symlink("../../pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "." DEBIAN), 0);
	find();
	assert_string_equal(store.bundle, DEBIAN);
}

static void a_directory_needs_hashed_names(void **state)
{
	static const char *const names[] = {"002c0b4f",    "002c0b4f.",  "002c0b4f.r0", "002c0b4.0",
	                                    "002c0b4ff.0", "002C0B4F.0", "002c0b4f.0x", "GTS_Root_R3.pem"};
	char path[64];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "/etc/ssl/certs/%s", names[i]);
		make(path);
		find();
		assert_null(store.directory);
	}
	make("/etc/ssl/certs/002c0b4f.10");
	find();
	assert_string_equal(store.directory, "/etc/ssl/certs");
}

static void a_directory_that_others_can_write_to_is_not_used(void **state)
{
	(void)state;
	make("/etc/ssl/certs/002c0b4f.0");
	for (mode_t mode = 0; mode <= 0777; mode++) {
		if ((mode & 0500) != 0500)
			continue;
		assert_int_equal(chmod("etc/ssl/certs", mode), 0);
		find();
		assert_int_equal(store.directory != NULL, !(mode & 022));
	}
}

static void a_directory_of_another_user_is_not_used(void **state)
{
	(void)state;
	make("/etc/ssl/certs/002c0b4f.0");
	find_as(NULL, geteuid() + 1);
	assert_null(store.directory);
}

static void a_link_leads_to_a_directory(void **state)
{
	(void)state;
	make("/var/lib/ca-certificates/pem/002c0b4f.0");
	assert_int_equal(fs_mkdirp("etc/ssl", 0755, &err), 0);
	assert_int_equal(symlink("../../var/lib/ca-certificates/pem", "etc/ssl/certs"), 0);
	find();
	assert_string_equal(store.directory, "/etc/ssl/certs");
	assert_int_equal(chmod("var/lib/ca-certificates/pem", 0777), 0);
	find();
	assert_null(store.directory);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_system_without_a_store_has_none),
		FIXTURE_TEST(the_places_of_each_distribution_are_known),
		FIXTURE_TEST(the_place_that_libcurl_was_built_with_comes_first),
		FIXTURE_TEST(a_bundle_is_a_regular_file_also_by_a_link),
		FIXTURE_TEST(a_directory_needs_hashed_names),
		FIXTURE_TEST(a_directory_that_others_can_write_to_is_not_used),
		FIXTURE_TEST(a_directory_of_another_user_is_not_used),
		FIXTURE_TEST(a_link_leads_to_a_directory),
	};
	return cmocka_run_group_tests_name("trust_store", tests, NULL, NULL);
}
