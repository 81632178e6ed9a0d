/* Looks at Lua code that computes for long: an alarm stops it at its next instruction. A count hook that is always set would do the
 * same, but makes every instruction slower. */
#include "bind_busy.h"

#include "bind.h"

#include "loop/cpu_alarm.h"

/* One Lua state of the process is watched: signals and their timers are the process's. */
static lua_State *main_thread;      /* NULL: none is watched */
static lua_State *volatile running; /* the task that is being resumed; NULL: the main thread runs */
static volatile int outside_too;    /* look at the main thread, too */

/* The registry's keys, by address. */
static const char look_key, running_key, guard_key;

/* The hook works once. The alarm sets it again. */
static void on_instruction(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	lua_sethook(L, NULL, 0, 0);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &look_key);
	lua_call(L, 0, 0);
}

/* In a signal handler: of Lua's functions, lua_sethook() alone may be called there. It can be without effect, if Lua was about to
 * clear the mark that makes a function look for hooks; the next ring sets the mark. Another hook stays. */
static void ring(void)
{
	lua_State *L = running ? running : outside_too ? main_thread : NULL;
	lua_Hook hook = L ? lua_gethook(L) : NULL;
	if (L && (!hook || hook == on_instruction))
		lua_sethook(L, on_instruction, LUA_MASKCOUNT, 1);
}

static int stop(lua_State *L)
{
	(void)L;
	cpu_alarm_stop();
	main_thread = running = NULL;
	outside_too = 0;
	return 0;
}

/* The state may be closed while the alarm is on. */
static void stop_with_state(lua_State *L)
{
	lua_newuserdatauv(L, 0, 0);
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, stop);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &guard_key);
}

int bind_loop_look(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 2);
	luaL_checktype(L, 1, LUA_TFUNCTION);
	luaL_argcheck(L, seconds > 0 && seconds < 1, 2, "must be less than a second");
	outside_too = outside_too || lua_toboolean(L, 3);
	lua_pushvalue(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &look_key);
	lua_pushboolean(L, 1);
	if (main_thread)
		return 1;
	stop_with_state(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
	main_thread = lua_tothread(L, -1);
	lua_pop(L, 1);
	cpu_alarm_start((long)(seconds * 1e6), ring);
	return 1;
}

/* The registry keeps the thread: an error may end the code that would say when it ends. */
int bind_loop_runs(lua_State *L)
{
	lua_settop(L, 1);
	running = NULL;
	lua_rawsetp(L, LUA_REGISTRYINDEX, &running_key);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &running_key);
	running = lua_tothread(L, 1);
	return 0;
}
