#include "child/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "base/fd.h"
#include "loop/signals.h"

extern char **environ;

/* Where the system cannot close a range at once, no more than this many descriptors are looked at. */
#define MAX_SCANNED_FD 65536

/* Between fork and exec only async-signal-safe calls: libcurl's resolver may have threads that held a lock. */

static void cloexec_all(void)
{
	long max;
#if defined(__linux__) && defined(SYS_close_range) && defined(CLOSE_RANGE_CLOEXEC)
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
#endif
	max = sysconf(_SC_OPEN_MAX);
	if (max < 0 || max > MAX_SCANNED_FD)
		max = MAX_SCANNED_FD;
	for (int fd = 3; fd < max; fd++)
		if (fd_set_cloexec(fd, 1) < 0)
			continue;
}

static int install_stdio(const struct spawn_options *options)
{
	int from[3] = {options->in, options->out, options->err};
	/* Out of the way first, so that no dup2() overwrites one that is still to come. */
	for (int i = 0; i < 3; i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 10);
		if (from[i] < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			return -1;
	return 0;
}

/* Heap and private mappings; files that are mapped to be read do not count. A limit that is lower already stays. The hard
 * one is not touched: a child may start a program that the bound is not meant for, and lift it there. */
static int limit_memory(rlim_t max)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_DATA, &limit) < 0)
		return -1;
	if (limit.rlim_cur > max)
		limit.rlim_cur = max;
	return setrlimit(RLIMIT_DATA, &limit);
}

/* Where files have a limit, a program is to say that one was too large: by default it dies, and git does not say of its own
 * children why. */
static void fail_at_large_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		signal(SIGXFSZ, SIG_IGN);
}

static void become(const struct spawn_options *options, pid_t parent, int status_fd)
{
	struct spawn_failure failure = {0};
	ssize_t put;
	setsid();
	signals_reset();
	fail_at_large_files();
	if (options->umask)
		umask(options->umask);
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
#else
	(void)parent;
#endif
	if (install_stdio(options) < 0 || (options->max_memory && limit_memory(options->max_memory) < 0))
		goto fail;
	cloexec_all();
	for (size_t i = 0; i < options->keep_count; i++)
		if (fd_set_cloexec(options->keep[i], 0) < 0)
			goto fail;
	if (options->cwd && chdir(options->cwd) < 0) {
		failure.at_cwd = 1;
		goto fail;
	}
	execve(options->program, (char *const *)options->argv, (char *const *)options->envp);
fail:
	failure.errnum = errno;
	put = write(status_fd, &failure, sizeof failure);
	(void)put;
	_exit(127);
}

int spawn(const struct spawn_options *options, pid_t *pid, int *status_fd, struct error *err)
{
	int ends[2], saved;
	sigset_t all, before;
	pid_t parent = getpid();
	if (fd_pipe(ends) < 0)
		return error_errno(err, errno, "cannot start %s", options->program);
	/* No handler of ours may run in the child before its dispositions are reset. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	saved = errno;
	if (*pid == 0)
		become(options, parent, ends[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	fd_close(&ends[1]);
	if (*pid < 0) {
		fd_close(&ends[0]);
		return error_errno(err, saved, "cannot start %s", options->program);
	}
	*status_fd = ends[0];
	return 0;
}

static size_t list_length(const char *const *list)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	return count;
}

/* Whether ENTRY ("NAME=value") is one that PATTERN ("NAME" or "PREFIX*") names. */
static int names(const char *pattern, const char *entry)
{
	size_t len = strlen(pattern);
	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, entry, len - 1) == 0;
	return strncmp(pattern, entry, len) == 0 && entry[len] == '=';
}

static int same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");
	return strncmp(a, b, len) == 0 && b[len] == '=';
}

static int dropped(const char *entry, const char *const *set, const char *const *unset)
{
	for (; unset && *unset; unset++)
		if (names(*unset, entry))
			return 1;
	for (; set && *set; set++)
		if (same_name(*set, entry))
			return 1;
	return 0;
}

const char **spawn_environment(const char *const *set, const char *const *unset, struct error *err)
{
	size_t count = 0, room = list_length((const char *const *)environ) + list_length(set) + 1;
	const char **result = calloc(room, sizeof(char *));
	if (!result) {
		error_errno(err, ENOMEM, "cannot build an environment");
		return NULL;
	}
	for (char **entry = environ; entry && *entry; entry++)
		if (!dropped(*entry, set, unset))
			result[count++] = *entry;
	for (; set && *set; set++)
		result[count++] = *set;
	return result;
}
