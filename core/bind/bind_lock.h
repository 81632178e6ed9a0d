/* Locks, for the bindings that hand them to children. */
#ifndef MOLBUILD_BIND_LOCK_H
#define MOLBUILD_BIND_LOCK_H

#include <lua.h>

/* The descriptor of the lock at INDEX. Raises when there is none, or it has been released. */
int bind_lock_fd(lua_State *L, int index);

#endif
