/* Where this system keeps the certificates of the authorities that it trusts: a bundle of all of them, and a directory of
 * hashed names (openssl-rehash(1)). Every distribution has its own places. */
#ifndef MOLBUILD_TRUST_STORE_H
#define MOLBUILD_TRUST_STORE_H

#include <sys/types.h>

struct trust_store {
	const char *bundle;    /* a regular file; NULL: there is none */
	const char *directory; /* NULL: there is none that can be used */
};

/* Look at the known places below ROOT ("" for this system). PREFERRED is a bundle to look for first: the place that libcurl
 * was built with; may be NULL. A directory is used only if it, and a link that leads to it, belongs to OWNER, no other user can write
 * to it, and it has a hashed name. The paths in *STORE are PREFERRED itself or static, without ROOT. */
void trust_store_find(const char *root, const char *preferred, uid_t owner, struct trust_store *store);

#endif
