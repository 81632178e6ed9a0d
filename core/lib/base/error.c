#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* strerrorname_np() exists in glibc only, so the names are listed here. */
static const struct {
	int number;
	const char *name;
} errno_names[] = {
	{E2BIG, "E2BIG"},
	{EACCES, "EACCES"},
	{EADDRINUSE, "EADDRINUSE"},
	{EAGAIN, "EAGAIN"},
	{EBADF, "EBADF"},
	{EBUSY, "EBUSY"},
	{ECHILD, "ECHILD"},
	{ECONNREFUSED, "ECONNREFUSED"},
	{ECONNRESET, "ECONNRESET"},
	{EDQUOT, "EDQUOT"},
	{EEXIST, "EEXIST"},
	{EFBIG, "EFBIG"},
	{EINTR, "EINTR"},
	{EINVAL, "EINVAL"},
	{EIO, "EIO"},
	{EISDIR, "EISDIR"},
	{ELOOP, "ELOOP"},
	{EMFILE, "EMFILE"},
	{EMSGSIZE, "EMSGSIZE"},
	{ENAMETOOLONG, "ENAMETOOLONG"},
	{ENFILE, "ENFILE"},
	{ENODEV, "ENODEV"},
	{ENOENT, "ENOENT"},
	{ENOEXEC, "ENOEXEC"},
	{ENOLCK, "ENOLCK"},
	{ENOMEM, "ENOMEM"},
	{ENOSPC, "ENOSPC"},
	{ENOSYS, "ENOSYS"},
	{ENOTDIR, "ENOTDIR"},
	{ENOTEMPTY, "ENOTEMPTY"},
	{ENOTSUP, "ENOTSUP"},
	{ENXIO, "ENXIO"},
	{EPERM, "EPERM"},
	{EPIPE, "EPIPE"},
	{EROFS, "EROFS"},
	{ESRCH, "ESRCH"},
	{ESTALE, "ESTALE"},
	{ETIMEDOUT, "ETIMEDOUT"},
	{ETXTBSY, "ETXTBSY"},
	{EXDEV, "EXDEV"},
};

const char *error_errno_name(int errnum)
{
	static char unknown[16];
	for (size_t i = 0; i < ARRAY_LEN(errno_names); i++)
		if (errno_names[i].number == errnum)
			return errno_names[i].name;
	snprintf(unknown, sizeof unknown, "E%d", errnum);
	return unknown;
}

int error_set(struct error *err, const char *code, const char *format, ...)
{
	va_list args;
	snprintf(err->code, sizeof err->code, "%s", code);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	return -1;
}

int error_errno(struct error *err, int errnum, const char *format, ...)
{
	va_list args;
	size_t used;
	snprintf(err->code, sizeof err->code, "%s", error_errno_name(errnum));
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(errnum));
	return -1;
}
