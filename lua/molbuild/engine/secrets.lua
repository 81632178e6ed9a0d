--- The secrets of a build, such as the token of a private index of packages: { pip = { env = "PIP_TOKEN" } }. Their values
--- are known to the masker before anything else is done with them. The building program reads each from a file in memory: no
--- argument, environment or disk has it.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local secret = require "molbuild.base.secret"
local text_file = require "molbuild.base.text_file"

local secrets = {
  --- The most bytes of one: BuildKit refuses more.
  MAX = 500 * 1024,
}

-- What came through a pipe, by path: it can be read once.
local piped = {}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

local function read(path, where)
  if piped[path] then return piped[path] end
  local value, message = core.fs.read(path, secrets.MAX, text_file.PIPE_SECONDS)
  if not value then refuse("%s: %s", where, message) end
  if value == "" then refuse("%s: %s is empty", where, path) end
  if core.fs.type(path) ~= "file" then piped[path] = value end
  local warning = secret.exposed(path, where)
  if warning then log.warn_once("%s", warning) end
  return value
end

local function value_of(id, source)
  local where = "secrets." .. id
  if source.file then return secret.keep_text(read(source.file, where), ("%s (%s)"):format(where, source.file)) end
  local value = secret.take(source.env)
  if not value then refuse("%s: the variable %s is not set", where, source.env) end
  if #value > secrets.MAX then refuse("%s: %s has more than %d bytes", where, source.env, secrets.MAX) end
  return secret.keep_text(value, ("%s (%s)"):format(where, source.env))
end

--- The ids, sorted.
---@param map table<string, molbuild.BuildSecret>?
---@return string[]
function secrets.ids(map)
  return maps.keys(map)
end

--- Take the variables out of the environment, so that no child inherits them. A variable that is not set, or cannot be used, is an
--- error of secrets.check: a run that builds nothing needs none.
---@param map table<string, molbuild.BuildSecret>
function secrets.take(map)
  for _, source in pairs(map) do
    local value = source.env and secret.take(source.env)
    if value then pcall(secret.keep_text, value, source.env) end
  end
end

--- Check that each value is there and can be used.
---@param map table<string, molbuild.BuildSecret>
---@raise usage  names the variable or the file, never the value
function secrets.check(map)
  for _, id in ipairs(secrets.ids(map)) do value_of(id, map[id]) end
end

local Open = {}
Open.__index = Open

function Open:__close()
  for _, file in ipairs(self.files) do file:close() end
end

--- The values as files in memory, for the program that builds.
---@param map table<string, molbuild.BuildSecret>?
---@return { paths: table<string, string>, files: molbuild.core.MemoryFile[] }  by id: the path; to be closed
---@raise usage | failed
function secrets.open(map)
  local open = setmetatable({ paths = {}, files = {} }, Open)
  for _, id in ipairs(secrets.ids(map)) do
    local file, message = core.fs.memory_file(value_of(id, map[id]))
    if not file then
      Open.__close(open)
      errors.raise { kind = "failed", message = ("secrets.%s: %s"):format(id, message) }
    end
    open.files[#open.files + 1] = file
    open.paths[id] = file:path()
  end
  return open
end

return secrets
