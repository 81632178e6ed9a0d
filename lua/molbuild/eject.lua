--- `molbuild eject`: a copy of a policy, for editing.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"
local script = require "molbuild.script"

local eject = {}

local function refuse(message)
  errors.raise { kind = "usage", message = message, hint = "molbuild eject [--test] SCRIPT [DIR]" }
end

local function arguments_of(argv)
  local words, with_test = {}, false
  for index = 2, #argv do
    if argv[index] == "--test" then
      with_test = true
    elseif argv[index]:sub(1, 1) == "-" then
      refuse("unknown option " .. argv[index])
    else
      words[#words + 1] = argv[index]
    end
  end
  if (words[1] or "") == "" or #words > 2 then
    refuse((words[1] or "") == "" and "no script named" or ("unexpected argument %s"):format(words[3]))
  end
  return words[1], words[2] or ".", with_test
end

-- The text of a policy's test, and the name of its file.
local function test_of(path, program)
  local policy = script.load(path, program.library)
  local runtimes = rawget(policy, "runtimes")
  if type(runtimes) ~= "table" or type(runtimes[1]) ~= "string" then
    errors.raise { kind = "usage", message = ("--test: %s has no runtimes, so that there is nothing to test"):format(path) }
  end
  return require("molbuild.testing.skeleton").text(path:match "[^/]+$", runtimes[1])
end

-- What a language server needs to know beside a policy: where the types are, and which globals a test has.
local LUARC = [[
{
  "runtime.version": "Lua 5.4",
  "workspace.library": [%s],
  "workspace.checkThirdParty": false,
  "diagnostics.globals": [
    "molbuild", "describe", "it", "before_each", "after_each", "setup", "teardown", "lazy_setup", "lazy_teardown", "finally",
    "pending"
  ]
}
]]

-- The directory of the types: beside the installed scripts, or that of a checkout. For policies that are in the program, it is
-- looked for from the program's own place. nil: this program came without them.
local function types_directory()
  local scripts, program = script.installed, (core.sys.executable() or ""):match "^(.*)/[^/]*$" or ""
  for _, dir in ipairs(scripts and { scripts .. "/../types", scripts .. "/../lua/types" }
    or { program .. "/../share/molbuild/types" }) do
    local path = core.fs.realpath(dir)
    if path and core.fs.lstat(path .. "/molbuild.lua") then return path end
  end
end

-- The user's own file is left alone. A path that is not UTF-8 cannot be written as JSON.
local function write_luarc(dir)
  local path, types = dir .. "/.luarc.json", types_directory()
  if types and utf8.len(types) and not core.fs.lstat(path) then
    errors.must(core.fs.write_atomic(path, LUARC:format(json.string(types)), 420))
  end
end

--- Write the copy, and with --test a test of it; nothing is overwritten. A .luarc.json, which is not in the result, shows language
--- servers the types.
---@param argv string[]  with the command
---@param program { library: table }
---@return string text  the paths of what was written, one line each
---@raise usage | failed | bug
function eject.run(argv, program)
  local name, dir, with_test = arguments_of(argv)
  local path = script.find(name)
  local files = { { path:match "[^/]+$", errors.must(script.read(path)) } }
  if with_test then
    local source, test_name = test_of(path, program)
    files[2] = { test_name, source }
  end
  for _, file in ipairs(files) do
    file[1] = dir .. "/" .. file[1]
    if core.fs.lstat(file[1]) then
      errors.raise { kind = "failed", message = ("%s already exists and is not overwritten"):format(file[1]) }
    end
  end
  local paths = {}
  for index, file in ipairs(files) do
    errors.must(core.fs.write_atomic(file[1], file[2], 420))
    paths[index] = file[1] .. "\n"
  end
  write_luarc(dir)
  return table.concat(paths)
end

return eject
