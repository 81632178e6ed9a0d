/* The options of a primitive: one table in C defines each one's name, unit, default and bounds. It drives reading and checking.
 *
 *	static const struct bind_option options[] = {
 *		{"url", BIND_TEXT, BIND_AT(struct http_options, url), .required = 1},
 *		{"timeout", BIND_SECONDS, BIND_AT(struct http_options, timeout_ns), .absent = 30},
 *		{0}};
 *	bind_options(L, 1, options, &how);
 *
 * Only a table's own fields are read: no metamethod runs. Every string that C then uses stays on the stack. An absent
 * field has its default; 0 is zero; math.huge is no bound. An unknown field is an argument error.
 */
#ifndef MOLBUILD_BIND_OPTIONS_H
#define MOLBUILD_BIND_OPTIONS_H

#include <lua.h>
#include <math.h>
#include <stddef.h>

enum bind_unit {
	BIND_TEXT = 1, /* const char *: a string without a NUL byte */
	BIND_DATA,     /* const char *: any string; its length is in the size_t at `len` */
	BIND_SECONDS,  /* int64_t: nanoseconds, NS_NEVER for math.huge */
	BIND_BYTES,    /* int or int64_t: a whole number, the largest for math.huge */
	BIND_COUNT,    /* the same, of other things */
	BIND_FLAG,     /* int: 0 or 1 */
	BIND_TEXTS,    /* const char *const *: a list of texts, terminated by NULL */
	BIND_PAIRS,    /* the same, "<name><joint><value>" for each field of a table */
	BIND_FUNCTION, /* int: its index on the stack, 0 when absent */
	BIND_VALUE,    /* the same, of any type: the primitive checks it */
};

struct bind_option {
	const char *name; /* NULL: the end of the list */
	enum bind_unit unit;
	size_t offset, size;     /* of the field in the primitive's struct: BIND_AT() */
	size_t len;              /* BIND_DATA: the offset of its length */
	double absent;           /* the default, in the unit; HUGE_VAL: no bound */
	const char *absent_text; /* the default of a text */
	double least;            /* of a number; for seconds 0 or BIND_POSITIVE */
	const char *joint;       /* BIND_PAIRS: the text between name and value */
	int required;
};

#define BIND_AT(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

/* `least` for seconds that must not be 0. */
#define BIND_POSITIVE 1e-9

/* Read the options at INDEX into OUT, the struct that the table describes. Nil, or none, is a table without fields. Raises an
 * argument error that names the option. Pushes values that keep the strings alive, and those of BIND_FUNCTION and BIND_VALUE. */
void bind_options(lua_State *L, int index, const struct bind_option *options, void *out);

/* An argument: seconds as nanoseconds, not negative; ABSENT when it is nil or none. */
int64_t bind_seconds(lua_State *L, int argument, double absent);

/* An argument: a whole number, not negative; ABSENT when it is nil or none. */
size_t bind_count(lua_State *L, int argument, size_t absent);

#endif
