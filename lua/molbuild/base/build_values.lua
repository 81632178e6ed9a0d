--- What a build can be given beyond its files: secrets, ssh, limits, a network, a stage. Their forms, checked before they become
--- arguments.
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local shown = text.shown

local build_values = {}

local function refuse(where, format, ...)
  errors.raise { kind = "usage", message = where .. " " .. format:format(...) }
end

local UNITS = { [""] = 1, b = 1, k = 1024, m = 1024 ^ 2, g = 1024 ^ 3, t = 1024 ^ 4 }

-- docker refuses less. More than 2^53 is no exact number.
local MEMORY_MIN, MEMORY_MAX = 6 * 1024 ^ 2, 2 ^ 53

--- The bytes of a limit of memory, as docker writes it: "512m", "2g", in powers of 1024; or a number of bytes.
---@param value string|number
---@param where string  named in the message
---@return integer bytes
---@raise usage
function build_values.memory(value, where)
  local number, unit = tostring(value):lower():match "^%s*(%d+%.?%d*)%s*(%l?)i?b?%s*$"
  local bytes = number and UNITS[unit] and tonumber(number) * UNITS[unit] or 0
  if bytes < MEMORY_MIN or bytes > MEMORY_MAX then
    refuse(where, 'must be an amount of memory of at least 6m, such as 512m or 2g, not "%s"', shown(value))
  end
  return math.floor(bytes)
end

local CPUS_MIN, CPUS_MAX = 0.01, 1024

--- A number of processors, which may have a fraction.
---@param value string|number
---@param where string  named in the message
---@return number
---@raise usage
function build_values.cpus(value, where)
  local number = tostring(value):find "^%s*%d+%.?%d*%s*$" and tonumber(value)
  if not number or number < CPUS_MIN or number > CPUS_MAX then
    refuse(where, 'must be a number of processors from %g to %d, such as 1.5, not "%s"', CPUS_MIN, CPUS_MAX, shown(value))
  end
  return number
end

--- The networks that every builder has.
build_values.NETWORKS = { "default", "none", "host" }

--- A network of the RUNs.
---@param value string
---@param where string  named in the message
---@return string
---@raise usage
function build_values.network(value, where)
  if text.is_one_of(value, build_values.NETWORKS) then return value end
  refuse(where, 'must be %s, not "%s"', table.concat(build_values.NETWORKS, " or "), shown(value))
end

local NAME_MAX = 128

--- The name of a stage of a Dockerfile, or its number.
---@param value string
---@param where string  named in the message
---@return string
---@raise usage
function build_values.stage(value, where)
  if type(value) ~= "string" or #value > NAME_MAX or not value:find "^%w[%w._-]*$" then
    refuse(where, 'must be the name of a stage (FROM ... AS NAME), not "%s"', shown(value))
  end
  return value
end

-- A comma would begin another key, and an equals sign another field.
local function check_id(id, where)
  if type(id) ~= "string" or #id > NAME_MAX or not id:find "^%w[%w._-]*$" then
    refuse(where, 'has the id "%s": use letters, digits, ".", "_" and "-"', shown(id))
  end
end

local function check_path(path, where)
  if type(path) ~= "string" or path == "" or path:find "%c" then
    refuse(where, 'must be the path of a file, not "%s"', shown(path))
  end
  return env.check_path(path, where)
end

--- The keys of ssh for the RUNs that ask for them: "default", an agent's socket; "default=PATH", a key or a socket; or a list.
---@param value string|string[]
---@param where string  named in the message
---@return string[]
---@raise usage
function build_values.ssh(value, where)
  local list = type(value) == "string" and { value } or value
  if type(list) ~= "table" or #list == 0 then
    refuse(where, 'must be "default", "default=PATH" or a list of such texts, not a %s', type(value))
  end
  local copy = {}
  for index, entry in ipairs(list) do
    local id, path = tostring(entry):match "^([^=]*)=?(.*)$"
    check_id(type(entry) == "string" and id or entry, where)
    if entry:find("=", 1, true) then check_path(path, where) end
    if path:find(",", 1, true) then refuse(where, 'has a path with a comma, which separates keys: "%s"', shown(path)) end
    copy[index] = entry
  end
  return copy
end

local function check_source(source, where)
  local is_map = type(source) == "table"
  for name in pairs(is_map and source or {}) do
    if name ~= "env" and name ~= "file" then refuse(where, 'has the unknown field "%s": write env or file', shown(name)) end
  end
  if not is_map or (source.env == nil) == (source.file == nil) then
    refuse(where, 'must be { env = "NAME" } or { file = "PATH" }')
  elseif source.env ~= nil and (type(source.env) ~= "string" or not source.env:find "^[%a_][%w_]*$") then
    refuse(where, 'must name a variable, not "%s"', shown(source.env))
  end
  if source.file ~= nil then check_path(source.file, where) end
end

--- Secrets by id: each is a variable or a file. The values are not read.
---@param value table<string, { env: string?, file: string? }>
---@param where string  named in the message
---@return table<string, { env: string?, file: string? }>  a copy
---@raise usage
function build_values.secrets(value, where)
  local copy = {}
  if type(value) ~= "table" then refuse(where, "must be a table of id = source, not a %s", type(value)) end
  for id, source in pairs(value) do
    check_id(id, where)
    check_source(source, where .. "." .. id)
    copy[id] = { env = source.env, file = source.file }
  end
  return copy
end

return build_values
