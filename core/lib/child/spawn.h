/* Start a program: fork, set up, exec. No waiting, no loop: process.h adds those. */
#ifndef MOLBUILD_SPAWN_H
#define MOLBUILD_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct spawn_options {
	const char *program; /* the file to run; not searched on PATH */
	const char *const *argv;
	const char *const *envp; /* the whole environment */
	const char *cwd;         /* NULL: this process's */
	int in, out, err;        /* become descriptors 0, 1 and 2 */
	const int *keep;         /* further descriptors the child keeps, under the same numbers, all above 2 */
	size_t keep_count;
	int64_t max_memory; /* bytes of data for it and for each of its children, a soft limit; NO_BOUND */
	int umask;          /* -1: that of this process */
};

/* The reason why a child could not run the program: read from the status pipe. */
struct spawn_failure {
	int errnum;
	int at_cwd; /* chdir() failed, not exec */
};

/* Start the program in its own session and process group (so it has no terminal for prompts), with default
 * signal dispositions (except SIGXFSZ, which is ignored if files have a size limit), an empty signal mask, and no
 * descriptors except those named above. If the system supports it, it gets SIGTERM when this process dies.
 *
 * *STATUS_FD becomes the reading end of a pipe, owned by the caller: it ends without a byte when the program runs,
 * or delivers one struct spawn_failure, after which the child exits 127. The child must be waited for in both cases.
 * Returns 0, or -1 with err set; then there is no child. */
WARN_UNUSED int spawn(const struct spawn_options *options, pid_t *pid, int *status_fd, struct error *err);

/* The same for a program that outlives this process: no signal reaches it from here, and it is no child of this process, which cannot
 * wait for it. It leads a session and a process group of its own. Returns when the program runs: 0, or -1 with err set; then
 * nothing was started. */
WARN_UNUSED int spawn_detached(const struct spawn_options *options, pid_t *pid, struct error *err);

/* This process's environment without the variables that UNSET names (a name, or a prefix followed by '*'), plus the
 * "NAME=value" strings of SET, which override. Both lists end in NULL and may be NULL themselves. The caller
 * frees the array; the strings are borrowed. NULL with err set: out of memory. */
WARN_UNUSED const char **spawn_environment(const char *const *set, const char *const *unset, struct error *err);

/* Whether it leaves out the entry "NAME=value" of this process's environment. */
int spawn_drops(const char *entry, const char *const *set, const char *const *unset);

#endif
