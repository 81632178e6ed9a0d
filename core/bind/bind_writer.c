/* molbuild.core.writer */
#include "bind.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "bind_options.h"
#include "loop/writer.h"
#include "secret/mask.h"

#define WRITERS_KEY "molbuild.writers"
#define MAX_WRITTEN ((size_t)1 << 30)

struct writers {
	struct writer out, err;
};

static int free_writers(lua_State *L)
{
	struct writers *writers = lua_touserdata(L, 1);
	writer_close(&writers->out);
	writer_close(&writers->err);
	return 0;
}

static struct writers *writers_of(lua_State *L)
{
	struct writers *writers;
	struct loop *loop;
	if (lua_getfield(L, LUA_REGISTRYINDEX, WRITERS_KEY) == LUA_TUSERDATA) {
		writers = lua_touserdata(L, -1);
		lua_pop(L, 1);
		return writers;
	}
	/* Create the loop first: objects that are created later are collected earlier. */
	loop = bind_loop(L);
	writers = lua_newuserdatauv(L, sizeof *writers, 0);
	writer_init(&writers->out, loop, STDOUT_FILENO);
	writer_init(&writers->err, loop, STDERR_FILENO);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, free_writers);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	lua_setfield(L, LUA_REGISTRYINDEX, WRITERS_KEY);
	lua_pop(L, 1);
	return writers;
}

static struct writer *check_writer(lua_State *L)
{
	lua_Integer fd = luaL_checkinteger(L, 1);
	luaL_argcheck(L, fd == STDOUT_FILENO || fd == STDERR_FILENO, 1, "neither stdout nor stderr");
	return fd == STDOUT_FILENO ? &writers_of(L)->out : &writers_of(L)->err;
}

/* Put the text at index 2, masked. Returns as writer_put(); *LINES becomes the number of its lines. */
static int put_masked(lua_State *L, struct writer *writer, int spare, lua_Integer *lines)
{
	size_t len;
	const char *text = luaL_checklstring(L, 2, &len);
	struct buf masked;
	int result;
	buf_init(&masked, MAX_WRITTEN);
	if (mask_view(&text, &len, &masked) < 0) {
		buf_free(&masked);
		return bind_raise_no_memory(L);
	}
	result = writer_put(writer, text, len, spare);
	*lines = 0;
	for (size_t i = 0; !result && i < len; i++)
		*lines += text[i] == '\n';
	buf_free(&masked);
	return result;
}

/* writer.put(fd, text[, spare]) -> true, slow | false, lines, reason */
static int put(lua_State *L)
{
	struct writer *writer = check_writer(L);
	lua_Integer lines;
	if (put_masked(L, writer, lua_toboolean(L, 3), &lines)) {
		lua_pushboolean(L, 1);
		lua_pushboolean(L, writer_is_slow(writer));
		return 2;
	}
	lua_pushboolean(L, 0);
	lua_pushinteger(L, lines);
	lua_pushstring(L, writer->errnum ? strerror(writer->errnum) : NULL);
	return 3;
}

/* writer.pending(fd) -> bytes */
static int pending(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)writer_pending(check_writer(L)));
	return 1;
}

/* writer.is_slow(fd) -> boolean */
static int is_slow(lua_State *L)
{
	lua_pushboolean(L, writer_is_slow(check_writer(L)));
	return 1;
}

/* writer.flush(fd, seconds) -> whether all was written */
static int flush(lua_State *L)
{
	struct writer *writer = check_writer(L);
	int64_t silence;
	luaL_checknumber(L, 2);
	silence = bind_seconds(L, 2, 0);
	writer_flush(writer, silence);
	lua_pushboolean(L, writer_pending(writer) == 0);
	return 1;
}

/* ---- send ------------------------------------------------------------------------------------------------ */

struct send_op {
	struct bind_op op;
	struct writer *writer;
	int result; /* it is the run's result */
};

static int result_is_out;

int bind_result_is_out(void)
{
	return result_is_out;
}

static int failed(lua_State *L, const struct writer *writer, int errnum)
{
	struct error err;
	if (errnum)
		error_errno(&err, errnum, "cannot write to descriptor %d", writer->fd);
	else
		error_set(&err, "timeout", "cannot write to descriptor %d: it is not read", writer->fd);
	return bind_fail(L, &err);
}

/* Some file systems report only at close() that a file could not be written; a copy is closed, since the descriptor stays open. */
static int written(lua_State *L, struct writer *writer, int result)
{
	if (fd_check_written(writer->fd) < 0)
		return failed(L, writer, errno);
	result_is_out = result_is_out || result;
	lua_pushboolean(L, 1);
	return 1;
}

static int send_push(lua_State *L, struct bind_op *op)
{
	struct send_op *send = (struct send_op *)op;
	if (op->failed)
		return bind_fail(L, &op->err);
	return written(L, send->writer, send->result);
}

static void send_release(struct bind_op *op)
{
	struct send_op *send = (struct send_op *)op;
	if (!op->done && send->writer)
		writer_close(send->writer);
}

static void send_cancel(struct bind_op *op)
{
	struct error err;
	error_set(&err, "cancelled", "cancelled");
	send_release(op);
	bind_done(op, &err);
}

static const struct bind_op_type send_type = {
	.size = sizeof(struct send_op), .push = send_push, .cancel = send_cancel, .release = send_release};

static void on_empty(void *ud, int errnum)
{
	struct send_op *send = ud;
	struct error err;
	if (errnum)
		error_errno(&err, errnum, "cannot write to descriptor %d", send->writer->fd);
	bind_done(&send->op, errnum ? &err : NULL);
}

/* writer.send(fd, text[, result]) -> true | nil, message, code: waits until all of it is written */
static int send_(lua_State *L)
{
	struct writer *writer = check_writer(L);
	struct send_op *send;
	lua_Integer lines;
	int result = lua_toboolean(L, 3);
	if (!bind_may_wait(L))
		return bind_refuse(L);
	if (!put_masked(L, writer, 0, &lines))
		return failed(L, writer, writer->errnum);
	if (writer_pending(writer) == 0)
		return written(L, writer, result);
	lua_settop(L, 0);
	send = bind_new_op(L, &send_type);
	send->writer = writer;
	send->result = result;
	writer_on_empty(writer, on_empty, send);
	return bind_wait(L);
}

static const luaL_Reg functions[] = {{"put", put},         {"send", send_},  {"pending", pending},
                                     {"is_slow", is_slow}, {"flush", flush}, {NULL, NULL}};

int bind_open_writer(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
