#include "net/trust_store.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"

enum { HASH_LEN = 8 };

static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Alpine, Arch, Gentoo */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
	"/etc/pki/tls/certs/ca-bundle.crt",                  /* the same, older */
	"/var/lib/ca-certificates/ca-bundle.pem",            /* openSUSE, SLES */
	"/etc/ssl/ca-bundle.pem",                            /* the same, older */
	"/etc/ca-certificates/extracted/tls-ca-bundle.pem",  /* Arch */
	"/usr/local/etc/ssl/cert.pem",                       /* FreeBSD with ca_root_nss */
	"/usr/local/share/certs/ca-root-nss.crt",            /* the same, older; DragonFly */
	"/etc/ssl/cert.pem",                                 /* macOS, FreeBSD, OpenBSD, Alpine */
	"/etc/openssl/certs/ca-certificates.crt",            /* NetBSD */
};

static const char *const directories[] = {
	"/etc/ssl/certs",                                 /* Debian, Ubuntu, Alpine, Arch, Gentoo, openSUSE, FreeBSD */
	"/etc/pki/ca-trust/extracted/pem/directory-hash", /* Fedora, RHEL */
	"/etc/pki/tls/certs",                             /* the same, by links */
	"/var/lib/ca-certificates/pem",                   /* openSUSE, SLES */
	"/etc/ca-certificates/extracted/cadir",           /* Arch */
	"/etc/openssl/certs",                             /* NetBSD */
};

/* Returns 0 for a path that is too long, which does not exist then. */
static int below(const char *root, const char *path, char *out, size_t size)
{
	int len = snprintf(out, size, "%s%s", root, path);
	return len > 0 && (size_t)len < size;
}

static int is_bundle(const char *root, const char *path)
{
	char at[PATH_MAX];
	struct stat st;
	return below(root, path, at, sizeof at) && stat(at, &st) == 0 && S_ISREG(st.st_mode);
}

/* "002c0b4f.0". Revoked certificates have an "r" before the number. */
static int is_hashed_name(const char *name)
{
	if (strspn(name, "0123456789abcdef") != HASH_LEN || name[HASH_LEN] != '.')
		return 0;
	name += HASH_LEN + 1;
	return *name && name[strspn(name, "0123456789")] == '\0';
}

static int has_hashed_name(const char *path)
{
	int found = 0;
	struct dirent *entry;
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	while (!found && (entry = readdir(dir)))
		found = is_hashed_name(entry->d_name);
	closedir(dir);
	return found;
}

/* Another user who could write to the directory could put a FIFO there, which OpenSSL would wait for. */
static int is_directory(const char *root, const char *path, uid_t owner)
{
	char at[PATH_MAX];
	struct stat link, st;
	return below(root, path, at, sizeof at) && lstat(at, &link) == 0 && link.st_uid == owner && stat(at, &st) == 0 &&
	       S_ISDIR(st.st_mode) && st.st_uid == owner && !(st.st_mode & (S_IWGRP | S_IWOTH)) && has_hashed_name(at);
}

void trust_store_find(const char *root, const char *preferred, uid_t owner, struct trust_store *store)
{
	*store = (struct trust_store){0};
	if (preferred && is_bundle(root, preferred))
		store->bundle = preferred;
	for (size_t i = 0; i < ARRAY_LEN(bundles) && !store->bundle; i++)
		if (is_bundle(root, bundles[i]))
			store->bundle = bundles[i];
	for (size_t i = 0; i < ARRAY_LEN(directories) && !store->directory; i++)
		if (is_directory(root, directories[i], owner))
			store->directory = directories[i];
}
