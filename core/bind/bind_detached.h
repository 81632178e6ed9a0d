/* The functions of molbuild.core.process that start a process of this program's own. */
#ifndef MOLBUILD_BIND_DETACHED_H
#define MOLBUILD_BIND_DETACHED_H

#include <lua.h>

int bind_detach(lua_State *L);
int bind_follow(lua_State *L);

#endif
