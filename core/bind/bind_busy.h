/* A part of molbuild.core.loop (bind_busy.c). */
#ifndef MOLBUILD_BIND_BUSY_H
#define MOLBUILD_BIND_BUSY_H

#include <lua.h>

/* loop.look(look, seconds [, outside]) -> true */
int bind_loop_look(lua_State *L);

/* loop.runs([thread]) */
int bind_loop_runs(lua_State *L);

#endif
