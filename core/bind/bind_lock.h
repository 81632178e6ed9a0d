/* Locks, for the bindings that pass them to children. */
#ifndef MOLBUILD_BIND_LOCK_H
#define MOLBUILD_BIND_LOCK_H

#include <lua.h>

/* The descriptor of the lock at INDEX. Raises when it is not a lock, or has been released. */
int bind_lock_fd(lua_State *L, int index);

#endif
