#include "prefixes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a node stands for, besides a byte. */
#define DIGITS 256

struct prefix_node {
	int what;
	int ends;              /* a beginning is complete here */
	size_t child, sibling; /* 0: none */
};

/* The token at *TEXT, which is moved behind it; -1: there is no such token. */
static int next_token(const char **text)
{
	unsigned char first = (unsigned char)*(*text)++;
	if (first != '%')
		return first;
	switch (*(*text)++) {
	case 'd':
		return DIGITS;
	case '%':
		return '%';
	default:
		return -1;
	}
}

/* The child of node AT that stands for WHAT, made where there is none. */
static size_t descend(struct prefixes *prefixes, size_t at, int what)
{
	struct prefix_node *nodes = prefixes->nodes;
	size_t child = nodes[at].child;
	while (child && nodes[child].what != what)
		child = nodes[child].sibling;
	if (child)
		return child;
	child = prefixes->count++;
	nodes[child] = (struct prefix_node){.what = what, .sibling = nodes[at].child};
	nodes[at].child = child;
	return child;
}

static int add(struct prefixes *prefixes, const char *beginning, struct error *err)
{
	size_t at = 0;
	for (const char *text = beginning; *text;) {
		int what = next_token(&text);
		if (what < 0)
			return error_set(err, "invalid", "the beginning \"%s\" has a %% that is neither %%d nor %%%%",
					 beginning);
		at = descend(prefixes, at, what);
	}
	prefixes->nodes[at].ends = 1;
	return 0;
}

int prefixes_init(struct prefixes *prefixes, const char *const *list, struct error *err)
{
	size_t room = 1;
	for (size_t i = 0; list[i]; i++)
		room += strlen(list[i]);
	*prefixes = (struct prefixes){.nodes = calloc(room, sizeof *prefixes->nodes), .count = 1};
	if (!prefixes->nodes)
		return error_errno(err, ENOMEM, "cannot keep what lines are to begin with");
	for (size_t i = 0; list[i]; i++)
		if (add(prefixes, list[i], err) < 0)
			return -1;
	return 0;
}

void prefixes_free(struct prefixes *prefixes)
{
	free(prefixes->nodes);
	*prefixes = (struct prefixes){0};
}

/* How many bytes of TEXT the node takes, or 0: it does not stand there. */
static size_t taken(const struct prefix_node *node, const char *text, size_t len)
{
	size_t digits = 0;
	if (node->what != DIGITS)
		return len > 0 && (unsigned char)*text == node->what;
	while (digits < len && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	return digits;
}

/* Whether TEXT goes on as one of the beginnings does below node AT; as deep as a beginning is long. */
static int goes_on(const struct prefixes *prefixes, size_t at, const char *text, size_t len)
{
	const struct prefix_node *nodes = prefixes->nodes;
	if (nodes[at].ends)
		return 1;
	for (size_t child = nodes[at].child; child; child = nodes[child].sibling) {
		size_t size = taken(&nodes[child], text, len);
		if (size && goes_on(prefixes, child, text + size, len - size))
			return 1;
	}
	return 0;
}

int prefixes_match(const struct prefixes *prefixes, const char *text, size_t len)
{
	return prefixes->nodes && goes_on(prefixes, 0, text, len);
}
