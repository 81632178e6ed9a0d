/* Start a program: fork, set up, exec. No waiting, no loop: process.h puts those on top. */
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
	int64_t max_memory; /* bytes of data that it and each of its children may have, a soft limit; NO_BOUND */
	int umask;          /* -1: as this process */
};

/* What kept a child from becoming the program: read from the status pipe. */
struct spawn_failure {
	int errnum;
	int at_cwd; /* chdir() failed, not exec */
};

/* Start the program in a session and process group of its own (so it has no terminal to ask on), with default
 * signal dispositions (but for SIGXFSZ, which is ignored where files have a limit of size), an empty signal mask, and no
 * descriptors but those named above. Where the system can, it gets SIGTERM when this process dies.
 *
 * *STATUS_FD becomes the reading end of a pipe, owned by the caller: it ends without a byte when the program runs,
 * or delivers one struct spawn_failure, after which the child exits 127. The child must be waited for either way.
 * Returns 0, or -1 with err set: no child then. */
WARN_UNUSED int spawn(const struct spawn_options *options, pid_t *pid, int *status_fd, struct error *err);

/* This process's environment without the variables that UNSET names (a name, or a prefix followed by '*'), plus the
 * "NAME=value" strings of SET, which win. Both lists end in NULL and may be NULL themselves. The array is the
 * caller's to free(); the strings stay theirs who own them. NULL with err set: out of memory. */
WARN_UNUSED const char **spawn_environment(const char *const *set, const char *const *unset, struct error *err);

#endif
