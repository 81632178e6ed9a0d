#include "bind_options.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "text/nearest.h"

/* The option that is being read. */
struct reading {
	lua_State *L;
	int argument;
	const struct bind_option *option;
	int place; /* the value's index on the stack */
	char *field;
};

static int refuse(const struct reading *reading, const char *why)
{
	return luaL_argerror(reading->L, reading->argument, lua_pushfstring(reading->L, "%s: %s", reading->option->name, why));
}

static void expect(const struct reading *reading, int type)
{
	lua_State *L = reading->L;
	if (lua_type(L, reading->place) != type)
		refuse(reading,
		       lua_pushfstring(L, "%s expected, got %s", lua_typename(L, type), luaL_typename(L, reading->place)));
}

/* ---- numbers --------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(double seconds)
{
	return seconds >= (double)NS_NEVER / (double)NS_PER_S ? NS_NEVER : (int64_t)(seconds * (double)NS_PER_S);
}

static int64_t largest(const struct bind_option *option)
{
	return option->size == sizeof(int) ? INT_MAX : NO_BOUND;
}

static void store(const struct bind_option *option, char *field, int64_t number)
{
	int narrow = (int)number;
	if (option->size == sizeof narrow)
		memcpy(field, &narrow, sizeof narrow);
	else
		memcpy(field, &number, sizeof number);
}

static void take_seconds(const struct reading *reading)
{
	double seconds;
	expect(reading, LUA_TNUMBER);
	seconds = lua_tonumber(reading->L, reading->place);
	if (isnan(seconds) || seconds < 0)
		refuse(reading, "seconds must not be negative");
	if (seconds < reading->option->least)
		refuse(reading, "must be more than 0 seconds (math.huge: no bound)");
	store(reading->option, reading->field, nanoseconds(seconds));
}

static void take_number(const struct reading *reading)
{
	const struct bind_option *option = reading->option;
	int64_t number;
	int whole;
	expect(reading, LUA_TNUMBER);
	number = lua_tointegerx(reading->L, reading->place, &whole);
	if (!whole && lua_tonumber(reading->L, reading->place) == HUGE_VAL)
		number = largest(option);
	else if (!whole || number < (int64_t)option->least)
		refuse(reading, lua_pushfstring(reading->L, "a whole number from %d expected", (int)option->least));
	if (number > largest(option))
		refuse(reading, "is too large");
	store(option, reading->field, number);
}

/* ---- texts ----------------------------------------------------------------------------------------------- */

static void take_text(const struct reading *reading)
{
	const struct bind_option *option = reading->option;
	const char *text;
	size_t len;
	expect(reading, LUA_TSTRING);
	text = lua_tolstring(reading->L, reading->place, &len);
	if (option->unit == BIND_DATA)
		memcpy(reading->field - option->offset + option->len, &len, sizeof len);
	else if (strlen(text) != len)
		refuse(reading, "holds a NUL byte");
	memcpy(reading->field, &text, sizeof text);
}

/* Replace the value by the list of COUNT strings on top, as an array that keeps the list alive. */
static void place_array(const struct reading *reading, lua_Integer count)
{
	lua_State *L = reading->L;
	const char **array = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *array, 1);
	for (lua_Integer i = 1; i <= count; i++) {
		lua_rawgeti(L, -2, i);
		array[i - 1] = lua_tostring(L, -1);
		if (strlen(array[i - 1]) != lua_rawlen(L, -1))
			refuse(reading, lua_pushfstring(L, "item %d holds a NUL byte", (int)i));
		lua_pop(L, 1);
	}
	array[count] = NULL;
	lua_insert(L, -2);
	lua_setiuservalue(L, -2, 1);
	memcpy(reading->field, &array, sizeof array);
	lua_replace(L, reading->place);
}

/* A map where a list is meant would be an empty list. */
static void refuse_map(const struct reading *reading, lua_Integer count)
{
	lua_State *L = reading->L;
	lua_Integer keys = 0;
	lua_pushnil(L);
	while (lua_next(L, reading->place)) {
		keys++;
		lua_pop(L, 1);
	}
	if (keys > count)
		refuse(reading, "a list of strings expected, got a table with other keys");
}

/* The strings are copied to a private table, which no other code can change. */
static void take_texts(const struct reading *reading)
{
	lua_State *L = reading->L;
	lua_Integer count;
	expect(reading, LUA_TTABLE);
	count = (lua_Integer)lua_rawlen(L, reading->place);
	refuse_map(reading, count);
	lua_createtable(L, (int)count, 0);
	for (lua_Integer i = 1; i <= count; i++) {
		if (lua_rawgeti(L, reading->place, i) != LUA_TSTRING)
			refuse(reading, lua_pushfstring(L, "item %d is not a string", (int)i));
		lua_rawseti(L, -2, i);
	}
	place_array(reading, count);
}

static void take_pairs(const struct reading *reading)
{
	lua_State *L = reading->L;
	lua_Integer count = 0;
	expect(reading, LUA_TTABLE);
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, reading->place)) {
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			refuse(reading, "names and values must be strings");
		lua_pushvalue(L, -2);
		lua_pushstring(L, reading->option->joint);
		lua_pushvalue(L, -3);
		lua_concat(L, 3);
		lua_rawseti(L, -4, ++count);
		lua_pop(L, 1);
	}
	place_array(reading, count);
}

/* ---- a table --------------------------------------------------------------------------------------------- */

static void take_flag(const struct reading *reading)
{
	expect(reading, LUA_TBOOLEAN);
	store(reading->option, reading->field, lua_toboolean(reading->L, reading->place));
}

static void take_place(const struct reading *reading)
{
	if (reading->option->unit == BIND_FUNCTION)
		expect(reading, LUA_TFUNCTION);
	store(reading->option, reading->field, reading->place);
}

static void take(const struct reading *reading)
{
	static void (*const takers[])(const struct reading *reading) = {
		[BIND_TEXT] = take_text,    [BIND_DATA] = take_text,    [BIND_SECONDS] = take_seconds,
		[BIND_BYTES] = take_number, [BIND_COUNT] = take_number, [BIND_FLAG] = take_flag,
		[BIND_TEXTS] = take_texts,  [BIND_PAIRS] = take_pairs,  [BIND_FUNCTION] = take_place,
		[BIND_VALUE] = take_place,
	};
	takers[reading->option->unit](reading);
}

static void set_default(const struct bind_option *option, char *field)
{
	if (option->unit == BIND_SECONDS)
		store(option, field, nanoseconds(option->absent));
	else if (option->unit == BIND_BYTES || option->unit == BIND_COUNT)
		store(option, field, option->absent == HUGE_VAL ? largest(option) : (int64_t)option->absent);
	else
		memset(field, 0, option->size);
	if (option->absent_text)
		memcpy(field, &option->absent_text, sizeof option->absent_text);
}

static int refuse_unknown(lua_State *L, int argument, const struct bind_option *options, const char *name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (const struct bind_option *option = options; option->name; option++)
		nearest_offer(&nearest, option->name);
	return luaL_argerror(L, argument,
	                     nearest.best ? lua_pushfstring(L, "%s: unknown option; did you mean \"%s\"?", name, nearest.best)
	                                  : lua_pushfstring(L, "%s: unknown option", name));
}

/* The option that the key at -1 names. */
static const struct bind_option *find(lua_State *L, int argument, const struct bind_option *options)
{
	const char *name;
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_argerror(L, argument,
		              lua_pushfstring(L, "the name of an option must be a string, got %s", luaL_typename(L, -1)));
	name = lua_tostring(L, -1);
	for (const struct bind_option *option = options; option->name; option++)
		if (strcmp(option->name, name) == 0)
			return option;
	refuse_unknown(L, argument, options, name);
	return NULL;
}

/* Read the fields of the table at INDEX; returns a bit for each present one. */
static uint64_t read_fields(lua_State *L, int index, const struct bind_option *options, char *out)
{
	struct reading reading = {.L = L, .argument = index};
	uint64_t given = 0;
	lua_pushnil(L);
	while (lua_next(L, index)) {
		/* The value keeps its index, below the key. */
		lua_insert(L, -2);
		reading.place = lua_gettop(L) - 1;
		reading.option = find(L, index, options);
		reading.field = out + reading.option->offset;
		take(&reading);
		given |= UINT64_C(1) << (reading.option - options);
	}
	return given;
}

void bind_options(lua_State *L, int index, const struct bind_option *options, void *out)
{
	uint64_t given = 0;
	int count = 0;
	for (; options[count].name; count++)
		set_default(&options[count], (char *)out + options[count].offset);
	luaL_checkstack(L, count + LUA_MINSTACK, "options");
	if (!lua_isnoneornil(L, index)) {
		luaL_checktype(L, index, LUA_TTABLE);
		given = read_fields(L, index, options, out);
	}
	for (int i = 0; i < count; i++)
		if (options[i].required && !(given >> i & 1))
			luaL_argerror(L, index, lua_pushfstring(L, "%s: missing", options[i].name));
}

int64_t bind_seconds(lua_State *L, int argument, double absent)
{
	double seconds = luaL_optnumber(L, argument, absent);
	luaL_argcheck(L, seconds >= 0, argument, "seconds must not be negative");
	return nanoseconds(seconds);
}

size_t bind_count(lua_State *L, int argument, size_t absent)
{
	lua_Integer count;
	if (lua_isnoneornil(L, argument))
		return absent;
	if (lua_type(L, argument) == LUA_TNUMBER && lua_tonumber(L, argument) == HUGE_VAL)
		return (size_t)NO_BOUND;
	count = luaL_checkinteger(L, argument);
	luaL_argcheck(L, count >= 0, argument, "must not be negative");
	return (size_t)count;
}
