#include "base/macros.h"

#include <stdio.h>
#include <stdlib.h>

void invariant_broken(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
	abort();
}
