/* molbuild.core.fs */
#include "bind.h"

#include <stdlib.h>

#include "bind_memory_file.h"
#include "bind_options.h"
#include "file/fs.h"

#define DEFAULT_MAX_FILE  ((size_t)1 << 20)
#define DEFAULT_MAX_NAMES 100000

/* Push a string that a function of core/lib returned, and free it. */
static int push_path(lua_State *L, int result, char *path, const struct error *err)
{
	if (result < 0)
		return bind_fail(L, err);
	lua_pushstring(L, path);
	free(path);
	return 1;
}

static int mkdirp(lua_State *L)
{
	struct error err;
	mode_t mode = (mode_t)luaL_optinteger(L, 2, 0777);
	return bind_status(L, fs_mkdirp(luaL_checkstring(L, 1), mode, &err), &err);
}

static int mkdtemp_(lua_State *L)
{
	struct error err;
	char *path = NULL;
	int result = fs_mkdtemp(luaL_checkstring(L, 1), &path, &err);
	return push_path(L, result, path, &err);
}

static int remove_tree(lua_State *L)
{
	struct error err;
	return bind_status(L, fs_remove_tree(luaL_checkstring(L, 1), &err), &err);
}

/* fs.plain_modes(path, time) -> true | nil, message, code. Without a time the times stay. */
static int plain_modes(lua_State *L)
{
	struct error err;
	return bind_status(L, fs_plain_modes(luaL_checkstring(L, 1), luaL_optinteger(L, 2, -1), &err), &err);
}

static int give(lua_State *L)
{
	struct error err;
	return bind_status(L, fs_give(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err), &err);
}

static int copy(lua_State *L)
{
	struct error err;
	return bind_status(L, fs_copy(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err), &err);
}

static int rename_(lua_State *L)
{
	struct error err;
	return bind_status(L, fs_rename(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err), &err);
}

static int realpath_(lua_State *L)
{
	struct error err;
	char *path = NULL;
	int result = fs_realpath(luaL_checkstring(L, 1), &path, &err);
	return push_path(L, result, path, &err);
}

static int readlink_(lua_State *L)
{
	struct error err;
	char *path = NULL;
	int result = fs_readlink(luaL_checkstring(L, 1), &path, &err);
	return push_path(L, result, path, &err);
}

/* fs.lstat(path) -> { type, size, mode, mtime, uid, dev, ino, nlink } | nil, message, code */
static int lstat_(lua_State *L)
{
	struct fs_stat st;
	struct error err;
	if (fs_lstat(luaL_checkstring(L, 1), &st, &err) < 0)
		return bind_fail(L, &err);
	lua_createtable(L, 0, 8);
	lua_pushstring(L, st.type);
	lua_setfield(L, -2, "type");
	lua_pushnumber(L, st.mtime);
	lua_setfield(L, -2, "mtime");
	const struct {
		const char *name;
		lua_Integer value;
	} numbers[] = {{"size", (lua_Integer)st.size}, {"mode", (lua_Integer)st.mode}, {"uid", (lua_Integer)st.uid},
	               {"dev", (lua_Integer)st.dev},   {"ino", (lua_Integer)st.ino},   {"nlink", (lua_Integer)st.nlink}};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		lua_pushinteger(L, numbers[i].value);
		lua_setfield(L, -2, numbers[i].name);
	}
	return 1;
}

/* fs.list(path [, max]) -> { name, ... } | nil, message, code */
static int list(lua_State *L)
{
	struct fs_names names;
	struct error err;
	size_t max = bind_count(L, 2, DEFAULT_MAX_NAMES);
	if (fs_list(luaL_checkstring(L, 1), max, &names, &err) < 0)
		return bind_fail(L, &err);
	lua_createtable(L, (int)names.count, 0);
	for (size_t i = 0; i < names.count; i++) {
		lua_pushstring(L, names.names[i]);
		lua_seti(L, -2, (lua_Integer)i + 1);
	}
	fs_names_free(&names);
	return 1;
}

/* fs.type(path) -> "file" | ... | nil, message, code */
static int type_(lua_State *L)
{
	struct error err;
	const char *type;
	if (fs_type(luaL_checkstring(L, 1), &type, &err) < 0)
		return bind_fail(L, &err);
	lua_pushstring(L, type);
	return 1;
}

/* fs.read(path [, max [, seconds]]) -> data | nil, message, code */
static int read_(lua_State *L)
{
	struct buf data;
	struct error err;
	size_t max = bind_count(L, 2, DEFAULT_MAX_FILE);
	int64_t wait = bind_seconds(L, 3, 0);
	int result;
	buf_init(&data, max);
	result = fs_read_pipe(luaL_checkstring(L, 1), max, wait, &data, &err);
	if (result == 0)
		lua_pushlstring(L, data.data ? data.data : "", data.len);
	buf_free(&data);
	return result < 0 ? bind_fail(L, &err) : 1;
}

/* fs.read_own(path [, max]) -> data | nil, message, code */
static int read_own(lua_State *L)
{
	struct buf data;
	struct error err;
	size_t max = bind_count(L, 2, DEFAULT_MAX_FILE);
	int result;
	buf_init(&data, max);
	result = fs_read_own(luaL_checkstring(L, 1), max, &data, &err);
	if (result == 0)
		lua_pushlstring(L, data.data ? data.data : "", data.len);
	buf_free(&data);
	return result < 0 ? bind_fail(L, &err) : 1;
}

/* fs.read_from(path, offset, max) -> data | nil, message, code */
static int read_from(lua_State *L)
{
	struct buf data;
	struct error err;
	size_t offset = bind_count(L, 2, 0), max = bind_count(L, 3, DEFAULT_MAX_FILE);
	int result;
	buf_init(&data, max);
	result = fs_read_from(luaL_checkstring(L, 1), offset, max, &data, &err);
	if (result == 0)
		lua_pushlstring(L, data.data ? data.data : "", data.len);
	buf_free(&data);
	return result < 0 ? bind_fail(L, &err) : 1;
}

/* fs.write_atomic(path, data [, mode]) -> true | nil, message, code */
static int write_atomic(lua_State *L)
{
	struct error err;
	size_t len;
	const char *path = luaL_checkstring(L, 1), *data = luaL_checklstring(L, 2, &len);
	mode_t mode = (mode_t)luaL_optinteger(L, 3, 0644);
	return bind_status(L, fs_write_atomic(path, data, len, mode, &err), &err);
}

/* fs.free_bytes(path) -> bytes | nil, message, code */
static int free_bytes(lua_State *L)
{
	struct error err;
	uint64_t bytes;
	if (fs_free_bytes(luaL_checkstring(L, 1), &bytes, &err) < 0)
		return bind_fail(L, &err);
	lua_pushinteger(L, (lua_Integer)bytes);
	return 1;
}

/* fs.may_write(path) -> true | nil, message, code */
static int may_write(lua_State *L)
{
	struct error err;
	return bind_status(L, fs_may_write(luaL_checkstring(L, 1), &err), &err);
}

static const luaL_Reg functions[] = {{"mkdirp", mkdirp},
                                     {"mkdtemp", mkdtemp_},
                                     {"remove_tree", remove_tree},
                                     {"plain_modes", plain_modes},
                                     {"give", give},
                                     {"copy", copy},
                                     {"rename", rename_},
                                     {"realpath", realpath_},
                                     {"readlink", readlink_},
                                     {"lstat", lstat_},
                                     {"type", type_},
                                     {"list", list},
                                     {"read", read_},
                                     {"read_own", read_own},
                                     {"read_from", read_from},
                                     {"write_atomic", write_atomic},
                                     {"free_bytes", free_bytes},
                                     {"may_write", may_write},
                                     {"memory_file", bind_memory_file},
                                     {NULL, NULL}};

int bind_open_fs(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
