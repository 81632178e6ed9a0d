/* Prints a lot: flood lines|line|nul BYTES
 *
 *	lines   what a build prints, in lines
 *	line    one line without an end
 *	nul     the same lines, every other 4 KiB all NULs: BYTES counts these, too
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 10)

static char block[BLOCK];

static void fill(const char *kind)
{
	static const char line[] =
		"#12 13.0   Downloading pydantic_core-2.33.2-cp311-cp311-manylinux_2_17_x86_64.whl (2.0 MB)\n";
	for (size_t i = 0; i < BLOCK; i++) {
		block[i] = line[i % (sizeof line - 1)];
		if (strcmp(kind, "line") == 0 && block[i] == '\n')
			block[i] = ' ';
		if (strcmp(kind, "nul") == 0 && i / 4096 % 2)
			block[i] = '\0';
	}
}

int main(int argc, char **argv)
{
	size_t left;
	if (argc != 3) {
		fprintf(stderr, "usage: flood lines|line|nul BYTES\n");
		return 2;
	}
	fill(argv[1]);
	left = strtoull(argv[2], NULL, 10);
	while (left > 0) {
		ssize_t wrote = write(1, block, left < BLOCK ? left : BLOCK);
		if (wrote < 0 && errno != EINTR)
			return 1;
		left -= wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
}
