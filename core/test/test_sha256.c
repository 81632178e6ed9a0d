#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file/sha256.h"

static struct error err;
static char hex[SHA256_HEX_SIZE];
static char path[] = "/tmp/test_sha256.XXXXXX";

static int setup(void **state)
{
	int fd;
	(void)state;
	snprintf(path, sizeof path, "/tmp/test_sha256.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return remove(path);
}

static void assert_digest(const void *data, size_t len, const char *want)
{
	assert_int_equal(sha256_hex(data, len, hex, &err), 0);
	assert_string_equal(hex, want);
}

/* FIPS 180-2, appendix B, and the digest of nothing. */
static void computes_known_digests(void **state)
{
	static char as[1000000];
	(void)state;
	memset(as, 'a', sizeof as);
	assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_digest(as, sizeof as, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void takes_nul_bytes(void **state)
{
	(void)state;
	assert_digest("\0", 1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

static void reads_a_file(void **state)
{
	FILE *file = fopen(path, "w");
	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 1000000; i++)
		assert_int_equal(fputc('a', file), 'a');
	assert_int_equal(fclose(file), 0);
	assert_int_equal(sha256_file(path, hex, &err), 0);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void reads_an_empty_file(void **state)
{
	(void)state;
	assert_int_equal(sha256_file(path, hex, &err), 0);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void assert_refused(const char *name, const char *code)
{
	assert_int_equal(sha256_file(name, hex, &err), -1);
	assert_string_equal(err.code, code);
	assert_non_null(strstr(err.message, name));
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	assert_refused("/tmp", "EISDIR");
	assert_refused("/dev/null", "invalid");
	assert_int_equal(remove(path), 0);
	assert_refused(path, "ENOENT");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, "invalid");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_known_digests),
		cmocka_unit_test(takes_nul_bytes),
		cmocka_unit_test_setup_teardown(reads_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_an_empty_file, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_file, setup, teardown),
	};
	return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
