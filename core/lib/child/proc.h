/* What the system tells about a process that is not ours to wait for. Linux only (/proc). */
#ifndef MOLBUILD_PROC_H
#define MOLBUILD_PROC_H

#include <sys/types.h>

#include "base/macros.h"

struct proc_stat {
	pid_t pid, parent, group;
	char state;               /* 'Z' and 'X': dead */
	unsigned long long start; /* with the pid, tells a process from a later one of the same number */
};

/* Returns 0, or -1 when there is no such process, or no way to know. */
WARN_UNUSED int proc_stat_read(const char *pid, struct proc_stat *stat);

#endif
