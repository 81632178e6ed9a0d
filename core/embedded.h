/* The library's Lua modules, compiled into the program by core/embed.lua. */
#ifndef MOLBUILD_EMBEDDED_H
#define MOLBUILD_EMBEDDED_H

#include <stddef.h>

struct embedded_module {
	const char *name; /* as require() knows it */
	const unsigned char *data;
	size_t size;
};

extern const struct embedded_module embedded_modules[];
extern const size_t embedded_module_count;

#endif
