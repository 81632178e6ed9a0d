#include "net/trust_verify.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "file/fs.h"

enum { BUNDLE_MAX = 16 << 20 };

/* The whole bundle, parsed once. */
static X509_STORE *parsed;
static const char *needed, *problem;

/* Whether TEXT begins a line of the bundle. OpenSSL ignores a certificate with something before its first line, such as "#". */
static int has_lines(const struct buf *bundle, const char *text, size_t len)
{
	const char *data = bundle->data, *end = data + bundle->len, *at = data;
	while ((at = memmem(at, (size_t)(end - at), text, len)) && at > data && at[-1] != '\n')
		at++;
	return at != NULL;
}

/* Whether the bundle has exactly this certificate, in the form in which every tool writes it. */
static int has(const struct buf *bundle, X509 *certificate)
{
	char *text = NULL;
	long len = 0;
	int found = 0;
	BIO *memory = BIO_new(BIO_s_mem());
	if (memory && bundle->len && PEM_write_bio_X509(memory, certificate) && (len = BIO_get_mem_data(memory, &text)) > 0)
		found = has_lines(bundle, text, (size_t)len);
	BIO_free(memory);
	return found;
}

/* Whether the bundle has all certificates of the verified chain that came from the directory. */
static int agrees(X509_STORE_CTX *verification, const char *path)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(verification);
	int count = sk_X509_num(chain), at = X509_STORE_CTX_get_num_untrusted(verification), all = count > 0;
	struct buf bundle;
	struct error ignored;
	buf_init(&bundle, BUNDLE_MAX);
	if (fs_read(path, BUNDLE_MAX, &bundle, &ignored) < 0)
		all = 0;
	/* The last one is the trusted one, whatever the count says. */
	for (at = at < count ? at : count - 1; all && at < count; at++)
		all = has(&bundle, sk_X509_value(chain, at));
	buf_free(&bundle);
	return all;
}

static X509_STORE *parse(const char *path)
{
	X509_STORE *store = X509_STORE_new();
	if (!store || X509_STORE_load_locations(store, path, NULL) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	return store;
}

/* The result of AGAIN becomes that of VERIFICATION, whose memory belongs to libssl. */
static int verify_again(X509_STORE_CTX *again, X509_STORE_CTX *verification)
{
	int trusted;
	if (!X509_STORE_CTX_init(again, parsed, X509_STORE_CTX_get0_cert(verification),
	                         X509_STORE_CTX_get0_untrusted(verification)) ||
	    !X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(again), X509_STORE_CTX_get0_param(verification)))
		return 0;
	trusted = X509_verify_cert(again) == 1;
	X509_STORE_CTX_set_error(verification, X509_STORE_CTX_get_error(again));
	X509_STORE_CTX_set_error_depth(verification, X509_STORE_CTX_get_error_depth(again));
	if (trusted)
		X509_STORE_CTX_set0_verified_chain(verification, X509_STORE_CTX_get1_chain(again));
	return trusted;
}

static int verify_with_bundle(X509_STORE_CTX *verification, const char *path)
{
	X509_STORE_CTX *again = X509_STORE_CTX_new();
	int trusted;
	parsed = parsed ? parsed : parse(path);
	problem = parsed ? problem : TRUST_VERIFY_NO_STORE;
	/* What the first attempt found must not count if the second cannot be made. */
	X509_STORE_CTX_set_error(verification, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	trusted = again && parsed && verify_again(again, verification);
	X509_STORE_CTX_free(again);
	if (trusted)
		needed = path;
	return trusted;
}

static int verify(X509_STORE_CTX *verification, void *ud)
{
	const char *bundle = ud;
	int found = !parsed && X509_verify_cert(verification) == 1;
	int trusted = found && agrees(verification, bundle);
	problem = found ? "the system's directory of trusted certificates has its authority, and the bundle does not: run "
	                  "update-ca-certificates, or set SSL_CERT_FILE"
	                : NULL;
	trusted = trusted || verify_with_bundle(verification, bundle);
	problem = trusted ? NULL : problem;
	/* libssl would take what the first attempt left for an error of the connection. */
	ERR_clear_error();
	return trusted;
}

void trust_verify_set(SSL_CTX *context, const char *bundle)
{
	SSL_CTX_set_cert_verify_callback(context, verify, (void *)(uintptr_t)bundle);
}

const char *trust_verify_needed(void)
{
	return needed;
}

const char *trust_verify_problem(void)
{
	return problem;
}
