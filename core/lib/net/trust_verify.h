/* Verifies a server's certificate with a directory of hashed certificates, as fast as that is, and exactly as the bundle of
 * the same store would.
 *
 * The directory is only an index: OpenSSL finds the few certificates of a chain in it without parsing the others. Every
 * certificate that is taken from it must be in the bundle, byte for byte. If one is not, or if the directory does not lead to
 * a trusted chain for any reason, the whole bundle decides, within the same handshake, and from then on for this process. So a
 * certificate that was removed from the bundle is not trusted if the directory still has it, and one that only the
 * bundle has is trusted.
 */
#ifndef MOLBUILD_TRUST_VERIFY_H
#define MOLBUILD_TRUST_VERIFY_H

#include <openssl/ssl.h>

/* Verify the server of a connection of CONTEXT, whose store has the directory, in this way. BUNDLE must stay valid. */
void trust_verify_set(SSL_CTX *context, const char *bundle);

/* The bundle, if it had to be read in full and led to a trusted chain; NULL otherwise. */
const char *trust_verify_needed(void);

#define TRUST_VERIFY_NO_STORE                                                                                                  \
	"this system has no store of trusted certificates that can be read: install ca-certificates, or set SSL_CERT_FILE"

/* What is wrong with the store, if the last server was not trusted for that reason; NULL: nothing is, or it was trusted. */
const char *trust_verify_problem(void);

#endif
