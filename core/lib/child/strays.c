#include "child/strays.h"

#include <errno.h>
#include <signal.h>

#ifdef __linux__

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "child/pidfd.h"
#include "child/proc.h"

/* The kernel allows 32 pages of argument strings of 128 KiB each; an environment beyond this is not ours. */
#define MAX_ENVIRONMENT (4U << 20)

static int read_environment(const char *pid, struct buf *text)
{
	char path[64];
	int fd;
	ssize_t got = -1;
	snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	buf_clear(text);
	while (buf_reserve(text, 4096) == 0 && (got = fd_read(fd, text->data + text->len, 4096)) > 0)
		text->len += (size_t)got;
	fd_close(&fd);
	return got < 0 ? -1 : 0;
}

static int has_entry(const struct buf *text, const char *marker)
{
	size_t len = strlen(marker);
	for (size_t at = 0; at < text->len;) {
		const char *end = memchr(text->data + at, '\0', text->len - at);
		size_t entry = end ? (size_t)(end - text->data) - at : text->len - at;
		if (entry == len && memcmp(text->data + at, marker, len) == 0)
			return 1;
		at += entry + 1;
	}
	return 0;
}

/* Signal through a pidfd taken before the environment is read, so that a number used anew is never hit. A zombie's
 * environment is empty: it does not count. */
static int signal_if_ours(const char *name, const char *marker, pid_t group, int signo, struct buf *text)
{
	pid_t pid = (pid_t)atol(name);
	int ours, pidfd;
	if (pid == getpid())
		return 0;
	pidfd = pidfd_take(pid);
	ours = read_environment(name, text) == 0 && has_entry(text, marker);
	if (group && getpgid(pid) == group)
		signo = 0;
	if (ours && signo)
		pidfd_signal(pidfd, pid, signo);
	fd_close(&pidfd);
	return ours;
}

size_t strays_signal(const char *marker, pid_t group, int signo)
{
	size_t found = 0;
	struct dirent *entry;
	struct buf text;
	DIR *proc = opendir("/proc");
	if (!proc)
		return 0;
	buf_init(&text, MAX_ENVIRONMENT);
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			found += (size_t)signal_if_ours(entry->d_name, marker, group, signo, &text);
	buf_free(&text);
	closedir(proc);
	return found;
}

int strays_carries(const char *pid, const char *marker)
{
	struct buf text;
	int carries;
	buf_init(&text, MAX_ENVIRONMENT);
	carries = read_environment(pid, &text) == 0 && has_entry(&text, marker);
	buf_free(&text);
	return carries;
}

static int lives_in_group(const char *name, pid_t group)
{
	struct proc_stat stat;
	return proc_stat_read(name, &stat) == 0 && stat.group == group && stat.state != 'Z' && stat.state != 'X';
}

int strays_in_group(pid_t group)
{
	struct dirent *entry;
	int found = 0;
	DIR *proc;
	if (kill(-group, 0) < 0 && errno == ESRCH)
		return 0;
	proc = opendir("/proc");
	if (!proc)
		return 1;
	while (!found && (entry = readdir(proc)))
		found = isdigit((unsigned char)entry->d_name[0]) && lives_in_group(entry->d_name, group);
	closedir(proc);
	return found;
}

#else

size_t strays_signal(const char *marker, pid_t group, int signo)
{
	(void)marker;
	(void)group;
	(void)signo;
	return 0;
}

int strays_carries(const char *pid, const char *marker)
{
	(void)pid;
	(void)marker;
	return 0;
}

int strays_in_group(pid_t group)
{
	return kill(-group, 0) == 0 || errno != ESRCH;
}

#endif
