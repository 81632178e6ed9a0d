#include "child/kin.h"

#define MAX_MEMBERS_BYTES ((size_t)64 << 10)

void kin_init(struct kin *kin)
{
	buf_init(&kin->members, MAX_MEMBERS_BYTES);
}

void kin_free(struct kin *kin)
{
	buf_free(&kin->members);
}

#ifdef __linux__

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "child/pidfd.h"
#include "child/proc.h"
#include "child/strays.h"

#define MAX_TABLE_BYTES ((size_t)16 << 20)

struct member {
	pid_t pid;
	unsigned long long start;
};

struct process_row {
	struct proc_stat stat;
	int is_kin;
};

static int by_pid(const void *a, const void *b)
{
	pid_t left = ((const struct process_row *)a)->stat.pid, right = ((const struct process_row *)b)->stat.pid;
	return (left > right) - (left < right);
}

/* All processes, sorted by pid. */
static size_t read_table(struct buf *table)
{
	struct process_row row = {0};
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	if (!proc)
		return 0;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) && proc_stat_read(entry->d_name, &row.stat) == 0 &&
		    buf_append(table, &row, sizeof row) < 0)
			break;
	closedir(proc);
	if (table->len)
		qsort(table->data, table->len / sizeof row, sizeof row, by_pid);
	return table->len / sizeof row;
}

static struct process_row *row_of(struct process_row *rows, size_t count, pid_t pid)
{
	struct process_row key = {.stat.pid = pid};
	return count ? bsearch(&key, rows, count, sizeof key, by_pid) : NULL;
}

static size_t member_count(const struct kin *kin)
{
	return kin->members.len / sizeof(struct member);
}

static const struct member *members(const struct kin *kin)
{
	return (const void *)kin->members.data;
}

static int is_member(const struct kin *kin, const struct proc_stat *stat)
{
	for (size_t i = 0; i < member_count(kin); i++)
		if (members(kin)[i].pid == stat->pid && members(kin)[i].start == stat->start)
			return 1;
	return 0;
}

/* Mark whoever has a parent that is marked, until nobody is left to mark. */
static void spread(struct process_row *rows, size_t count)
{
	for (int changed = 1; changed;) {
		changed = 0;
		for (size_t i = 0; i < count; i++) {
			const struct process_row *parent = row_of(rows, count, rows[i].stat.parent);
			if (!rows[i].is_kin && parent && parent->is_kin)
				changed = rows[i].is_kin = 1;
		}
	}
}

static int carries(pid_t pid, const char *marker)
{
	char name[24];
	snprintf(name, sizeof name, "%ld", (long)pid);
	return strays_carries(name, marker);
}

void kin_note(struct kin *kin, pid_t root, pid_t group, const char *marker)
{
	struct buf table;
	struct process_row *rows;
	size_t count;
	buf_init(&table, MAX_TABLE_BYTES);
	count = read_table(&table);
	rows = (void *)table.data;
	for (size_t i = 0; i < count; i++)
		rows[i].is_kin = rows[i].stat.pid == root || is_member(kin, &rows[i].stat);
	spread(rows, count);
	for (size_t i = 0; i < count; i++) {
		struct member member = {rows[i].stat.pid, rows[i].stat.start};
		if (rows[i].is_kin && rows[i].stat.group != group && !is_member(kin, &rows[i].stat) &&
		    !carries(member.pid, marker) && buf_append(&kin->members, &member, sizeof member) < 0)
			break;
	}
	buf_free(&table);
}

/* Through a pidfd taken before the look, so that a number used anew is never hit. */
static int signal_member(const struct member *member, int signo)
{
	struct proc_stat stat;
	char name[24];
	int lives, pidfd = pidfd_take(member->pid);
	snprintf(name, sizeof name, "%ld", (long)member->pid);
	lives = proc_stat_read(name, &stat) == 0 && stat.start == member->start && stat.state != 'Z' && stat.state != 'X';
	if (lives && signo)
		pidfd_signal(pidfd, member->pid, signo);
	fd_close(&pidfd);
	return lives;
}

size_t kin_signal(const struct kin *kin, int signo)
{
	size_t living = 0;
	for (size_t i = 0; i < member_count(kin); i++)
		living += (size_t)signal_member(&members(kin)[i], signo);
	return living;
}

#else

void kin_note(struct kin *kin, pid_t root, pid_t group, const char *marker)
{
	(void)kin;
	(void)root;
	(void)group;
	(void)marker;
}

size_t kin_signal(const struct kin *kin, int signo)
{
	(void)kin;
	(void)signo;
	return 0;
}

#endif
