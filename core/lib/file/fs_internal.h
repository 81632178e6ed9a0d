/* Reading a directory, shared by the files that carry out fs.h. */
#ifndef MOLBUILD_FS_INTERNAL_H
#define MOLBUILD_FS_INTERNAL_H

#include <dirent.h>

#include "base/macros.h"

/* A stream on the directory FD, which the stream then owns. NULL with errno set, also when FD is -1; FD is closed then. */
WARN_UNUSED DIR *fs_open_entries(int fd);

/* The name of the next entry that is neither "." nor ".."; valid until the next call. NULL at the end, with errno 0, or when
 * reading fails, with errno set. */
const char *fs_next_entry(DIR *dir);

/* Keeps errno. */
void fs_close_entries(DIR *dir);

#endif
