--- Policies: finding and loading them.
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local seal = require "molbuild.base.seal"
local shipped = require "molbuild.policy.shipped"
local text_file = require "molbuild.base.text_file"

local script = {}

--- The version of the contract between policies and this program (docs/policy.md).
script.API = 1

--- The directory of the installed scripts: next to the program in a checkout, else below the prefix. Set by molbuild.cli. nil: the
--- policies are those in the program.
---@type string?
script.installed = nil

--- The files that are being loaded, by real path: a fork with the name of the policy it loads gets the next one on the path.
local loading = {}

--- The directory of the file that is being loaded; while a policy runs, and loads another one, that of the policy itself.
local beside

--- The directory of the policy that the program has loaded.
local home

--- The directories of MOLBUILD_PATH. An empty entry is ignored. A relative one is refused: it would depend on the current
--- directory, in which any user may have put a policy.
local function own_directories()
  local list = {}
  for dir in env.get("MOLBUILD_PATH", ""):gmatch "[^:]+" do
    env.check_path(dir, "MOLBUILD_PATH")
    if dir:sub(1, 1) ~= "/" then
      errors.raise {
        kind = "usage",
        message = ('MOLBUILD_PATH: "%s" is not an absolute path'):format(dir),
        hint = "write whole paths, such as MOLBUILD_PATH=/srv/policies",
      }
    end
    list[#list + 1] = dir
  end
  return list
end

--- The directories in which a bare name is looked up, in order. The current one is last.
---@return string[]
---@raise usage
function script.directories()
  local list = own_directories()
  local config = env.xdg("XDG_CONFIG_HOME", ".config")
  if config then
    list[#list + 1] = config .. "/molbuild/scripts"
  end
  list[#list + 1] = "/etc/molbuild/scripts"
  list[#list + 1] = beside
  list[#list + 1] = script.installed or shipped.DIRECTORY
  list[#list + 1] = "."
  return list
end

--- The errors for a path without a file. Any other error is a failure of the system.
local NO_FILE = { ENOENT = true, ENOTDIR = true, EACCES = true, ELOOP = true, ENAMETOOLONG = true }

local function is_file(path)
  if shipped.owns(path) then
    return not loading[path] and shipped.read(path) ~= nil
  end
  local kind, message, code = core.fs.type(path)
  errors.must(kind or NO_FILE[code], message, code)
  -- A file in memory, or one that was removed and is still open, has no path of its own.
  return kind == "file" and not loading[core.fs.realpath(path) or path]
end

--- The names of the files in a directory, which may be that of the policies in the program. A directory that cannot be read has
--- none.
---@param dir string
---@return string[]
function script.names(dir)
  return shipped.owns(dir) and shipped.names() or core.fs.list(dir) or {}
end

--- The texts of files that are kept for this run, by path.
local kept = {}

--- The most files of a directory that are kept.
local KEPT_MAX = 100

local function keep_directory(dir)
  local count = 0
  for _, name in ipairs(dir and core.fs.list(dir) or {}) do
    local path = dir .. "/" .. name
    if name:find "%.lua$" and count < KEPT_MAX and core.fs.type(path) == "file" then
      kept[path], count = text_file.read_lua(path), count + 1
    end
  end
end

--- Keep the texts of the policies beside the one that runs, and of the installed ones, as they are now. A run that lasts loads
--- parts of its policy later: an upgrade must not mix two versions.
function script.keep_files()
  for _, dir in ipairs { home or ".", script.installed } do
    keep_directory(dir)
    keep_directory(dir .. "/verbs")
  end
end

--- The text of a policy, which may be one in the program.
---@param path string  as of script.find
---@return string? text
---@return string? message
---@return string? code
function script.read(path)
  if kept[path] then
    return kept[path]
  elseif shipped.owns(path) then
    return shipped.read(path), path .. ": the program has no such policy", "ENOENT"
  end
  return text_file.read_lua(path)
end

-- The script that was probably meant, of those in all directories.
local function nearest_script(name)
  local known = {}
  for _, dir in ipairs(name:find("/", 1, true) and {} or script.directories()) do
    for _, file in ipairs(script.names(dir)) do
      if file:find "%.lua$" then known[name:find(".", 1, true) and file or file:sub(1, -5)] = true end
    end
  end
  local near = require("molbuild.base.nearest").of(name, known)
  return near and ('did you mean "%s"?'):format(near)
end

local function refuse_missing(name, looked)
  local real = #looked == 1 and core.fs.realpath(looked[1])
  if real then
    errors.raise {
      kind = "usage",
      message = ("script %s %s"):format(name, loading[real] and "loads itself" or "is not a regular file"),
      hint = "name the file of another policy",
    }
  end
  errors.raise {
    kind = "usage",
    message = ("no script %s; looked for %s"):format(name, table.concat(looked, ", ")),
    hint = nearest_script(name) or "name an existing policy by its path, or add its directory to MOLBUILD_PATH",
  }
end

--- A pipe can be read once, so another policy cannot load it by name: /dev/stdin, a shell's "<(...)".
local function is_pipe(path)
  return core.fs.type(path) == "fifo"
end

-- A name with a slash is a path; but the verbs are in a directory beside the policies.
local function is_path(name)
  return name:find("/", 1, true) and not name:find "^verbs/[^/]+$"
end

--- The file for a name. A name with a slash is the file's path, which may be a pipe; "verbs/NAME" is looked up. The ".lua" of
--- another name may be left out.
---@param name string
---@return string path
---@return string? passed_over  a file of that name in the current directory that another one overrides
---@raise usage
function script.find(name)
  if is_path(name) then
    return is_file(name) and name or is_pipe(name) and name or refuse_missing(name, { name })
  end
  local looked = {}
  for _, dir in ipairs(script.directories()) do
    for _, file in ipairs(name:find "%.lua$" and { name } or { name, name .. ".lua" }) do
      local path, here = dir .. "/" .. file, "./" .. file
      if is_file(path) then
        return path, path ~= here and is_file(here) and core.fs.realpath(here) ~= core.fs.realpath(path) and here or nil
      end
    end
    looked[#looked + 1] = dir .. "/" .. name
  end
  refuse_missing(name, looked)
end

-- The globals of policies. They cannot be set, so all policies share them.
local globals

--- The globals of policies.
---@param library table  the module molbuild
---@return table
function script.globals(library)
  globals = globals or require("molbuild.policy.environment").new(library)
  return globals
end

-- From then on, only the fields that a policy has after loading, and its settings, are known.
local function sealed(policy, path)
  local known, former
  if rawget(policy, "settings") then
    known, former = require("molbuild.base.settings").names(policy.settings)
  end
  local name = path:match("[^/]*$"):gsub("%.lua$", "")
  return seal.fields(policy, name, { known = known, former = former, extensible = true })
end

-- A policy that needs a newer program would fail somewhere, or do the wrong thing.
local function check_api(policy, path)
  local api = rawget(policy, "api")
  if api ~= nil and (math.type(api) ~= "integer" or api < 1) then
    errors.raise { kind = "bug", message = ("%s: api must be a whole number of at least 1"):format(path) }
  elseif api and api > script.API then
    errors.raise {
      kind = "usage",
      message = ("%s is written for api %d of molbuild, and this program has api %d"):format(path, api, script.API),
      hint = "install a newer molbuild, or use an older policy",
    }
  end
end

--- The policies that were loaded in this process, in the order of their ends.
---@type { path: string, chunk: function, policy: table, source: string }[]
script.loaded = {}

-- Call a function while policies are looked up as for one that loads another: also beside itself.
local function looking_beside(fn, ...)
  local outer = beside
  beside = beside or home
  local ok, result = xpcall(fn, errors.handler, ...)
  beside = outer
  return ok and result or error(result, 0)
end

--- The file of the policy that this process runs.
---@type string?
script.main = nil

--- The policy that this process runs; parts that it loads later are not. Set by script.identity().
---@type { path: string, source: string }?
script.running = nil

-- The number of those that were loaded before the policy began to run: a file that it loads later is listed once.
local before_run

local function note(entry)
  for index = (before_run or #script.loaded) + 1, #script.loaded do
    if script.loaded[index].path == entry.path then
      script.loaded[index] = entry
      return
    end
  end
  table.insert(script.loaded, entry)
end

--- Call FN as in a process that has loaded no policy yet. If it fails, what was loaded before counts again.
---@param fn fun(): ...
---@return ...
function script.afresh(fn)
  local loaded, count, texts = script.loaded, before_run, kept
  script.loaded, before_run, kept = {}, nil, {}
  local results = table.pack(xpcall(fn, errors.handler))
  if not results[1] then
    script.loaded, before_run, kept = loaded, count, texts
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

--- What identifies the policy that was loaded last, and all that it had loaded by then or loads later as a part of its own.
---@return fun(): { name: string, sha256: string } identify  the digest is computed when it is asked for
function script.identity()
  local loaded, count = script.loaded, #script.loaded
  before_run, script.running = count, loaded[count]
  return function()
    local texts = {}
    for index = 1, count do texts[index] = core.sha256.hex(loaded[index].source) end
    local settings = rawget(loaded[count].policy, "settings")
    for _, part in ipairs(settings and settings.parts or {}) do
      texts[#texts + 1] = core.sha256.hex(errors.must(script.read(looking_beside(script.find, part[1]))))
    end
    return { name = loaded[count].path:match "[^/]*$", sha256 = core.sha256.hex(table.concat(texts)) }
  end
end

--- Find a policy and compile it.
---@param name string
---@param library table  the module molbuild
---@return function chunk
---@return string path
---@return string? passed_over
---@return string source
---@raise usage | bug
function script.compile(name, library)
  local path, passed_over = script.find(name)
  local source, message, code = script.read(path)
  errors.must(source, message, code, { kind = (NO_FILE[code] or not (code or ""):find "^E") and "usage" or nil })
  local compiled = shipped.compiled(source)
  expect.shipped[compiled and "@" .. path:match "[^/]*$" or ""] = true
  local chunk, syntax = load(compiled or source, "@" .. path, compiled and "b" or "t", script.globals(library))
  if not chunk then
    errors.raise { kind = "bug", message = syntax }
  end
  return chunk, path, passed_over, source
end

--- Load a policy and run its main chunk. The table that it returns is sealed (seal.lua).
---@param name string
---@param library table  the module molbuild
---@return table policy
---@return string path
---@return string? passed_over
---@raise usage | bug
function script.load(name, library)
  local chunk, path, passed_over, source = script.compile(name, library)
  local real, outer = not shipped.owns(path) and core.fs.realpath(path) or path, beside
  loading[real], beside = true, real:match "^(.*)/"
  home = outer and home or beside
  local ran, policy = xpcall(chunk, errors.handler)
  loading[real], beside = nil, outer
  if not ran then
    error(policy, 0)
  end
  if type(policy) ~= "table" then
    errors.raise { kind = "bug", message = ("%s does not return a table"):format(path) }
  end
  check_api(policy, path)
  note { path = path, chunk = chunk, policy = policy, source = source }
  return sealed(policy, path), path, passed_over
end

--- As script.load, for a policy that loads another one: also beside the policy itself.
---@param name string
---@param library table
---@return table policy
---@raise usage | bug
function script.load_beside(name, library)
  return looking_beside(script.load, name, library)
end

return script
