#include "child/detached.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "child/spawn.h"
#include "file/log_file.h"

/* A log that has become larger is begun again. */
#define LOG_MAX (1 << 20)

/* The most descriptors that are inherited because they are named, and the largest of them. */
#define NAMED_MAX    32
#define NAMED_FD_MAX 65535

extern char **environ;

/* The number of entries of two lists. */
static size_t count_of(const char *const *a, const char *const *b)
{
	size_t count = 0;
	while (a && *a++)
		count++;
	while (b && *b++)
		count++;
	return count;
}

/* This process's environment, with what was taken out of it. A marker of another molbuild's child is not passed on: that one would
 * end the process with its child. The caller frees the array. */
static const char **environment(const struct detached_options *options, struct error *err)
{
	const char *const *taken = sys_taken_env();
	const char **set = calloc(count_of(taken, options->env) + 1, sizeof *set), **unset, **result = NULL;
	size_t count = 0, without = 0;
	unset = calloc(count_of(options->unset, NULL) + 2, sizeof *unset);
	if (set && unset) {
		for (; taken && *taken; taken++)
			if (!spawn_drops(*taken, options->env, options->unset))
				set[count++] = *taken;
		for (const char *const *entry = options->env; entry && *entry; entry++)
			set[count++] = *entry;
		for (const char *const *name = options->unset; name && *name; name++)
			unset[without++] = *name;
		unset[without] = "MOLBUILD_CHILD";
		result = spawn_environment(set, unset, err);
	} else {
		error_errno(err, ENOMEM, "cannot build an environment");
	}
	free(set);
	free(unset);
	return result;
}

static int start(struct spawn_options *how, const struct detached_options *options, pid_t *pid, struct error *err)
{
	int result;
	how->program = options->program;
	how->argv = options->argv;
	how->keep = options->keep;
	how->keep_count = options->keep_count;
	how->max_memory = NO_BOUND;
	how->umask = -1;
	how->envp = environment(options, err);
	if (!how->envp)
		return -1;
	result = spawn_detached(how, pid, err);
	free((void *)how->envp);
	return result;
}

/* The descriptor that a text is the path of; -1: it is none. */
static int named_by(const char *text)
{
	static const char *const before[] = {"/dev/fd/", "/proc/self/fd/"};
	char *end;
	long fd;
	if (strcmp(text, "/dev/stdin") == 0)
		return STDIN_FILENO;
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(before[i]);
		if (strncmp(text, before[i], len) != 0 || text[len] < '0' || text[len] > '9')
			continue;
		fd = strtol(text + len, &end, 10);
		return *end == '\0' && fd <= NAMED_FD_MAX ? (int)fd : -1;
	}
	return -1;
}

struct named {
	int fds[NAMED_MAX];
	size_t count;
	int has_stdin;
};

/* Note what an argument, or a variable's value, names: it must have come from this process's starter. This program's own are closed at
 * exec. */
static void note_named(struct named *named, const char *text)
{
	int fd = named_by(text), flags = fd < 0 ? -1 : fcntl(fd, F_GETFD);
	if (flags < 0 || (flags & FD_CLOEXEC))
		return;
	if (fd == STDIN_FILENO)
		named->has_stdin = 1;
	else if (fd > STDERR_FILENO && named->count < NAMED_MAX)
		named->fds[named->count++] = fd;
}

static void note_all(struct named *named, const char *const *list)
{
	for (; list && *list; list++) {
		const char *equals = strchr(*list, '=');
		note_named(named, *list);
		if (equals)
			note_named(named, equals + 1);
	}
}

static int open_log(const char *path, struct error *err)
{
	uint64_t size;
	int fd = log_file_create(path, O_WRONLY | O_APPEND, &size, err);
	if (fd >= 0 && size > LOG_MAX && ftruncate(fd, 0) < 0) {
		error_errno(err, errno, "cannot write the log %s", path);
		fd_close(&fd);
	}
	return fd;
}

int detached_start(const struct detached_options *options, pid_t *pid, struct error *err)
{
	struct spawn_options how = {.in = -1, .out = -1, .err = -1};
	int result = -1;
	how.in = open("/dev/null", O_RDWR | O_CLOEXEC);
	how.out = how.in;
	if (how.in < 0)
		return error_errno(err, errno, "cannot start %s", options->program);
	how.err = options->log_file ? open_log(options->log_file, err) : how.in;
	if (how.err >= 0)
		result = start(&how, options, pid, err);
	if (how.err != how.in)
		fd_close(&how.err);
	fd_close(&how.in);
	return result;
}

static struct detached *of(struct streams *streams)
{
	return CONTAINER_OF(streams, struct detached, streams);
}

static int on_output(struct streams *streams, const char *data, size_t len)
{
	return of(streams)->events->output(of(streams), data, len);
}

static void on_captured(struct streams *streams, const char *data, size_t len)
{
	of(streams)->events->result(of(streams), data, len);
}

static int may_resume(struct streams *streams)
{
	return of(streams)->events->output(of(streams), NULL, 0) == 0;
}

static void on_ended(struct streams *streams)
{
	if (streams_are_at_end(streams)) {
		streams_close(streams);
		of(streams)->events->ended(of(streams));
	}
}

/* Output that cannot be read has ended, which its owner reports; a pause that cannot end is reported here. */
static void on_failed(struct streams *streams, int errnum, const char *what)
{
	(void)what;
	if (errnum != ENOMEM)
		return;
	streams_close(streams);
	of(streams)->events->ended(of(streams));
}

static const struct streams_events events = {.output = on_output,
                                             .captured = on_captured,
                                             .may_resume = may_resume,
                                             .failed = on_failed,

                                             .ended = on_ended};

/* The pipes, and what the process inherits. Returns 0, or -1 with errno set. */
static int prepare(struct detached *detached, struct spawn_options *how, const struct detached_options *options,
                   struct named *named)
{
	if (streams_open(&detached->streams, how, NULL, 0, 1) < 0)
		return -1;
	if (!options->named)
		return 0;
	note_all(named, options->argv);
	note_all(named, (const char *const *)environ);
	note_all(named, sys_taken_env());
	if (!named->has_stdin)
		return 0;
	fd_close(&how->in);
	how->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return how->in < 0 ? -1 : 0;
}

int detached_follow(struct loop *loop, struct detached *detached, const struct detached_options *options, pid_t *pid,
                    struct error *err)
{
	struct spawn_options how;
	struct detached_options all = *options;
	struct named named = {.count = 0};
	int result = -1;
	memset(&how, 0, sizeof how);
	streams_init(&detached->streams, loop, &events);
	if (prepare(detached, &how, options, &named) < 0) {
		error_errno(err, errno, "cannot start %s", options->program);
	} else {
		all.keep = options->named ? named.fds : options->keep;
		all.keep_count = options->named ? named.count : options->keep_count;
		result = start(&how, &all, pid, err);
	}
	streams_close_theirs(&how);
	if (result == 0)
		result = streams_watch(&detached->streams, err);
	if (result < 0)
		streams_close(&detached->streams);
	return result;
}

void detached_leave(struct detached *detached)
{
	if (detached->streams.loop)
		streams_close(&detached->streams);
}
