/* Files and directories.
 *
 * All but fs_names_free() return 0, or -1 with err set; the code is an errno name unless another is given. Strings
 * and lists handed out are the caller's to free. Paths are handed to the system as they are.
 */
#ifndef MOLBUILD_FS_H
#define MOLBUILD_FS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

struct fs_stat {
	const char *type; /* "file", "directory", "link", "fifo", "socket", "device"; static */
	int64_t size;     /* bytes */
	mode_t mode;      /* permission bits, without the type */
	double mtime;     /* seconds since 1970 */
	uid_t uid;
	uint64_t dev, ino, nlink;
};

/* What is at PATH itself: a link is not followed. */
WARN_UNUSED int fs_lstat(const char *path, struct fs_stat *st, struct error *err);

/* What PATH leads to, as in struct fs_stat; a link is followed. */
WARN_UNUSED int fs_type(const char *path, const char **type, struct error *err);

/* Make the directory PATH and the missing ones above it, all with MODE (less the umask). One that is there, or a
 * link to one, is fine whatever its mode; anything else in the way is ENOTDIR. */
WARN_UNUSED int fs_mkdirp(const char *path, mode_t mode, struct error *err);

/* Make a new directory (mode 0700) whose name is PREFIX and six random characters; its path goes to *OUT. */
WARN_UNUSED int fs_mkdtemp(const char *prefix, char **out, struct error *err);

/* Give all below the directory PATH the modes that a commit knows: 0755 for directories and for files that their owner may
 * execute, 0644 for other files. Set-id bits and the sticky bit go. PATH itself and links stay as they are; no link is
 * followed. The first failure ends it; ENAMETOOLONG also for more than 400 levels. */
WARN_UNUSED int fs_plain_modes(const char *path, struct error *err);

/* Give what is at PATH, and all in it, from this user to the owner and group of the file or directory LIKE. What another
 * user owns is left alone, and so is a file with more than one name, which may be one of another directory's. No link is
 * followed. Does nothing where this user owns LIKE, or PATH is missing. The first failure ends it; ENAMETOOLONG also for
 * more than 400 levels. */
WARN_UNUSED int fs_give(const char *path, const char *like, struct error *err);

/* Remove PATH and, if it is a directory, all in it, however deep. A missing PATH is a success. No link is ever
 * followed inside PATH, nor PATH itself if it is one (a slash at its end notwithstanding). A directory of ours that
 * keeps us out by its mode is opened up first. What is mounted in the tree is left alone: EBUSY. The first failure
 * ends it; the rest stays then. Refuses "", "/" and what ends in "." or "..": invalid. */
WARN_UNUSED int fs_remove_tree(const char *path, struct error *err);

/* The names in the directory PATH without "." and "..", sorted by bytes. More than MAX: too_large. */
struct fs_names {
	char **names;
	size_t count;
};

WARN_UNUSED int fs_list(const char *path, size_t max, struct fs_names *out, struct error *err);
void fs_names_free(struct fs_names *names);

/* Append what the regular file PATH (links are followed) holds to OUT. More than MAX bytes, or than OUT's own max
 * leaves room for: too_large; no regular file: invalid, or EISDIR, and a FIFO does not make it wait. OUT is
 * unchanged on failure. */
WARN_UNUSED int fs_read(const char *path, size_t max, struct buf *out, struct error *err);

/* The same, where PATH may also be a pipe (a shell's "<(...)", /dev/stdin), which is read to its end. That may take WAIT_NS
 * nanoseconds: timeout. When nobody has it open to write, it is invalid after two seconds. This process does nothing else
 * meanwhile; a signal that is caught ends it: EINTR. */
WARN_UNUSED int fs_read_pipe(const char *path, size_t max, int64_t wait_ns, struct buf *out, struct error *err);

/* Replace PATH by a file of these LEN bytes and exactly MODE, at once: readers see the old one or the new one, also
 * after a power cut. A link at PATH is replaced, not followed. Nothing is left behind on failure. */
WARN_UNUSED int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err);

WARN_UNUSED int fs_rename(const char *from, const char *to, struct error *err);

/* PATH absolute, without links, "." and "..". It must exist. */
WARN_UNUSED int fs_realpath(const char *path, char **out, struct error *err);

/* What the link PATH says. */
WARN_UNUSED int fs_readlink(const char *path, char **out, struct error *err);

/* Bytes that this user may still write to the file system of PATH. */
WARN_UNUSED int fs_free_bytes(const char *path, uint64_t *bytes, struct error *err);

#endif
