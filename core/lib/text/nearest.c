#include "text/nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The number of letters that must be inserted, removed, replaced or swapped with the next one to turn A into B. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_len; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

void nearest_init(struct nearest *nearest, const char *wanted)
{
	/* A third of the letters may be wrong, and always one: more would suggest unrelated names. */
	size_t close = strlen(wanted) / 3;
	*nearest = (struct nearest){.wanted = wanted, .distance = close > 1 ? close : 1};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t wanted_len = strlen(nearest->wanted), name_len = strlen(name), found;
	if (wanted_len > NEAREST_MAX || name_len > NEAREST_MAX)
		return;
	found = distance(nearest->wanted, wanted_len, name, name_len);
	if (found < nearest->distance || (found == nearest->distance && !nearest->best)) {
		nearest->best = name;
		nearest->distance = found;
	}
}
