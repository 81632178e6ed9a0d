#include "child/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "loop/fork.h"

extern char **environ;

static int install_stdio(const struct spawn_options *options)
{
	int from[3] = {options->in, options->out, options->err};
	/* Moved first, so that no dup2() overwrites a descriptor that is still needed. */
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

/* Heap and private mappings; files that are mapped for reading do not count. A lower existing limit is kept. The hard limit is
 * not changed: a child may start a program that the bound is not meant for, and raise the limit there. */
static int limit_memory(rlim_t max)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_DATA, &limit) < 0)
		return -1;
	if (limit.rlim_cur > max)
		limit.rlim_cur = max;
	return setrlimit(RLIMIT_DATA, &limit);
}

/* If files have a size limit, a program must report that a file was too large: by default it dies, and git does not report the
 * reason for its children. */
static void fail_at_large_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		signal(SIGXFSZ, SIG_IGN);
}

/* In the child: set up, exec. */
static void become(const struct spawn_options *options, int status_fd)
{
	struct spawn_failure failure = {0};
	ssize_t put;
	fail_at_large_files();
	if (options->umask >= 0)
		umask((mode_t)options->umask);
	if (install_stdio(options) < 0 || (options->max_memory != NO_BOUND && limit_memory((rlim_t)options->max_memory) < 0))
		goto fail;
	fd_close_range(3, ~0U, FD_RANGE_CLOEXEC);
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
	int ends[2];
	if (fd_pipe(ends) < 0)
		return error_errno(err, errno, "cannot start %s", options->program);
	*pid = fork_clean(SIGTERM);
	if (*pid == 0)
		become(options, ends[1]);
	fd_close(&ends[1]);
	if (*pid < 0) {
		fd_close(&ends[0]);
		return error_errno(err, errno, "cannot start %s", options->program);
	}
	*status_fd = ends[0];
	return 0;
}

/* In a child that only starts the program's process, and ends: that process then has no parent that could wait for it. */
static void start_and_leave(const struct spawn_options *options, int report_fd)
{
	pid_t pid = fork();
	ssize_t put;
	if (pid == 0) {
		setsid();
		pid = getpid();
	} else if (pid > 0) {
		_exit(0);
	} else {
		pid = -errno;
	}
	put = write(report_fd, &pid, sizeof pid);
	(void)put;
	if (pid > 0)
		become(options, report_fd);
	_exit(127);
}

/* What the process has reported: its pid, or the reason why there is none; then the reason why it does not run the program. Returns
 * 0, or an errno. */
static int read_reports(int fd, pid_t *pid)
{
	struct spawn_failure failure;
	if (fd_read(fd, pid, sizeof *pid) != (ssize_t)sizeof *pid)
		return ECHILD;
	if (*pid < 0)
		return -*pid;
	return fd_read(fd, &failure, sizeof failure) == (ssize_t)sizeof failure ? failure.errnum : 0;
}

int spawn_detached(const struct spawn_options *options, pid_t *pid, struct error *err)
{
	int ends[2], errnum;
	pid_t starter;
	if (fd_pipe(ends) < 0)
		return error_errno(err, errno, "cannot start %s", options->program);
	starter = fork_clean(0);
	if (starter == 0)
		start_and_leave(options, ends[1]);
	errnum = errno;
	fd_close(&ends[1]);
	if (starter > 0) {
		while (waitpid(starter, NULL, 0) < 0 && errno == EINTR)
			;
		errnum = read_reports(ends[0], pid);
	}
	fd_close(&ends[0]);
	return errnum ? error_errno(err, errnum, "cannot start %s", options->program) : 0;
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

int spawn_drops(const char *entry, const char *const *set, const char *const *unset)
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
		if (!spawn_drops(*entry, set, unset))
			result[count++] = *entry;
	for (; set && *set; set++)
		result[count++] = *set;
	return result;
}
