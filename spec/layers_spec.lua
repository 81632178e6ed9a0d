-- The layers, one direction: scripts over lua over core/bind over core/lib; and the rooms of core/lib and lua/molbuild
-- (spec/support/rooms.lua). docs/architecture.md says what goes where.
local core = require "molbuild.core"
local molbuild = require "molbuild"
local rooms = require "spec.support.rooms"
local sh = require "spec.support.sh"

local RUNTIMES = {
  "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
}

local LUA_HEADERS = { ["lua.h"] = true, ["lauxlib.h"] = true, ["lualib.h"] = true, ["luaconf.h"] = true }

local function of_the_library(header)
  return rooms.of(rooms.C, "core/lib/" .. header) ~= nil
end

--- The directories of rooms below one.
local function directories(root, list)
  local paths = {}
  for _, room in ipairs(list) do paths[#paths + 1] = room[1] ~= "top" and root .. "/" .. room[1] or root end
  return paths
end

--- The rules of each layer: what may be included or required in it, and words that it must not contain.
local LAYERS = {
  {
    name = "core/lib", kind = "c",
    paths = directories("core/lib", rooms.C),
    include = function(header)
      return of_the_library(header) or not header:find("/", 1, true) and header ~= "bind.h" and header ~= "embedded.h"
    end,
    words = { "lua_State", "MOLECULE", "docker", "gitea" },
  },
  {
    name = "core/bind", kind = "c", lua = true, paths = { "core/bind" },
    include = function(header) return not header:find("/", 1, true) and header ~= "embedded.h" or of_the_library(header) end,
    words = { "MOLECULE", "docker", "gitea" },
  },
  {
    name = "core/main.c", kind = "c", lua = true, paths = { "core/main.c" },
    include = function(header) return header == "embedded.h" or header:find "^bind/" or of_the_library(header) end,
    words = { "MOLECULE", "docker", "gitea" },
  },
  {
    name = "core/test", kind = "c", paths = { "core/test" }, except = { ["core/test/lua_host.c"] = true },
    include = function(header) return not header:find("/", 1, true) or of_the_library(header) end,
    words = { "lua_State" },
  },
  {
    -- One fuzzer runs the library; the others see core/lib alone.
    name = "core/fuzz", kind = "c", lua = true, paths = { "core/fuzz" },
    include = function(header) return of_the_library(header) or header == "bind/bind.h" or header == "test/naive_mask.h" end,
    words = { "MOLECULE", "docker", "gitea" },
  },
  {
    name = "lua/molbuild", kind = "lua", paths = directories("lua/molbuild", rooms.LUA),
    require = function(module, path)
      -- Policies get the whole library: it starts the program, and passes itself to the script loader.
      if module == "molbuild" then return false end
      if module == "molbuild.cli" then return path == "lua/molbuild/init.lua" end
      if module == "molbuild.run" then return path == "lua/molbuild/cli.lua" end
      return module:find "^molbuild%." or module == "cjson" or module == "argparse"
    end,
    words = {
      "MOLECULE_", "os.execute", "io.popen", "local-build", "malformed", "up to date", "from the registry", '"hit"', '"built"',
      '"registry"', '"clone"', "hit =", "built =", "clone =", table.unpack(RUNTIMES),
    },
  },
  {
    name = "scripts", kind = "lua", paths = { "scripts", "docs/examples" },
    require = function(module) return module == "molbuild" end,
    words = { "os.execute", "io.popen", "io.open", "os.getenv", "package." },
  },
}

local function without_comments(text)
  return (text:gsub("/%*.-%*/", function(comment) return (comment:gsub("[^\n]", "")) end):gsub("//[^\n]*", ""))
end

local function has_word(line, word)
  local pattern = word:gsub("%p", "%%%0")
  local before, after = word:find "^%w" and "%f[%w]" or "", word:find "%w$" and "%f[^%w]" or ""
  return line:find(before .. pattern .. after) ~= nil
end

local function check_includes(layer, line)
  local system = line:match '^%s*#%s*include%s*<([^>]+)>'
  local own = line:match '^%s*#%s*include%s*"([^"]+)"'
  if not layer.lua and LUA_HEADERS[system or own] then
    return "includes " .. (system or own)
  elseif own and not layer.include(own) then
    return "includes " .. own
  end
end

local function check_requires(layer, line, path)
  for module in line:gmatch "require%s*%(?%s*[\"']([^\"']+)[\"']" do
    local whole = not module:find "%.$"
    if whole and not layer.require(module, path) then return "requires " .. module end
  end
  if layer.name == "scripts" then
    for module in line:gmatch "%f[%w_]molbuild%.([%a_]+)" do
      if not getmetatable(molbuild).known()[module] then
        return "uses molbuild." .. module .. ", which the library does not have"
      end
    end
  end
end

--- What a file does that its layer does not allow, as "path:line: what".
local function check(layer, path, text)
  local found, number = {}, 0
  local function add(what)
    if what then found[#found + 1] = ("%s:%d: %s"):format(path, number, what) end
  end
  if layer.kind == "c" then text = without_comments(text) end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local code = layer.kind == "lua" and rooms.without_comment(line) or line
    add(layer.kind == "c" and check_includes(layer, code) or layer.kind == "lua" and check_requires(layer, code, path))
    for _, word in ipairs(layer.words) do
      add(has_word(code, word) and "mentions " .. word or nil)
    end
  end
  return found
end

local function is_source(layer, name)
  return name:find(layer.kind == "c" and "%.[ch]$" or "%.lua$") ~= nil
end

--- The files of a layer.
local function files_of(layer)
  local all = {}
  for _, path in ipairs(layer.paths) do
    if is_source(layer, path) then
      all[#all + 1] = path
    else
      for _, name in ipairs(core.fs.list(path) or {}) do
        local file = path .. "/" .. name
        if is_source(layer, name) and not (layer.except or {})[file] then all[#all + 1] = file end
      end
    end
  end
  return all
end

local function layer_named(name)
  for _, layer in ipairs(LAYERS) do
    if layer.name == name then return layer end
  end
end

describe("the layers", function()
  for _, layer in ipairs(LAYERS) do
    it("hold in " .. layer.name, function()
      local found, all = {}, files_of(layer)
      assert.is_true(#all > 0)
      for _, path in ipairs(all) do
        local text = assert(core.fs.read(path))
        table.move(check(layer, path, text), 1, 1000, #found + 1, found)
      end
      assert.equal("", table.concat(found, "\n"))
    end)
  end

  it("are those of the policy's runtimes", function()
    assert.same(RUNTIMES, molbuild.load("scripts/ensure.lua").runtimes)
  end)
end)

describe("the checker of the layers", function()
  for _, case in ipairs {
    { "core/lib", "\n#include <lua.h>\n", "x:2: includes lua.h" },
    { "core/lib", '#include "lauxlib.h"', "x:1: includes lauxlib.h" },
    { "core/lib", '#include "bind/bind.h"', "x:1: includes bind/bind.h" },
    { "core/lib", '#include "../bind/bind.h"', "x:1: includes ../bind/bind.h" },
    { "core/lib", "/* a\n */ int f(lua_State *L);", "x:2: mentions lua_State" },
    { "core/lib", 'run("docker");', "x:1: mentions docker" },
    { "core/bind", '#include "embedded.h"', "x:1: includes embedded.h" },
    { "core/bind", '#include "test/fixture.h"', "x:1: includes test/fixture.h" },
    { "core/main.c", '#include "test/fixture.h"', "x:1: includes test/fixture.h" },
    { "core/test", "  #  include <lua.h>", "x:1: includes lua.h" },
    { "core/test", '#include "bind/bind.h"', "x:1: includes bind/bind.h" },
    { "lua/molbuild", 'local all = require "molbuild"', "x:1: requires molbuild" },
    { "lua/molbuild", "local cli = require('molbuild.cli')", "x:1: requires molbuild.cli" },
    { "lua/molbuild", 'local ensure = require "ensure"', "x:1: requires ensure" },
    { "lua/molbuild", 'core.sys.getenv "MOLECULE_GITEA_TOKEN"', "x:1: mentions MOLECULE_" },
    { "lua/molbuild", 'if name == "claude-code" then', "x:1: mentions claude-code" },
    { "lua/molbuild", 'os.execute "true"', "x:1: mentions os.execute" },
    { "lua/molbuild", 'say("local-build: " .. what)', "x:1: mentions local-build" },
    { "lua/molbuild", 'if e.outcome == "hit" then', 'x:1: mentions "hit"' },
    { "lua/molbuild", "local SLOW = { clone = true }", "x:1: mentions clone =" },
    { "lua/molbuild", 'raise(message .. " (template repo malformed)")', "x:1: mentions malformed" },
    { "scripts", 'local core = require "molbuild.core"', "x:1: requires molbuild.core" },
    { "scripts", 'io.popen("git")', "x:1: mentions io.popen" },
    { "scripts", "os.execute(command)", "x:1: mentions os.execute" },
    { "scripts", "local g = molbuild.cli", "x:1: uses molbuild.cli, which the library does not have" },
  } do
    it(("catches in %s: %s"):format(case[1], (case[2]:gsub("\n", " "))), function()
      assert.same({ case[3] }, check(layer_named(case[1]), "x", case[2]))
    end)
  end

  for _, case in ipairs {
    { "core/lib", '#include "buf.h"\n#include <stdio.h>\n/* for docker, say */' },
    { "core/bind", '#include <lua.h>\n#include "bind.h"\n#include "file/fs.h"' },
    { "core/test", '#include "file/fs.h"\n#include "fixture.h"' },
    { "lua/molbuild", '--- `require "molbuild"`\nlocal core = require "molbuild.core"\nlocal json = require("cjson")' },
    { "scripts", 'local molbuild = require "molbuild" -- never os.execute\nlocal git = molbuild.git' },
  } do
    it("accepts in " .. case[1] .. " what belongs there", function()
      assert.same({}, check(layer_named(case[1]), "x", case[2]))
    end)
  end
end)

-- All files of core/lib or lua/molbuild, in any directory: their text without comments, by path.
local function texts(root, ending)
  local all = {}
  for path in sh.run { "find", root, "-name", "*." .. ending }:gmatch "[^\n]+" do
    local text = assert(core.fs.read(path))
    if ending == "lua" then
      text = text:gsub("[^\n]+", rooms.without_comment)
    else
      text = without_comments(text)
    end
    all[path] = text
  end
  return all
end

-- The arrows between objects: what the compiler made of the files, whatever they include.
local function object_arrows(files)
  local words, source, objects, build = { "nm" }, {}, {}, os.getenv "BUILD" or "build"
  for path in pairs(files) do
    if path:find "%.c$" then
      words[#words + 1] = path:gsub("^core/(.*)%.c$", build .. "/obj/%1.o")
      source[words[#words]] = path
    end
  end
  local printed = sh.run(words):gsub("(%S+%.o):\n", "\0%1\n") -- of each object its name, and its symbols below
  for object, text in printed:gmatch "%z(%S+)\n(%Z*)" do objects[source[object]] = text end
  return rooms.symbols(objects)
end

describe("the rooms", function()
  it("of core/lib: every file is in one, no arrow points up, no circle", function()
    local files = texts("core/lib", "[ch]")
    local arrows = rooms.includes(files)
    assert.is_true(#arrows > 50, #arrows)
    assert.equal("", table.concat(rooms.faults(rooms.C, files, arrows), "\n"))
  end)

  it("of core/lib: what the objects call is not above them, and in no circle; nor is that of core/bind", function()
    local files = texts("core/lib", "[ch]")
    for path, text in pairs(texts("core/bind", "[ch]")) do files[path] = text end
    local arrows = object_arrows(files)
    assert.is_true(#arrows > 20, #arrows)
    assert.equal("", table.concat(rooms.faults(rooms.C, {}, arrows), "\n"))
  end)

  it("of lua/molbuild: every file is in one, no arrow points up, no circle", function()
    local files = texts("lua/molbuild", "lua")
    local arrows = rooms.requires(files)
    assert.is_true(#arrows > 150, #arrows)
    assert.equal("", table.concat(rooms.faults(rooms.LUA, files, arrows), "\n"))
  end)

  it("are the same in docs/architecture.md", function()
    local page = assert(core.fs.read "docs/architecture.md")
    local shown = page:match "<!%-%- rooms %-%->\n(.-)<!%-%- end of rooms %-%->"
    assert.equal(table.concat(rooms.map(), "\n") .. "\n", shown)
  end)

  it("use only rooms below them", function()
    for _, list in ipairs { rooms.C, rooms.LUA } do
      local below = {}
      for _, room in ipairs(list) do
        for _, used in ipairs(room[3]) do assert.is_true(below[used], room[1] .. " uses " .. used) end
        below[room[1]] = true
      end
    end
  end)
end)
