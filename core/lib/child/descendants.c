#include "child/descendants.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/maxima.h"
#include "child/process_table.h"

void descendants_init(struct descendants *descendants)
{
	static unsigned serial;
	*descendants = (struct descendants){0};
	snprintf(descendants->marker, sizeof descendants->marker, "MOLBUILD_CHILD=%ld.%lld.%u", (long)getpid(),
	         (long long)clock_monotonic_ns(), ++serial);
	buf_init(&descendants->left, DESCENDANTS_MAX * sizeof(struct process_row));
}

void descendants_free(struct descendants *descendants)
{
	buf_free(&descendants->left);
}

void descendants_start(struct descendants *descendants, pid_t program)
{
	descendants->group = descendants->program = program;
}

void descendants_reaped(struct descendants *descendants)
{
	descendants->program = 0;
}

static size_t row_count(const struct buf *rows)
{
	return rows->len / sizeof(struct process_row);
}

static struct process_row *row_at(const struct buf *rows, size_t i)
{
	return (struct process_row *)(void *)rows->data + i;
}

static int is_known(const struct descendants *descendants, const struct process_row *row)
{
	if (row->pid == descendants->program || row->group == descendants->group)
		return 1;
	for (size_t i = 0; i < row_count(&descendants->left); i++)
		if (process_row_same(row_at(&descendants->left, i), row))
			return 1;
	return 0;
}

/* Mark processes whose parent is marked, until nothing changes. */
static void mark_children(const struct buf *table)
{
	for (int changed = 1; changed;) {
		changed = 0;
		for (size_t i = 0; i < row_count(table); i++) {
			struct process_row *row = row_at(table, i);
			const struct process_row *parent = row->marked ? NULL : process_table_find(table, row->parent);
			if (parent && parent->marked)
				changed = row->marked = 1;
		}
	}
}

/* Mark all descendants in TABLE. */
static void mark(const struct descendants *descendants, const struct buf *table)
{
	/* Reading an environment is expensive, and a process that is older than this one is no descendant. */
	const struct process_row *self = process_table_find(table, getpid());
	for (size_t i = 0; i < row_count(table); i++) {
		struct process_row *row = row_at(table, i);
		row->marked = is_known(descendants, row) || (process_row_lives(row) && (!self || row->start >= self->start) &&
		                                             process_row_has_entry(row, descendants->marker));
	}
	mark_children(table);
}

/* Check all processes, and remember descendants that left the group. Returns the number of living descendants. */
static size_t look(struct descendants *descendants)
{
	size_t living = 0;
	struct buf table;
	process_table_read(&table);
	mark(descendants, &table);
	buf_clear(&descendants->left);
	for (size_t i = 0; i < row_count(&table); i++) {
		const struct process_row *row = row_at(&table, i);
		if (!row->marked || row->pid == descendants->program)
			continue;
		living += (size_t)process_row_lives(row);
		if (row->group != descendants->group && buf_append(&descendants->left, row, sizeof *row) < 0)
			break;
	}
	buf_free(&table);
	return living;
}

void descendants_signal(struct descendants *descendants, int signo)
{
	if (!descendants->group)
		return;
	/* First: after the death of its parents, nothing shows whose child a process is. */
	look(descendants);
	/* Just forked, the program may not have its group yet. */
	if (kill(-descendants->group, signo) < 0 && descendants->program)
		kill(descendants->program, signo);
	for (size_t i = 0; i < row_count(&descendants->left); i++)
		process_row_signal(row_at(&descendants->left, i), signo);
}

size_t descendants_count(struct descendants *descendants)
{
	size_t living;
	if (!descendants->group)
		return 0;
	living = look(descendants);
	/* Without a list of processes, the kernel still knows whether a group has a process. */
	if (living == 0 && !process_table_is_known() && (kill(-descendants->group, 0) == 0 || errno != ESRCH))
		return 1;
	return living;
}
