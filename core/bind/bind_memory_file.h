/* Files in memory, for the bindings that pass them to children. */
#ifndef MOLBUILD_BIND_MEMORY_FILE_H
#define MOLBUILD_BIND_MEMORY_FILE_H

#include <lua.h>

/* fs.memory_file(data) -> file | nil, message, code */
int bind_memory_file(lua_State *L);

/* The descriptor of the file at INDEX; -1 when it is not such a file. Raises when it has been closed. */
int bind_memory_file_fd(lua_State *L, int index);

#endif
