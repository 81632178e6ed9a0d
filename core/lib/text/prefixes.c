#include "text/prefixes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 256

/* A place in some of the beginnings: the nodes of what may come next there, 0 for none. A table costs memory, but
 * every line of a build comes by here. */
struct prefix_node {
	int ends; /* a beginning is complete here */
	uint32_t digits, next[256];
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

/* The node behind TOKEN at NODE, made where there is none. */
static uint32_t descend(struct prefixes *prefixes, struct prefix_node *node, int token)
{
	uint32_t *next = token == DIGITS ? &node->digits : &node->next[token];
	if (!*next)
		*next = (uint32_t)prefixes->count++;
	return *next;
}

static int add(struct prefixes *prefixes, const char *beginning, struct error *err)
{
	struct prefix_node *node = prefixes->nodes;
	for (const char *text = beginning; *text;) {
		int token = next_token(&text);
		if (token < 0)
			return error_set(err, "invalid", "the beginning \"%s\" has a %% that is neither %%d nor %%%%",
			                 beginning);
		node = &prefixes->nodes[descend(prefixes, node, token)];
	}
	node->ends = 1;
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

static size_t digits_at(const char *text, size_t len)
{
	size_t digits = 0;
	while (digits < len && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	return digits;
}

/* Whether TEXT goes on as one of the beginnings does behind node AT; as deep as a beginning has "%d". */
static int goes_on(const struct prefix_node *nodes, uint32_t at, const char *text, size_t len)
{
	while (!nodes[at].ends) {
		size_t digits = nodes[at].digits ? digits_at(text, len) : 0;
		if (digits && goes_on(nodes, nodes[at].digits, text + digits, len - digits))
			return 1;
		at = len > 0 ? nodes[at].next[(unsigned char)*text] : 0;
		if (!at)
			return 0;
		text++;
		len--;
	}
	return 1;
}

int prefixes_match(const struct prefixes *prefixes, const char *text, size_t len)
{
	return prefixes->nodes && goes_on(prefixes->nodes, 0, text, len);
}
