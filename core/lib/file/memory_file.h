/* Files in memory: data that a child reads by a path, and that no disk and no argument ever holds.
 *
 *   fd = memory_file_make(data, len, &err);       the file, complete and unchangeable
 *   memory_file_path(fd, path);                   for the arguments of a child that inherits FD (process.h: keep)
 *   fd_close(&fd);                                it is gone with its last descriptor
 *
 * Each open of the path begins at the first byte. Another user cannot open it: /proc/PID/fd belongs to the process's user.
 */
#ifndef MOLBUILD_MEMORY_FILE_H
#define MOLBUILD_MEMORY_FILE_H

#include <stddef.h>

#include "base/error.h"

#define MEMORY_FILE_PATH_SIZE 32

/* Make a file of these LEN bytes, mode 0400, close-on-exec. Returns its descriptor, or -1 with err set: an errno name; ENOSYS where
 * the system has no such files. */
WARN_UNUSED int memory_file_make(const void *data, size_t len, struct error *err);

/* The path of FD for a process that inherits it. */
void memory_file_path(int fd, char path[MEMORY_FILE_PATH_SIZE]);

#endif
