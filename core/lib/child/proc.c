#include "child/proc.h"

#ifdef __linux__

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

int proc_stat_read(const char *pid, struct proc_stat *stat)
{
	char path[64], text[1024];
	const char *end;
	int fd;
	ssize_t got;
	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	got = fd_read(fd, text, sizeof text - 1);
	fd_close(&fd);
	text[got > 0 ? got : 0] = '\0';
	/* The command's name may hold anything: it ends at the last parenthesis. */
	end = strrchr(text, ')');
	if (!end || sscanf(text, "%d", &stat->pid) != 1)
		return -1;
	return sscanf(end + 1, " %c %d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &stat->state,
	              &stat->parent, &stat->group, &stat->start) == 4
	               ? 0
	               : -1;
}

#else

int proc_stat_read(const char *pid, struct proc_stat *stat)
{
	(void)pid;
	(void)stat;
	return -1;
}

#endif
