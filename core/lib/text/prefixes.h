/* A set of beginnings, to tell in a few steps whether a text has one of them, however many there are.
 *
 * In a beginning "%d" stands for decimal digits, at least one and all that stand there, and "%%" for a '%'; any other
 * character stands for itself: "#%d [" is the beginning of "#12 [3/9] RUN make".
 */
#ifndef MOLBUILD_PREFIXES_H
#define MOLBUILD_PREFIXES_H

#include <stddef.h>

#include "base/error.h"

/* All zero: an empty set. */
struct prefixes {
	struct prefix_node *nodes; /* a tree, its root first */
	size_t count;
};

/* LIST ends with NULL and is not kept. Returns 0, or -1 with err set: "invalid" (a '%' with anything else behind it),
 * or ENOMEM; prefixes_free() is due either way. */
WARN_UNUSED int prefixes_init(struct prefixes *prefixes, const char *const *list, struct error *err);
void prefixes_free(struct prefixes *prefixes);

/* Whether TEXT has one of the beginnings. */
int prefixes_match(const struct prefixes *prefixes, const char *text, size_t len);

#endif
