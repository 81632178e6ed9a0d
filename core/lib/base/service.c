#include "base/service.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "base/fd.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* a datagram raises no SIGPIPE anyway */
#endif

/* The length of the address in OUT; 0 for one that is no socket's. */
static socklen_t address_of(const char *name, struct sockaddr_un *out)
{
	size_t len = strlen(name);
	memset(out, 0, sizeof *out);
	out->sun_family = AF_UNIX;
	if (len < 2 || len >= sizeof out->sun_path || (name[0] != '/' && name[0] != '@'))
		return 0;
	memcpy(out->sun_path, name, len);
	if (name[0] == '/')
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
#ifdef __linux__
	out->sun_path[0] = '\0'; /* the name of an abstract socket has no end but its length */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
#else
	return 0;
#endif
}

int service_notify(const char *address, const char *text, size_t len, struct error *err)
{
	struct sockaddr_un target;
	socklen_t size = address_of(address, &target);
	ssize_t sent;
	int fd, errnum;
	if (!size)
		return error_set(err, "invalid", "\"%s\" is not the address of a service manager", address);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || fd_set_cloexec(fd, 1) < 0) {
		errnum = errno;
		fd_close(&fd);
		return error_errno(err, errnum, "cannot reach the service manager");
	}
	do
		sent = sendto(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&target, size);
	while (sent < 0 && errno == EINTR);
	errnum = errno;
	fd_close(&fd);
	return sent < 0 ? error_errno(err, errnum, "cannot reach the service manager at %s", address) : 0;
}

#ifdef __linux__
/* The C library has no functions for these calls, and older headers no names for their numbers. A filter of system calls may
 * refuse them: then disks are shared as before. */
static void lower_disk_priority(void)
{
	enum { WHO_PROCESS = 1, CLASS_SHIFT = 13, BEST_EFFORT = 2, IDLE = 3, LOWEST = 7 };
	long current = syscall(SYS_ioprio_get, WHO_PROCESS, 0);
	if (current >= 0 && current >> CLASS_SHIFT != IDLE)
		(void)!syscall(SYS_ioprio_set, WHO_PROCESS, 0, BEST_EFFORT << CLASS_SHIFT | LOWEST);
}
#else
static void lower_disk_priority(void)
{
}
#endif

int service_lower_priority(void)
{
	int current;
	lower_disk_priority();
	errno = 0;
	current = getpriority(PRIO_PROCESS, 0);
	if (current == -1 && errno)
		return -1;
	return current >= SERVICE_NICE ? 0 : setpriority(PRIO_PROCESS, 0, SERVICE_NICE);
}
