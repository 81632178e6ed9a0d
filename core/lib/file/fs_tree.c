#include "file/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/maxima.h"
#include "file/fs_internal.h"

/* FS_REMOVE_LEVELS_MAX levels are walked with an open directory each. Deeper directories are hoisted: moved up into the root of
 * the tree under a unique name, and walked from there. So any depth needs only these few descriptors and frames.
 * (Hoisting alone is not enough: a directory of a lower overlay layer cannot be renamed.) */

struct walk {
	int root;         /* the directory that is removed */
	unsigned hoisted; /* makes the names of hoisted directories unique */
};

/* Sufficient for looking names up; a directory may be searchable, but not readable. */
#ifdef O_PATH
#define SEARCH_ONLY O_PATH
#else
#define SEARCH_ONLY O_RDONLY
#endif

/* All return 0, or -1 with errno set. */
static int remove_entry(struct walk *walk, int parent, const char *name, int level);

/* Restore the access that mode bits deny. NOFOLLOW, so that a link that replaces the directory at this moment does
 * not change the mode of another file. */
static int open_up(int parent, const char *name)
{
	int changed = fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW);
#if defined(__linux__) && defined(O_PATH)
	/* It may use a newer system call that a filter denies. */
	if (changed < 0 && errno == EPERM) {
		char link[64];
		int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		changed = fd < 0 ? -1 : chmod(link, 0700);
		fd_close(&fd);
	}
#endif
	if (changed < 0)
		errno = EACCES;
	return changed;
}

static int open_directory(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	struct stat st;
	int fd = openat(parent, name, flags);
	if (fd < 0 && errno == EACCES && open_up(parent, name) == 0)
		fd = openat(parent, name, flags);
	/* The directory may be readable, but not searchable or writable: its content could not be removed. A failure appears
	 * later. */
	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700 && fchmod(fd, 0700) < 0)
		errno = 0;
	return fd;
}

static int hoist(struct walk *walk, int parent, const char *name)
{
	for (int tries = 0; tries < FS_REMOVE_PASSES_MAX; tries++) {
		char target[32];
		snprintf(target, sizeof target, ".molbuild-rm-%u", walk->hoisted++);
		if (renameat(parent, name, walk->root, target) == 0)
			return 0;
		/* Moving a directory writes its "..". */
		if (errno == EACCES && open_up(parent, name) == 0 && renameat(parent, name, walk->root, target) == 0)
			return 0;
		/* The name exists, as a file or as a directory that is not empty. */
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return -1;
	}
	return -1;
}

static int remove_entries(struct walk *walk, DIR *dir, int level)
{
	const char *name;
	while ((name = fs_next_entry(dir)))
		if (remove_entry(walk, dirfd(dir), name, level) < 0)
			return -1;
	return errno ? -1 : 0;
}

static int empty_directory(struct walk *walk, int parent, const char *name, int level)
{
	int result, fd = open_directory(parent, name);
	DIR *dir;
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	dir = fs_open_entries(fd);
	if (!dir)
		return -1;
	if (level == 0)
		walk->root = dirfd(dir);
	result = remove_entries(walk, dir, level + 1);
	fs_close_entries(dir);
	return result;
}

static int remove_directory(struct walk *walk, int parent, const char *name, int level)
{
	for (int pass = 0; pass < FS_REMOVE_PASSES_MAX; pass++) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -1;
		if (level == FS_REMOVE_LEVELS_MAX)
			return hoist(walk, parent, name);
		if (empty_directory(walk, parent, name, level) < 0)
			return -1;
	}
	errno = ENOTEMPTY;
	return -1;
}

static int remove_entry(struct walk *walk, int parent, const char *name, int level)
{
	struct stat st;
	int saved;
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* Linux returns EISDIR for a directory, other systems EPERM, which has other causes, too: so check the type. */
	saved = errno;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (S_ISDIR(st.st_mode))
		return remove_directory(walk, parent, name, level);
	errno = saved;
	return -1;
}

/* Split PATH, a copy, into its directory (returned) and its last name. NULL when it must not be removed. */
static const char *split(char *path, const char **name)
{
	size_t len = strlen(path);
	char *slash;
	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	slash = strrchr(path, '/');
	*name = slash ? slash + 1 : path;
	if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return NULL;
	if (!slash)
		return ".";
	*slash = '\0';
	return slash == path ? "/" : path;
}

int fs_remove_tree(const char *path, struct error *err)
{
	struct walk walk = {.root = -1};
	const char *dir, *name;
	int parent, result = 0;
	char *copy = strdup(path);
	if (!copy)
		return error_errno(err, ENOMEM, "cannot remove %s", path);
	dir = split(copy, &name);
	if (!dir) {
		free(copy);
		return error_set(err, "invalid", "refusing to remove \"%s\"", path);
	}
	parent = open(dir, SEARCH_ONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 ? errno != ENOENT : remove_entry(&walk, parent, name, 0) < 0)
		result = error_errno(err, errno, "cannot remove %s", path);
	fd_close(&parent);
	free(copy);
	return result;
}
