#include "file/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"

#ifdef MFD_ALLOW_SEALING
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The name shows in /proc/PID/fd alone. */
static int make(void)
{
	return memfd_create("molbuild", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static int seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS);
}
#else
static int make(void)
{
	errno = ENOSYS;
	return -1;
}

static int seal(int fd)
{
	(void)fd;
	return 0;
}
#endif

int memory_file_make(const void *data, size_t len, struct error *err)
{
	int fd = make();
	if (fd < 0)
		return error_errno(err, errno, "cannot make a file in memory");
	if (fchmod(fd, 0400) < 0 || fd_write_all(fd, data, len) < 0 || seal(fd) < 0) {
		error_errno(err, errno, "cannot write a file in memory");
		fd_close(&fd);
		return -1;
	}
	return fd;
}

void memory_file_path(int fd, char path[MEMORY_FILE_PATH_SIZE])
{
	snprintf(path, MEMORY_FILE_PATH_SIZE, "/proc/self/fd/%d", fd);
}
