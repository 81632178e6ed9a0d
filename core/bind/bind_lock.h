/* Locks, for the bindings that pass them to children. */
#ifndef MOLBUILD_BIND_LOCK_H
#define MOLBUILD_BIND_LOCK_H

#include <lua.h>

/* The descriptor of the lock at INDEX. Raises when it is not a lock, or has been released. */
int bind_lock_fd(lua_State *L, int index);

/* The descriptors of the locks and the files in memory in the list at INDEX, as an array that is pushed. Raises as bind_lock_fd(). */
const int *bind_kept_fds(lua_State *L, int index, size_t *count);

#endif
