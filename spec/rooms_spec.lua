-- What spec/layers_spec.lua catches in the rooms: violations that are planted here.
local rooms = require "spec.support.rooms"

describe("the checker of the rooms", function()
  -- What it says of files of Lua, below lua/molbuild.
  local function lua_faults(sources)
    local files = {}
    for name, text in pairs(sources) do files["lua/molbuild/" .. name .. ".lua"] = text end
    return rooms.faults(rooms.LUA, files, rooms.requires(files))
  end

  local function c_faults(sources)
    local files = {}
    for name, text in pairs(sources) do files["core/lib/" .. name] = text end
    return rooms.faults(rooms.C, files, rooms.includes(files))
  end

  for what, case in pairs {
    ["a circle of two files"] = {
      { ["base/a"] = 'require "molbuild.base.b"', ["base/b"] = 'require "molbuild.base.a"' },
      { "a circle of files: lua/molbuild/base/a.lua lua/molbuild/base/b.lua" },
    },
    ["a circle of three files, one of them an init.lua, one by pcall"] = {
      { ["engine/init"] = 'require "molbuild.engine.b"', ["engine/b"] = "\npcall(require, 'molbuild.engine.c')",
        ["engine/c"] = 'require("molbuild.engine")' },
      { "a circle of files: lua/molbuild/engine/b.lua lua/molbuild/engine/c.lua lua/molbuild/engine/init.lua" },
    },
    ["a circle that is closed within a function"] = {
      { ["base/a"] = 'require "molbuild.base.b"', ["base/b"] = "local function f()\n  return require [[molbuild.base.a]].x\nend" },
      { "a circle of files: lua/molbuild/base/a.lua lua/molbuild/base/b.lua" },
    },
    ["a circle of two rooms, of other files"] = {
      { ["repository/a"] = 'require "molbuild.forge.b"', ["forge/b"] = "", ["forge/c"] = 'require "molbuild.repository.d"',
        ["repository/d"] = "" },
      { "a circle of rooms: forge repository", "lua/molbuild/forge/c.lua:1: forge must not use repository" },
    },
    ["an arrow that points up"] = {
      { ["base/a"] = '\nlocal b = require "molbuild.engine"', ["engine/init"] = "" },
      { "lua/molbuild/base/a.lua:2: base must not use engine" },
    },
    ["an arrow that points up lazily, with slashes"] = {
      { ["forge/a"] = 'function a.f()\n  require("molbuild/repository/git").run()\nend', ["repository/git"] = "" },
      { "lua/molbuild/forge/a.lua:2: forge must not use repository" },
    },
    ["an arrow to the whole library"] = {
      { ["progress/a"] = 'require("molbuild").log.info "x"', init = "" },
      { "lua/molbuild/progress/a.lua:1: progress must not use top" },
    },
    ["an arrow by a table of names"] = {
      { ["base/a"] = 'local NAMES = { x = "molbuild.engine.x" }\nrequire(NAMES.x)', ["engine/x"] = "" },
      { "lua/molbuild/base/a.lua:1: base must not use engine" },
    },
    ["a name that is put together"] = {
      { ["base/a"] = 'require("molbuild.engine." .. x)' },
      { 'lua/molbuild/base/a.lua:1: a module\'s name must be written whole, not as "molbuild.engine." and more' },
    },
    ["a name that is put together by a format"] = {
      { ["base/a"] = 'require(("molbuild.%s.init"):format(x))' },
      { 'lua/molbuild/base/a.lua:1: a module\'s name must be written whole, not as "molbuild.%s.init" and more' },
    },
    ["files outside of a room"] = {
      { stray = "", ["cellar/a"] = "", ["base/deep/a"] = "" },
      { "lua/molbuild/base/deep/a.lua: is in no room of spec/support/rooms.lua",
        "lua/molbuild/cellar/a.lua: is in no room of spec/support/rooms.lua",
        "lua/molbuild/stray.lua: is in no room of spec/support/rooms.lua" },
    },
  } do
    it("catches in Lua " .. what, function() assert.same(case[2], lua_faults(case[1])) end)
  end

  for what, case in pairs {
    ["a circle of two files"] = {
      { ["net/a.h"] = '#include "net/b.h"', ["net/b.h"] = "# include <net/a.h>" },
      { "a circle of files: core/lib/net/a.h core/lib/net/b.h" },
    },
    ["an arrow that points up, and the circle of rooms that it makes"] = {
      { ["lock/a.c"] = '#include "loop/b.h"', ["loop/b.h"] = "", ["loop/c.c"] = '\n#include "lock/d.h"', ["lock/d.h"] = "" },
      { "a circle of rooms: lock loop", "core/lib/loop/c.c:2: loop must not use lock" },
    },
    ["a header without its room"] = {
      { ["net/a.c"] = '#include "b.h"', ["net/b.h"] = "" }, { "core/lib/net/a.c:1: includes b.h without its room" },
    },
    ["a file outside of a room"] = { { ["a.c"] = "" }, { "core/lib/a.c: is in no room of spec/support/rooms.lua" } },
  } do
    it("catches in C " .. what, function() assert.same(case[2], c_faults(case[1])) end)
  end

  it("catches a circle and an arrow that points up in what objects call", function()
    local arrows = rooms.symbols {
      ["core/lib/base/a.c"] = "0000 T a\n                 U b\n                 U printf\n",
      ["core/lib/base/b.c"] = "0000 D b\n                 U c\n", ["core/lib/base/c.c"] = "0000 T c\n                 U a\n",
      ["core/lib/net/d.c"] = "0000 t a\n0000 T d\n                 U a\n", ["core/lib/loop/e.c"] = "                 U d\n",
    }
    assert.same({
      "a circle of files: core/lib/base/a.c core/lib/base/b.c core/lib/base/c.c", "core/lib/loop/e.c: loop must not use net (d)",
    }, rooms.faults(rooms.C, {}, arrows))
  end)

  it("accepts arrows that point down, and text that only mentions a module", function()
    local lines = ('--- require "molbuild.engine"\n'):gsub("[^\n]+", rooms.without_comment)
    assert.same({}, lua_faults {
      ["engine/a"] = 'require "molbuild.base.b"\nrequire "molbuild.core"\nrequire "molbuild.forge.c"', ["engine/init"] = "",
      ["base/b"] = lines .. 'say "molbuild"', ["forge/c"] = 'require "molbuild.base.b"', init = 'x = "molbuild.engine.a"',
    })
  end)
end)
