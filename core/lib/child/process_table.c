#include "child/process_table.h"

#include "base/maxima.h"

int process_row_lives(const struct process_row *row)
{
	return row->state != 'Z' && row->state != 'X';
}

int process_row_same(const struct process_row *a, const struct process_row *b)
{
	return a->pid == b->pid && a->start == b->start;
}

#ifdef __linux__

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* Append to TEXT what /proc/PID/NAME holds. Returns 0, or -1: it cannot be read, or not whole. */
static int read_file(pid_t pid, const char *name, struct buf *text)
{
	char path[64];
	int fd;
	ssize_t got = -1;
	snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (buf_reserve(text, 1024) == 0 && (got = fd_read(fd, text->data + text->len, 1024)) > 0)
		text->len += (size_t)got;
	fd_close(&fd);
	if (text->data)
		text->data[text->len] = '\0';
	return got == 0 ? 0 : -1;
}

/* Returns 0, or -1 when there is no such process. */
static int read_row(pid_t pid, struct process_row *row)
{
	char *end;
	int fields = 0;
	struct buf text;
	buf_init(&text, 4096);
	*row = (struct process_row){.pid = pid};
	/* The command's name may contain any character: it ends at the last parenthesis. */
	if (read_file(pid, "stat", &text) == 0 && text.data && (end = strrchr(text.data, ')')))
		fields = sscanf(end + 1, " %c %d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		                &row->state, &row->parent, &row->group, &row->start);
	buf_free(&text);
	return fields == 4 ? 0 : -1;
}

static int by_pid(const void *a, const void *b)
{
	pid_t left = ((const struct process_row *)a)->pid, right = ((const struct process_row *)b)->pid;
	return (left > right) - (left < right);
}

int process_table_is_known(void)
{
	return access("/proc/self/stat", R_OK) == 0;
}

void process_table_read(struct buf *table)
{
	struct process_row row;
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	buf_init(table, PROCESS_TABLE_MAX * sizeof row);
	if (!proc)
		return;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) && read_row((pid_t)atol(entry->d_name), &row) == 0 &&
		    buf_append(table, &row, sizeof row) < 0)
			break;
	closedir(proc);
	if (table->len)
		qsort(table->data, table->len / sizeof row, sizeof row, by_pid);
}

struct process_row *process_table_find(const struct buf *table, pid_t pid)
{
	const struct process_row key = {.pid = pid};
	return table->len ? bsearch(&key, table->data, table->len / sizeof key, sizeof key, by_pid) : NULL;
}

int process_row_has_entry(const struct process_row *row, const char *entry)
{
	int found = 0;
	struct buf text;
	buf_init(&text, ENVIRONMENT_MAX);
	if (read_file(row->pid, "environ", &text) == 0)
		for (const char *at = text.data; at && at < text.data + text.len && !found; at += strlen(at) + 1)
			found = strcmp(at, entry) == 0;
	buf_free(&text);
	return found;
}

void process_row_signal(const struct process_row *row, int signo)
{
	struct process_row now;
	int sent = 0, pidfd = -1;
	/* A handle that is opened before the check: between check and signal the pid could be reused. */
#ifdef SYS_pidfd_open
	pidfd = (int)syscall(SYS_pidfd_open, row->pid, 0);
#endif
	if (read_row(row->pid, &now) == 0 && process_row_same(row, &now) && process_row_lives(&now)) {
#ifdef SYS_pidfd_send_signal
		/* ESRCH: it has ended. Other errors mean that the call is not supported, or denied by a filter. */
		sent = pidfd >= 0 && (syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == 0 || errno == ESRCH);
#endif
		if (!sent)
			kill(row->pid, signo);
	}
	fd_close(&pidfd);
}

#else

int process_table_is_known(void)
{
	return 0;
}

void process_table_read(struct buf *table)
{
	buf_init(table, 0);
}

struct process_row *process_table_find(const struct buf *table, pid_t pid)
{
	(void)table;
	(void)pid;
	return NULL;
}

int process_row_has_entry(const struct process_row *row, const char *entry)
{
	(void)row;
	(void)entry;
	return 0;
}

void process_row_signal(const struct process_row *row, int signo)
{
	(void)row;
	(void)signo;
}

#endif
