/* SHA256_Init() and the related functions allocate nothing. EVP_Digest() loads a provider at its first call, and OpenSSL 3
 * crashes when memory runs out during that. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "file/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"

static int fail(struct error *err)
{
	return error_set(err, "protocol", "OpenSSL cannot compute SHA-256");
}

static void to_hex(const unsigned char *digest, char hex[SHA256_HEX_SIZE])
{
	for (int i = 0; i < 32; i++)
		snprintf(hex + i * 2, 3, "%02x", digest[i]);
}

int sha256_hex(const void *data, size_t len, char hex[SHA256_HEX_SIZE], struct error *err)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX context;
	if (!SHA256_Init(&context) || !SHA256_Update(&context, data, len) || !SHA256_Final(digest, &context))
		return fail(err);
	to_hex(digest, hex);
	return 0;
}

static int digest_fd(int fd, const char *path, SHA256_CTX *context, struct error *err)
{
	static unsigned char bytes[65536];
	ssize_t got;
	while ((got = fd_read(fd, bytes, sizeof bytes)) > 0)
		if (!SHA256_Update(context, bytes, (size_t)got))
			return fail(err);
	return got < 0 ? error_errno(err, errno, "cannot read %s", path) : 0;
}

/* Returns the descriptor, or -1 with err set. */
static int open_regular(const char *path, struct error *err)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), failed;
	if (fd < 0)
		return error_errno(err, errno, "cannot read %s", path);
	failed = fstat(fd, &info);
	if (failed)
		error_errno(err, errno, "cannot read %s", path);
	else if (S_ISDIR(info.st_mode))
		failed = error_errno(err, EISDIR, "cannot read %s", path);
	else if (!S_ISREG(info.st_mode))
		failed = error_set(err, "invalid", "%s is not a regular file", path);
	if (failed)
		fd_close(&fd);
	return fd;
}

int sha256_file(const char *path, char hex[SHA256_HEX_SIZE], struct error *err)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int result = -1, fd = open_regular(path, err);
	SHA256_CTX context;
	if (fd < 0)
		return -1;
	if (!SHA256_Init(&context))
		fail(err);
	else if (digest_fd(fd, path, &context, err) == 0)
		result = SHA256_Final(digest, &context) ? 0 : fail(err);
	if (result == 0)
		to_hex(digest, hex);
	fd_close(&fd);
	return result;
}
