#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "fixture.h"
#include "net/trust_verify.h"

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static struct identity authority, stranger, server;

/* How handshakes ended. */
struct outcome {
	int trusted;       /* the last one */
	int chain;         /* the certificates of its verified chain */
	int needed, empty; /* the bundle was; it was the problem */
	int problem;
};

static EVP_PKEY *new_key(void)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1), 1);
	assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* ISSUER is NULL for an authority. */
static struct identity make(const char *name, const struct identity *issuer)
{
	struct identity made = {new_key(), X509_new()};
	const struct identity *by = issuer ? issuer : &made;
	X509_EXTENSION *extension =
		X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
	X509_NAME *subject = X509_get_subject_name(made.certificate);
	X509_set_version(made.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(made.certificate), -86400);
	X509_gmtime_adj(X509_getm_notAfter(made.certificate), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(made.certificate, X509_get_subject_name(by->certificate));
	X509_set_pubkey(made.certificate, made.key);
	X509_add_ext(made.certificate, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(made.certificate, by->key, EVP_sha256()) > 0);
	return made;
}

static void drop(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
}

static void write_certificate(const char *path, const struct identity *identity, const char *mode)
{
	FILE *file = fopen(path, mode);
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
	assert_int_equal(fclose(file), 0);
}

/* A name in the directory for IDENTITY. */
static void hash(const struct identity *identity)
{
	char path[64];
	snprintf(path, sizeof path, "hashed/%08lx.0", X509_subject_name_hash(identity->certificate));
	write_certificate(path, identity, "w");
}

static void bundle(const struct identity *identity)
{
	write_certificate("bundle", identity, "a");
}

static int enter(void **state)
{
	authority = make("an authority", NULL);
	stranger = make("a stranger", NULL);
	server = make("a server", &authority);
	if (fixture_enter(state) < 0)
		return -1;
	return mkdir("hashed", 0755);
}

static int leave(void **state)
{
	drop(&authority);
	drop(&stranger);
	drop(&server);
	return fixture_leave(state);
}

/* Give a certificate one more extension, and a validity that ends in SECONDS. */
static void change(struct identity *identity, const struct identity *issuer, int extension, const char *value, long seconds)
{
	X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, NULL, extension, value);
	assert_non_null(made);
	X509_add_ext(identity->certificate, made, -1);
	X509_EXTENSION_free(made);
	X509_gmtime_adj(X509_getm_notAfter(identity->certificate), seconds);
	assert_true(X509_sign(identity->certificate, issuer->key, EVP_sha256()) > 0);
}

/* One handshake in memory; the client's side of it. */
static SSL *shake_hands(SSL_CTX *client_context, SSL_CTX *server_context)
{
	SSL *client = SSL_new(client_context), *peer = SSL_new(server_context);
	BIO *one, *two;
	BIO_new_bio_pair(&one, 0, &two, 0);
	SSL_set_bio(client, one, one);
	SSL_set_bio(peer, two, two);
	SSL_set_connect_state(client);
	SSL_set_accept_state(peer);
	for (int turns = 0; turns < 10; turns++) {
		SSL_do_handshake(client);
		SSL_do_handshake(peer);
	}
	SSL_free(peer);
	return client;
}

static struct outcome try(int times)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *peer = SSL_CTX_new(TLS_server_method());
	struct outcome outcome = {0};
	SSL_CTX_load_verify_locations(client, NULL, "hashed");
	SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
	trust_verify_set(client, "bundle");
	SSL_CTX_use_certificate(peer, server.certificate);
	SSL_CTX_use_PrivateKey(peer, server.key);
	while (times-- > 0) {
		SSL *ssl = shake_hands(client, peer);
		outcome.trusted = SSL_is_init_finished(ssl) && SSL_get_verify_result(ssl) == X509_V_OK;
		outcome.chain = outcome.trusted ? sk_X509_num(SSL_get0_verified_chain(ssl)) : 0;
		SSL_free(ssl);
		if (times > 0)
			unlink("bundle");
	}
	outcome.needed = trust_verify_needed() != NULL;
	outcome.problem = trust_verify_problem() != NULL;
	outcome.empty = outcome.problem && strcmp(trust_verify_problem(), TRUST_VERIFY_NO_STORE) == 0;
	SSL_CTX_free(client);
	SSL_CTX_free(peer);
	return outcome;
}

/* The outcome in a process that makes TIMES handshakes; the bundle is removed after the first. A process parses a bundle once, so
 * each test has one of its own. */
static struct outcome handshakes(int times)
{
	struct outcome outcome = {0};
	int ends[2], status;
	pid_t pid;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		outcome = try(times);
		_exit(write(ends[1], &outcome, sizeof outcome) != sizeof outcome);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &outcome, sizeof outcome), sizeof outcome);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return outcome;
}

static void assert_outcome(int times, struct outcome expected)
{
	struct outcome outcome = handshakes(times);
	assert_memory_equal(&outcome, &expected, sizeof outcome);
}

static void the_directory_suffices_for_what_both_have(void **state)
{
	(void)state;
	bundle(&stranger);
	bundle(&authority);
	hash(&authority);
	assert_outcome(1, (struct outcome){.trusted = 1, .chain = 2});
}

static void what_only_the_bundle_has_is_trusted(void **state)
{
	(void)state;
	bundle(&authority);
	hash(&stranger);
	assert_outcome(1, (struct outcome){.trusted = 1, .chain = 2, .needed = 1});
}

static void what_only_the_directory_has_is_not_trusted(void **state)
{
	(void)state;
	bundle(&stranger);
	hash(&authority);
	assert_outcome(1, (struct outcome){.problem = 1});
}

static void what_neither_has_is_not_trusted(void **state)
{
	(void)state;
	bundle(&stranger);
	hash(&stranger);
	assert_outcome(1, (struct outcome){0});
}

static void a_wrong_certificate_under_a_name_of_the_directory_does_no_harm(void **state)
{
	char path[64];
	(void)state;
	bundle(&authority);
	snprintf(path, sizeof path, "hashed/%08lx.0", X509_subject_name_hash(authority.certificate));
	write_certificate(path, &stranger, "w");
	assert_outcome(1, (struct outcome){.trusted = 1, .chain = 2, .needed = 1});
}

static void a_certificate_of_the_same_name_is_not_the_one_of_the_bundle(void **state)
{
	struct identity twin = make("an authority", NULL);
	(void)state;
	bundle(&twin);
	hash(&authority);
	assert_outcome(1, (struct outcome){.problem = 1});
	drop(&twin);
}

/* Write BEFORE in front of the next certificate of the bundle. */
static void write_before(const char *before)
{
	FILE *file = fopen("bundle", "a");
	assert_non_null(file);
	assert_true(fputs(before, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void a_certificate_that_is_commented_out_is_not_trusted(void **state)
{
	(void)state;
	bundle(&stranger);
	write_before("#");
	bundle(&authority);
	hash(&authority);
	assert_outcome(1, (struct outcome){.problem = 1});
	/* A comment above it, and a copy that counts. */
	write_before("# an authority\n");
	bundle(&authority);
	assert_outcome(1, (struct outcome){.trusted = 1, .chain = 2});
}

static void a_bundle_without_a_certificate_is_the_problem(void **state)
{
	(void)state;
	hash(&authority);
	assert_outcome(1, (struct outcome){.problem = 1, .empty = 1});
	assert_int_equal(fs_write_atomic("bundle", "", 0, 0644, &err), 0);
	assert_outcome(1, (struct outcome){.problem = 1, .empty = 1});
	assert_int_equal(fs_write_atomic("bundle", "no certificate\n", 15, 0644, &err), 0);
	assert_outcome(1, (struct outcome){.problem = 1, .empty = 1});
}

static void the_bundle_is_parsed_once_and_then_used_for_all(void **state)
{
	(void)state;
	bundle(&authority);
	assert_outcome(2, (struct outcome){.trusted = 1, .chain = 2, .needed = 1});
	/* The directory is not asked any more, and the bundle that it was compared with is gone. */
	hash(&authority);
	assert_outcome(1, (struct outcome){.problem = 1, .empty = 1});
}

/* The result of a verification with libcurl's flags: with the bundle alone, or with the directory and trust_verify_set(). */
static long verify_result(int by_directory)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *peer = SSL_CTX_new(TLS_server_method());
	SSL *ssl;
	long result;
	SSL_CTX_load_verify_locations(client, by_directory ? NULL : "bundle", by_directory ? "hashed" : NULL);
	X509_STORE_set_flags(SSL_CTX_get_cert_store(client), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
	if (by_directory)
		trust_verify_set(client, "bundle");
	SSL_CTX_use_certificate(peer, server.certificate);
	SSL_CTX_use_PrivateKey(peer, server.key);
	ssl = shake_hands(client, peer);
	result = SSL_get_verify_result(ssl);
	if (SSL_is_init_finished(ssl) != (result == X509_V_OK))
		result = -1;
	SSL_free(ssl);
	SSL_CTX_free(client);
	SSL_CTX_free(peer);
	return result;
}

/* The results of both ways, in a process of its own. */
static void assert_results(size_t number, long expected)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		long alone = verify_result(0), by_directory = verify_result(1);
		if (alone != expected || by_directory != expected)
			print_error("check %zu: %ld alone, %ld by the directory\n", number, alone, by_directory);
		_exit(alone != expected || by_directory != expected);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void every_check_is_that_of_the_bundle_alone(void **state)
{
	enum { DAY = 86400 };
	static const struct {
		int of_authority, extension;
		const char *value;
		long ends, result;
	} checks[] = {
		{0, NID_subject_alt_name, "DNS:server", DAY, X509_V_OK},
		{0, NID_subject_alt_name, "DNS:server", -60, X509_V_ERR_CERT_HAS_EXPIRED},
		{0, NID_ext_key_usage, "serverAuth", DAY, X509_V_OK},
		{0, NID_ext_key_usage, "clientAuth", DAY, X509_V_ERR_INVALID_PURPOSE},
		{1, NID_key_usage, "critical,keyCertSign", -60, X509_V_ERR_CERT_HAS_EXPIRED},
		{1, NID_key_usage, "critical,digitalSignature", DAY, X509_V_ERR_INVALID_CA},
		{1, NID_ext_key_usage, "clientAuth", DAY, X509_V_ERR_INVALID_PURPOSE},
		{1, NID_name_constraints, "critical,permitted;DNS:other", DAY, X509_V_ERR_PERMITTED_VIOLATION},
		{1, NID_name_constraints, "critical,excluded;DNS:server", DAY, X509_V_ERR_EXCLUDED_VIOLATION},
	};
	(void)state;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		int of_authority = checks[i].of_authority;
		drop(&authority);
		drop(&server);
		authority = make("an authority", NULL);
		server = make("a server", &authority);
		if (of_authority)
			change(&server, &authority, NID_subject_alt_name, "DNS:server", DAY);
		change(of_authority ? &authority : &server, &authority, checks[i].extension, checks[i].value, checks[i].ends);
		unlink("bundle");
		bundle(&authority);
		hash(&authority);
		assert_results(i, checks[i].result);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_directory_suffices_for_what_both_have),
		TEST(what_only_the_bundle_has_is_trusted),
		TEST(what_only_the_directory_has_is_not_trusted),
		TEST(what_neither_has_is_not_trusted),
		TEST(a_wrong_certificate_under_a_name_of_the_directory_does_no_harm),
		TEST(a_certificate_of_the_same_name_is_not_the_one_of_the_bundle),
		TEST(a_certificate_that_is_commented_out_is_not_trusted),
		TEST(a_bundle_without_a_certificate_is_the_problem),
		TEST(every_check_is_that_of_the_bundle_alone),
		TEST(the_bundle_is_parsed_once_and_then_used_for_all),
	};
	return cmocka_run_group_tests_name("trust_verify", tests, NULL, NULL);
}
