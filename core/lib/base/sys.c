#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "base/fd.h"
#include "base/start.h"

extern char **environ;

void sys_hostname(char *out, size_t size)
{
	if (size == 0)
		return;
	/* A name that is cut need not be terminated. */
	if (gethostname(out, size) < 0 && errno != ENAMETOOLONG)
		out[0] = '\0';
	out[size - 1] = '\0';
	if (out[0] == '\0')
		snprintf(out, size, "localhost");
}

int sys_cpus(void)
{
	long count;
#ifdef __linux__
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
		return CPU_COUNT(&set);
#endif
	count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : count > INT_MAX ? INT_MAX : (int)count;
}

int sys_terminal_size(int fd, int *columns, int *rows)
{
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return -1;
	if (size.ws_col == 0 || size.ws_row == 0) {
		errno = ENXIO;
		return -1;
	}
	*columns = size.ws_col;
	*rows = size.ws_row;
	return 0;
}

int sys_in_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);
	return group < 0 || group == getpgrp();
}

void sys_signal_name(int signo, char out[SYS_SIGNAL_NAME_MAX])
{
	static const struct {
		int signo;
		const char *name;
	} names[] = {
		{SIGHUP, "SIGHUP"},       {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},   {SIGILL, "SIGILL"},
		{SIGTRAP, "SIGTRAP"},     {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},     {SIGFPE, "SIGFPE"},
		{SIGKILL, "SIGKILL"},     {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"},   {SIGUSR2, "SIGUSR2"},
		{SIGPIPE, "SIGPIPE"},     {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},   {SIGCHLD, "SIGCHLD"},
		{SIGCONT, "SIGCONT"},     {SIGSTOP, "SIGSTOP"}, {SIGTSTP, "SIGTSTP"},   {SIGTTIN, "SIGTTIN"},
		{SIGTTOU, "SIGTTOU"},     {SIGURG, "SIGURG"},   {SIGXCPU, "SIGXCPU"},   {SIGXFSZ, "SIGXFSZ"},
		{SIGVTALRM, "SIGVTALRM"}, {SIGPROF, "SIGPROF"}, {SIGWINCH, "SIGWINCH"}, {SIGIO, "SIGIO"},
		{SIGSYS, "SIGSYS"},
#ifdef SIGPWR
		{SIGPWR, "SIGPWR"},
#endif
#ifdef SIGSTKFLT
		{SIGSTKFLT, "SIGSTKFLT"},
#endif
	};
	snprintf(out, SYS_SIGNAL_NAME_MAX, "signal %d", signo);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].signo == signo)
			snprintf(out, SYS_SIGNAL_NAME_MAX, "%s (%d)", names[i].name, signo);
}

#ifdef __APPLE__
int sys_executable_path(char **out, struct error *err)
{
	char path[PATH_MAX];
	uint32_t size = sizeof path;
	if (_NSGetExecutablePath(path, &size) != 0)
		return error_errno(err, ENAMETOOLONG, "cannot find this program's own path");
	*out = realpath(path, NULL);
	return *out ? 0 : error_errno(err, errno, "cannot find this program's own path");
}
#else
int sys_executable_path(char **out, struct error *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
	if (len < 0)
		return error_errno(err, errno, "cannot find this program's own path");
	path[len] = '\0';
	*out = strdup(path);
	return *out ? 0 : error_errno(err, ENOMEM, "cannot find this program's own path");
}
#endif

/* Uses the oldest call that answers. A filter of system calls may answer EPERM to a call that is newer than itself, as if the
 * file could not be run. The newer call matters only for a program that runs with another user's rights. */
static int may_execute(const char *path)
{
	if (getuid() == geteuid() && getgid() == getegid())
		return access(path, X_OK) == 0;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static int is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && may_execute(path);
}

/* DIR and NAME joined, in allocated memory, or NULL. */
static char *join(const char *dir, size_t dir_len, const char *name)
{
	size_t size = dir_len + strlen(name) + 2;
	char *path = malloc(size);
	if (path)
		snprintf(path, size, "%.*s/%s", (int)dir_len, dir, name);
	return path;
}

static int find_at(const char *name, char **out, struct error *err)
{
	if (!is_program(name))
		return error_set(err, "not_found", "\"%s\" is not a program that can be run", name);
	if (name[0] == '/') {
		*out = strdup(name);
	} else {
		char cwd[PATH_MAX];
		if (!getcwd(cwd, sizeof cwd))
			return error_errno(err, errno, "cannot find \"%s\"", name);
		*out = join(cwd, strlen(cwd), name);
	}
	return *out ? 0 : error_errno(err, ENOMEM, "cannot find \"%s\"", name);
}

int sys_find_program(const char *name, const char *path_env, char **out, struct error *err)
{
	*out = NULL;
	if (strchr(name, '/'))
		return find_at(name, out, err);
	if (!path_env || !*path_env)
		path_env = START_DEFAULT_PATH;
	for (const char *at = path_env; at && *name; at = *at ? at + 1 : NULL) {
		size_t len = strcspn(at, ":");
		char *path;
		if (*at == '/' && len < PATH_MAX) {
			path = join(at, len, name);
			if (!path)
				return error_errno(err, ENOMEM, "cannot find \"%s\"", name);
			if (is_program(path)) {
				*out = path;
				return 0;
			}
			free(path);
		}
		at += len;
	}
	return error_set(err, "not_found", "\"%s\" not found on PATH", name);
}

/* All values of NAME in the environment: there can be several entries. */
static void wipe_env(const char *name)
{
	size_t len = strlen(name);
	for (char **entry = environ; entry && *entry; entry++)
		if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
			for (volatile char *value = *entry + len + 1; *value; value++)
				*value = '\0';
}

/* "NAME=value" of each variable that was taken, terminated by NULL. */
static char **taken;

/* Returns 0, or -1 with errno ENOMEM. */
static int note_taken(const char *name, const char *value)
{
	size_t count = 0, len = strlen(name) + strlen(value) + 2;
	char **more, *entry = malloc(len);
	while (taken && taken[count])
		count++;
	more = entry ? realloc(taken, (count + 2) * sizeof *taken) : NULL;
	if (!more) {
		free(entry);
		return -1;
	}
	snprintf(entry, len, "%s=%s", name, value);
	taken = more;
	taken[count] = entry;
	taken[count + 1] = NULL;
	return 0;
}

const char *const *sys_taken_env(void)
{
	return (const char *const *)taken;
}

int sys_take_env(const char *name, char **out, struct error *err)
{
	const char *value = getenv(name);
	*out = value ? strdup(value) : NULL;
	if (value && (!*out || note_taken(name, value) < 0)) {
		free(*out);
		*out = NULL;
		return error_errno(err, ENOMEM, "cannot read the variable %s", name);
	}
	if (*name && !strchr(name, '='))
		wipe_env(name);
	if (unsetenv(name) == 0)
		return 0;
	error_errno(err, errno, "cannot unset the variable %s", name);
	free(*out);
	*out = NULL;
	return -1;
}

int sys_protect_memory(struct error *err)
{
	struct rlimit limit = {0, 0};
#ifdef __linux__
	/* No core dump fits into one byte. A core_pattern with a pipe ignores every limit except this one, which Linux treats as
	 * "none". With 0 the handler would still get a dump with the environment of a child program. */
	struct rlimit byte = {1, 1};
	/* The limit may already be lower. */
	if (setrlimit(RLIMIT_CORE, &byte) < 0 && setrlimit(RLIMIT_CORE, &limit) < 0)
		return error_errno(err, errno, "cannot disable core dumps");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_errno(err, errno, "cannot disable core dumps");
#else
	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		return error_errno(err, errno, "cannot disable core dumps");
#endif
	return 0;
}

int sys_write_all(int fd, const void *data, size_t len, struct error *err)
{
	if (fd_write_all(fd, data, len) < 0)
		return error_errno(err, errno, "cannot write to descriptor %d", fd);
	return 0;
}
