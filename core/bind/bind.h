/* Shared by the bindings: the loop of a Lua state, operations that a task waits for, and argument checking.
 *
 * An operation is a userdata that begins with a struct bind_op. A primitive that has to wait creates one, starts the
 * work, and ends in `return bind_wait(L)`, which yields the operation to the task scheduler (molbuild.task). When the
 * work is done the callback of core/lib calls bind_done(); core.loop.step() then passes the operation to the scheduler,
 * which resumes the coroutine, and the primitive's results are pushed. A coroutine that is closed while it waits closes
 * its operation, which ends the work immediately.
 */
#ifndef MOLBUILD_BIND_H
#define MOLBUILD_BIND_H

#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>

#include "base/error.h"
#include "loop/loop.h"

struct bind_op {
	const struct bind_op_type *type;
	lua_State *main; /* the main thread: callbacks run there, never on the calling coroutine */
	struct bind_op *next_done;
	int done;
	int failed; /* err is set */
	struct error err;
};

struct bind_op_type {
	size_t size;                                   /* of the userdata */
	int (*push)(lua_State *L, struct bind_op *op); /* push the results of a finished operation */
	void (*cancel)(struct bind_op *op);            /* end it cleanly; it will be done soon */
	void (*kill)(struct bind_op *op);              /* end it immediately; NULL: as cancel */
	void (*release)(struct bind_op *op);           /* free everything, ending running work; may be called twice */
};

/* The uservalues of an operation. */
enum {
	BIND_CALLBACK = 1, /* a Lua function that is called while it runs */
	BIND_RAISED = 2,   /* the error of that function: the primitive raises it again */
	BIND_RESULT = 3,   /* an object the operation is about, such as the lock it waits for */
	BIND_ON_LINES = 4, /* a second such function */
};

/* The loop of this Lua state, created at the first call. Raises on failure. */
struct loop *bind_loop(lua_State *L);

/* Push a new operation, zeroed, with its metatable: it does not run yet. */
void *bind_new_op(lua_State *L, const struct bind_op_type *type);

/* Wait for the operation at index 1, which must have been started. All values above it are dropped. For the return
 * statement of a lua_CFunction. Raises outside of a task. */
int bind_wait(lua_State *L);

/* Call it before anything is started. Raises unless the caller is a task itself: a coroutine that a task created cannot wait.
 * Returns 0 when the task has been cancelled: nothing may be started then, and the primitive ends in `return bind_refuse(L)`. */
int bind_may_wait(lua_State *L);

/* Yield the task to the scheduler, which raises the cancellation here. For the return statement of a lua_CFunction. */
int bind_refuse(lua_State *L);

/* Register the thread at INDEX as a task. CANCELLED: waits in it are refused. */
void bind_set_task(lua_State *L, int index, int cancelled);

/* Whether there are done operations that bind_push_done() has not pushed; push the list of them. */
int bind_has_done(lua_State *L);
void bind_push_done(lua_State *L);

/* The work has ended; ERR is NULL, or the reason for a failure. Called once per operation, only from loop_step(). */
void bind_done(struct bind_op *op, const struct error *err);

/* Push the callback WHICH (its uservalue) of an operation onto op->main, ready for arguments. Returns 0 if there is
 * none. */
int bind_push_callback(struct bind_op *op, int which);

/* Call it with COUNT arguments from the top, for RESULTS results. Returns 0, or -1 when it raised: the primitive
 * will raise the same error when the operation is done. */
int bind_call(struct bind_op *op, int count, int results);

/* Push nil, the masked message and the code. Returns 3. */
int bind_fail(lua_State *L, const struct error *err);

/* Raise ERR, for a function that cannot return it. molbuild.errors treats it as a failure of the system, not as
 * a bug. Never returns; the type is for the return statement. */
int bind_raise(lua_State *L, const struct error *err);

/* Raise Lua's own error for a lack of memory. Never returns. */
int bind_raise_no_memory(lua_State *L);

/* Push TEXT with every secret masked. Raises Lua's own error when memory has run out. */
void bind_push_masked(lua_State *L, const char *text, size_t len);

/* Push true, or fail. RESULT is the return value of a function of core/lib. */
int bind_status(lua_State *L, int result, const struct error *err);

/* Whether writer.send() has written the whole result of the run. */
int bind_result_is_out(void);

/* Each topic pushes its table of functions. */
int bind_open_fs(lua_State *L);
int bind_open_http(lua_State *L);
int bind_open_lock(lua_State *L);
int bind_open_loop(lua_State *L);
int bind_open_mask(lua_State *L);
int bind_open_process(lua_State *L);
int bind_open_sha256(lua_State *L);
int bind_open_sys(lua_State *L);
int bind_open_url(lua_State *L);
int bind_open_width(lua_State *L);
int bind_open_writer(lua_State *L);

/* The module molbuild.core. */
int luaopen_molbuild_core(lua_State *L);

#endif
