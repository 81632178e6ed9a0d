/* SHA-256, by OpenSSL. */
#ifndef MOLBUILD_SHA256_H
#define MOLBUILD_SHA256_H

#include <stddef.h>

#include "base/error.h"

#define SHA256_HEX_SIZE 65

/* The digest as 64 lowercase hex digits and a NUL. Returns 0, or -1 with err set. */
WARN_UNUSED int sha256_hex(const void *data, size_t len, char hex[SHA256_HEX_SIZE], struct error *err);

/* The same for a file's content. Fails with an errno name, EISDIR for a directory, or "invalid" for any other file
 * that is not a regular one (there is no wait for a FIFO). */
WARN_UNUSED int sha256_file(const char *path, char hex[SHA256_HEX_SIZE], struct error *err);

#endif
