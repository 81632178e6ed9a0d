-- The layers, one direction: scripts over lua over core/bind over core/lib. docs/architecture.md says what goes where.
local core = require "molbuild.core"
local molbuild = require "molbuild"

local RUNTIMES = {
  "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
}

local LUA_HEADERS = { ["lua.h"] = true, ["lauxlib.h"] = true, ["lualib.h"] = true, ["luaconf.h"] = true }

--- The rooms of core/lib.
local LIB_ROOMS = {
  base = true, loop = true, text = true, secret = true, file = true, lock = true, child = true, net = true,
}

local function of_the_library(header)
  return LIB_ROOMS[header:match "^(%l+)/[^/]+%.h$"] ~= nil
end

--- The rules of each layer: what may be included or required in it, and words that may not stand there.
local ROOMS = {
  {
    name = "core/lib", kind = "c",
    paths = {
      "core/lib/base", "core/lib/loop", "core/lib/text", "core/lib/secret", "core/lib/file", "core/lib/lock", "core/lib/child",
      "core/lib/net",
    },
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
    name = "lua/molbuild", kind = "lua", paths = {
      "lua/molbuild", "lua/molbuild/base", "lua/molbuild/forge", "lua/molbuild/repository", "lua/molbuild/engine",
      "lua/molbuild/progress",
    },
    require = function(module, path)
      -- The whole library at once is what policies get: it is handed to the script loader.
      if module == "molbuild" then return path == "lua/molbuild/run.lua" or path == "lua/molbuild/cli.lua" end
      if module == "molbuild.cli" then return false end
      if module == "molbuild.run" then return path == "lua/molbuild/cli.lua" end
      return module:find "^molbuild%." or module == "cjson" or module == "argparse"
    end,
    words = { "MOLECULE_", "os.execute", "io.popen", table.unpack(RUNTIMES) },
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

--- An option's name in a string ("--all") is no comment: two dashes and a space, or a line that begins with them, are.
local function without_lua_comment(line)
  return (line:gsub("^%s*%-%-.*$", ""):gsub("%s%-%- .*$", ""))
end

local function has_word(line, word)
  local pattern = word:gsub("%p", "%%%0")
  local before, after = word:find "^%w" and "%f[%w]" or "", word:find "%w$" and "%f[^%w]" or ""
  return line:find(before .. pattern .. after) ~= nil
end

local function check_includes(room, line)
  local system = line:match '^%s*#%s*include%s*<([^>]+)>'
  local own = line:match '^%s*#%s*include%s*"([^"]+)"'
  if not room.lua and LUA_HEADERS[system or own] then
    return "includes " .. (system or own)
  elseif own and not room.include(own) then
    return "includes " .. own
  end
end

local function check_requires(room, line, path)
  for module in line:gmatch "require%s*%(?%s*[\"']([^\"']+)[\"']" do
    local whole = not module:find "%.$"
    if whole and not room.require(module, path) then return "requires " .. module end
  end
  if room.name == "scripts" then
    for module in line:gmatch "%f[%w_]molbuild%.([%a_]+)" do
      if molbuild[module] == nil then return "uses molbuild." .. module .. ", which is none of the library" end
    end
  end
end

--- What a file does that its room does not allow, as "path:line: what".
local function check(room, path, text)
  local found, number = {}, 0
  local function add(what)
    if what then found[#found + 1] = ("%s:%d: %s"):format(path, number, what) end
  end
  if room.kind == "c" then text = without_comments(text) end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local code = room.kind == "lua" and without_lua_comment(line) or line
    add(room.kind == "c" and check_includes(room, code) or room.kind == "lua" and check_requires(room, code, path))
    for _, word in ipairs(room.words) do
      add(has_word(code, word) and "mentions " .. word or nil)
    end
  end
  return found
end

local function is_source(room, name)
  return name:find(room.kind == "c" and "%.[ch]$" or "%.lua$") ~= nil
end

--- The files of a room.
local function files(room)
  local all = {}
  for _, path in ipairs(room.paths) do
    if is_source(room, path) then
      all[#all + 1] = path
    else
      for _, name in ipairs(core.fs.list(path) or {}) do
        local file = path .. "/" .. name
        if is_source(room, name) and not (room.except or {})[file] then all[#all + 1] = file end
      end
    end
  end
  return all
end

local function room_named(name)
  for _, room in ipairs(ROOMS) do
    if room.name == name then return room end
  end
end

describe("the layers", function()
  for _, room in ipairs(ROOMS) do
    it("hold in " .. room.name, function()
      local found, all = {}, files(room)
      assert.is_true(#all > 0)
      for _, path in ipairs(all) do
        local text = assert(core.fs.read(path))
        table.move(check(room, path, text), 1, 1000, #found + 1, found)
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
    { "scripts", 'local core = require "molbuild.core"', "x:1: requires molbuild.core" },
    { "scripts", 'io.popen("git")', "x:1: mentions io.popen" },
    { "scripts", "os.execute(command)", "x:1: mentions os.execute" },
    { "scripts", "local g = molbuild.cli", "x:1: uses molbuild.cli, which is none of the library" },
  } do
    it(("catches in %s: %s"):format(case[1], (case[2]:gsub("\n", " "))), function()
      assert.same({ case[3] }, check(room_named(case[1]), "x", case[2]))
    end)
  end

  for _, case in ipairs {
    { "core/lib", '#include "buf.h"\n#include <stdio.h>\n/* for docker, say */' },
    { "core/bind", '#include <lua.h>\n#include "bind.h"\n#include "file/fs.h"' },
    { "core/test", '#include "file/fs.h"\n#include "fixture.h"' },
    { "lua/molbuild", '--- `require "molbuild"`\nlocal core = require "molbuild.core"\nlocal json = require("cjson")' },
    { "scripts", 'local molbuild = require "molbuild" -- never os.execute\nlocal git = molbuild.git' },
  } do
    it("lets pass in " .. case[1] .. " what belongs there", function()
      assert.same({}, check(room_named(case[1]), "x", case[2]))
    end)
  end
end)
