#include "file/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/maxima.h"
#include "file/fs_internal.h"

/* The owner of a directory above can replace a file after it was checked. So all operations use descriptors of
 * directories, and no link is followed. All return 0, or -1 with errno set. */
struct walk {
	int (*visit)(const struct walk *walk, int parent, const char *name, const struct stat *st);
	uid_t from, uid;
	gid_t gid;
	const struct timespec *times;
};

static int walk_entry(const struct walk *walk, int parent, const char *name, int level);

static int walk_entries(const struct walk *walk, DIR *dir, int level)
{
	const char *name;
	while ((name = fs_next_entry(dir)))
		if (walk_entry(walk, dirfd(dir), name, level) < 0)
			return -1;
	return errno ? -1 : 0;
}

static int walk_directory(const struct walk *walk, int parent, const char *name, int level)
{
	int result;
	DIR *dir = fs_open_entries(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
	if (!dir)
		return -1;
	result = walk_entries(walk, dir, level + 1);
	fs_close_entries(dir);
	return result;
}

static int walk_entry(const struct walk *walk, int parent, const char *name, int level)
{
	struct stat st;
	if (level > FS_LEVELS_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (walk->visit(walk, parent, name, &st) < 0)
		return -1;
	return S_ISDIR(st.st_mode) ? walk_directory(walk, parent, name, level) : 0;
}

/* ---- modes ------------------------------------------------------------------------------------------------ */

static int set_mode(const struct walk *walk, int parent, const char *name, const struct stat *st)
{
	mode_t wanted = S_ISDIR(st->st_mode) || (st->st_mode & S_IXUSR) ? 0755 : 0644;
	if (walk->times && utimensat(parent, name, walk->times, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if ((!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode)) || (st->st_mode & 07777) == wanted)
		return 0;
	return fchmodat(parent, name, wanted, AT_SYMLINK_NOFOLLOW);
}

int fs_plain_modes(const char *path, int64_t time, struct error *err)
{
	struct timespec times[2] = {{.tv_sec = (time_t)time}, {.tv_sec = (time_t)time}};
	struct walk walk = {.visit = set_mode, .times = time < 0 ? NULL : times};
	if (walk_directory(&walk, AT_FDCWD, path, 0) == 0)
		return 0;
	return error_errno(err, errno, "cannot set the modes in %s", path);
}

/* ---- owners ----------------------------------------------------------------------------------------------- */

/* A file with several names may also be in another directory. */
static int is_given(const struct walk *walk, const struct stat *st)
{
	return st->st_uid == walk->from && (S_ISDIR(st->st_mode) || st->st_nlink == 1);
}

#ifdef O_PATH
static int give_entry(const struct walk *walk, int parent, const char *name, const struct stat *seen)
{
	struct stat st;
	int saved, result, fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	(void)seen;
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	result = fstat(fd, &st);
	if (result == 0 && is_given(walk, &st))
		result = fchownat(fd, "", walk->uid, walk->gid, AT_EMPTY_PATH);
	saved = errno;
	fd_close(&fd);
	errno = saved;
	return result;
}
#else
static int give_entry(const struct walk *walk, int parent, const char *name, const struct stat *seen)
{
	return is_given(walk, seen) ? fchownat(parent, name, walk->uid, walk->gid, AT_SYMLINK_NOFOLLOW) : 0;
}
#endif

int fs_give(const char *path, const char *like, struct error *err)
{
	struct walk walk = {.visit = give_entry, .from = geteuid()};
	struct stat st;
	if (lstat(like, &st) < 0)
		return error_errno(err, errno, "cannot examine %s", like);
	walk.uid = st.st_uid;
	walk.gid = st.st_gid;
	if (walk.uid == walk.from || walk_entry(&walk, AT_FDCWD, path, 0) == 0)
		return 0;
	return error_errno(err, errno, "cannot change the owner of %s", path);
}
