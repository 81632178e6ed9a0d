/* All processes, as the system lists them. Linux only (/proc); on other systems the table is empty. Part of descendants.h. */
#ifndef MOLBUILD_PROCESS_TABLE_H
#define MOLBUILD_PROCESS_TABLE_H

#include <sys/types.h>

#include "base/buf.h"

struct process_row {
	pid_t pid, parent, group;
	char state;               /* 'Z' and 'X': dead */
	unsigned long long start; /* with the pid, distinguishes a process from a later one with the same pid */
	int marked;               /* for the caller; 0 at first */
};

/* Whether the system lists processes at all. */
int process_table_is_known(void);

/* Fill TABLE with rows sorted by pid; free it with buf_free(). Without memory it is incomplete. */
void process_table_read(struct buf *table);

/* NULL: there is no such process. */
struct process_row *process_table_find(const struct buf *table, pid_t pid);

int process_row_lives(const struct process_row *row);
int process_row_same(const struct process_row *a, const struct process_row *b);

/* Whether the process has ENTRY ("NAME=value") in its environment, as far as this user may look. */
int process_row_has_entry(const struct process_row *row, const char *entry);

/* Send SIGNO to the process, if its pid was not reused. */
void process_row_signal(const struct process_row *row, int signo);

#endif
