#include "file/fs_internal.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"

DIR *fs_open_entries(int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		fd_close(&fd);
	return dir;
}

const char *fs_next_entry(DIR *dir)
{
	const struct dirent *entry;
	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry ? entry->d_name : NULL;
}

void fs_close_entries(DIR *dir)
{
	int saved = errno;
	closedir(dir);
	errno = saved;
}
