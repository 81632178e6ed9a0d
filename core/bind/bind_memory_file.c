/* molbuild.core.fs.memory_file */
#include "bind_memory_file.h"

#include "base/fd.h"
#include "bind.h"
#include "file/memory_file.h"

#define FILE_KEY "molbuild.memory_file"

static int *check_file(lua_State *L)
{
	return luaL_checkudata(L, 1, FILE_KEY);
}

static int file_close(lua_State *L)
{
	fd_close(check_file(L));
	return 0;
}

/* file:path() -> text */
static int file_path(lua_State *L)
{
	char path[MEMORY_FILE_PATH_SIZE];
	memory_file_path(bind_memory_file_fd(L, 1), path);
	lua_pushstring(L, path);
	return 1;
}

static const luaL_Reg file_methods[] = {
	{"path", file_path}, {"close", file_close}, {"__close", file_close}, {"__gc", file_close}, {NULL, NULL}};

static int *new_file(lua_State *L)
{
	int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
	*fd = -1;
	if (luaL_newmetatable(L, FILE_KEY)) {
		luaL_setfuncs(L, file_methods, 0);
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
	return fd;
}

int bind_memory_file(lua_State *L)
{
	struct error err;
	size_t len;
	const char *data = luaL_checklstring(L, 1, &len);
	int *fd = new_file(L);
	*fd = memory_file_make(data, len, &err);
	return *fd < 0 ? bind_fail(L, &err) : 1;
}

int bind_memory_file_fd(lua_State *L, int index)
{
	const int *fd = luaL_testudata(L, index, FILE_KEY);
	if (fd && *fd < 0)
		luaL_error(L, "the file in memory has been closed");
	return fd ? *fd : -1;
}
