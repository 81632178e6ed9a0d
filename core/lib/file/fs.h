/* Files and directories.
 *
 * All functions except fs_names_free() return 0, or -1 with err set; the code is an errno name unless another is given. The
 * caller frees returned strings and lists. Paths are passed to the system unchanged.
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

/* The file at PATH itself: a link is not followed. */
WARN_UNUSED int fs_lstat(const char *path, struct fs_stat *st, struct error *err);

/* The type of PATH's target, as in struct fs_stat; a link is followed. */
WARN_UNUSED int fs_type(const char *path, const char **type, struct error *err);

/* Make the directory PATH and the missing ones above it, all with MODE (less the umask). An existing directory, or a
 * link to one, is accepted whatever its mode; any other file in the path is ENOTDIR. */
WARN_UNUSED int fs_mkdirp(const char *path, mode_t mode, struct error *err);

/* Make a new directory (mode 0700) whose name is PREFIX and six random characters; *OUT becomes its path. */
WARN_UNUSED int fs_mkdtemp(const char *prefix, char **out, struct error *err);

/* Set the modes of everything below the directory PATH as in a commit: 0755 for directories and for files that their owner may
 * execute, 0644 for other files. Set-id bits and the sticky bit are removed. PATH itself and links stay as they are; no link
 * is followed. Unless TIME, in seconds since 1970, is negative, everything below PATH, links too, gets it as the time of its last
 * change. Stops at the first failure; ENAMETOOLONG also for more than 400 levels. */
WARN_UNUSED int fs_plain_modes(const char *path, int64_t time, struct error *err);

/* Change the owner and group of PATH, and of everything in it, from this user's to those of the file or directory LIKE. Files of
 * other users are skipped, and so are files with more than one name, which may belong to another directory. No link is
 * followed. Does nothing if this user owns LIKE, or if PATH is missing. Stops at the first failure; ENAMETOOLONG also for
 * more than 400 levels. */
WARN_UNUSED int fs_give(const char *path, const char *like, struct error *err);

/* Remove PATH and, if it is a directory, everything in it, at any depth. A missing PATH is a success. No link inside PATH is
 * followed, nor PATH itself if it is one (even with a slash at its end). An own directory whose mode denies access is
 * made accessible first. A mount in the tree is left alone: EBUSY. Stops at the first failure; the rest then
 * stays. Refuses "", "/" and paths that end in "." or "..": invalid. */
WARN_UNUSED int fs_remove_tree(const char *path, struct error *err);

/* The names in the directory PATH without "." and "..", sorted by bytes. More than MAX: too_large. */
struct fs_names {
	char **names;
	size_t count;
};

WARN_UNUSED int fs_list(const char *path, size_t max, struct fs_names *out, struct error *err);
void fs_names_free(struct fs_names *names);

/* Append the content of the regular file PATH (links are followed) to OUT. More than MAX bytes, or than OUT's own max
 * allows: too_large; not a regular file: invalid, or EISDIR. A FIFO does not cause a wait. OUT is
 * unchanged on failure. */
WARN_UNUSED int fs_read(const char *path, size_t max, struct buf *out, struct error *err);

/* The same for a file that must be this user's alone: foreign if another user owns it, or if its mode lets other users do
 * anything with it; ELOOP for a link. The open file is checked, so the name cannot be changed in between. */
WARN_UNUSED int fs_read_own(const char *path, size_t max, struct buf *out, struct error *err);

/* Append at most MAX bytes of the regular file PATH (a link is an error) from OFFSET on: none behind its end. A file that another
 * process is writing can be read on in this way. Errors as of fs_read(), except too_large. */
WARN_UNUSED int fs_read_from(const char *path, uint64_t offset, size_t max, struct buf *out, struct error *err);

/* As fs_read(), but PATH may also be a pipe (a shell's "<(...)", /dev/stdin), which is read to its end. That may take WAIT_NS
 * nanoseconds: timeout. If no process has it open for writing, it is invalid after two seconds. This process does nothing else
 * during that time; a caught signal ends it: EINTR. */
WARN_UNUSED int fs_read_pipe(const char *path, size_t max, int64_t wait_ns, struct buf *out, struct error *err);

/* Replace PATH atomically by a file of these LEN bytes and exactly MODE: readers see the old one or the new one, also
 * after a power failure. A link at PATH is replaced, not followed. Nothing remains after a failure. */
WARN_UNUSED int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err);

/* Copy the regular file FROM to the new file TO, with the mode of a commit: 0755 if its owner may execute it, else 0644. A link
 * is copied as a link, not followed. Any other file is invalid; an existing TO is EEXIST. Nothing remains after a failure. */
WARN_UNUSED int fs_copy(const char *from, const char *to, struct error *err);

WARN_UNUSED int fs_rename(const char *from, const char *to, struct error *err);

/* PATH absolute, without links, "." and "..". It must exist. */
WARN_UNUSED int fs_realpath(const char *path, char **out, struct error *err);

/* The target text of the link PATH. */
WARN_UNUSED int fs_readlink(const char *path, char **out, struct error *err);

/* Whether this user may write to PATH, a link's target; for a directory, whether files may be made in it. An errno name: EACCES,
 * EROFS, ENOENT, ... */
WARN_UNUSED int fs_may_write(const char *path, struct error *err);

/* The free bytes for this user on the file system of PATH. */
WARN_UNUSED int fs_free_bytes(const char *path, uint64_t *bytes, struct error *err);

#endif
