/* Finds the known name that a mistyped name probably means.
 *
 *	struct nearest nearest;
 *	nearest_init(&nearest, "time_out");
 *	for each known name: nearest_offer(&nearest, name);
 *	nearest.best is "timeout", or NULL when no name is close.
 */
#ifndef MOLBUILD_NEAREST_H
#define MOLBUILD_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *wanted; /* borrowed */
	const char *best;   /* borrowed; NULL: none is close */
	size_t distance;    /* of the best one; before it, the largest that counts as close */
};

void nearest_init(struct nearest *nearest, const char *wanted);

/* Take NAME when it is closer than all before it. Names of more than NEAREST_MAX bytes are never close. */
#define NEAREST_MAX 63
void nearest_offer(struct nearest *nearest, const char *name);

#endif
