--- Environment variables, as policies are configured by them.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local text = require "molbuild.text"

local env = {}

--- What env.get gives for variables that were taken out of the environment, by name.
local replaced = {}

--- A variable's value. An empty one counts as not set.
---@param name string
---@param default string?
---@return string?
function env.get(name, default)
  local value = replaced[name] or core.sys.getenv(name)
  return value ~= "" and value or default
end

--- Take a variable that holds a secret out of the environment, so that no child is given it and /proc does not show it.
--- env.get gives VALUE for it from then on.
---@param name string
---@param value string
---@raise usage
function env.replace(name, value)
  local taken, message = core.sys.take_env(name)
  if not taken and message then
    errors.raise { kind = "usage", message = message }
  end
  replaced[name] = value
end

--- A variable that must have one of a few values when it is set.
---@param name string
---@param ... string  the values
---@return string?
---@raise usage
function env.choice(name, ...)
  local value = env.get(name)
  for _, choice in ipairs { ... } do
    if value == choice then
      return value
    end
  end
  if value then
    local choices = table.concat({ ... }, " or ")
    errors.raise { kind = "usage", message = ('%s must be %s, not "%s"'):format(name, choices, value) }
  end
  return nil
end

--- A variable that must be a number when it is set (text.number). Where it bounds something, 0 means no bound.
---@param name string
---@param default number
---@return number
---@raise usage
function env.number(name, default)
  local value = env.get(name)
  if not value then
    return default
  end
  local number = text.number(value)
  if not number then
    errors.raise { kind = "usage", message = ('%s must be a number, not "%s"'):format(name, value) }
  end
  return number
end

--- The user's directory for files that can be made anew, by the rules of the XDG base directories; without a home the
--- temporary directory.
---@return string
function env.cache_dir()
  local home = env.get "HOME"
  return env.get "XDG_CACHE_HOME" or home and home .. "/.cache" or env.get("TMPDIR", "/tmp")
end

return env
