--- Environment variables, as policies are configured by them.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

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

local NO = { [""] = true, ["0"] = true, ["false"] = true, ["no"] = true, ["off"] = true }
local YES = { ["1"] = true, ["true"] = true, ["yes"] = true, ["on"] = true }

--- Whether a value, such as that of CI, says yes: it does unless it is absent, empty or a word for no.
---@param value string?
---@return boolean
function env.says_yes(value)
  return value ~= nil and not NO[value:lower()]
end

--- A variable that is a switch: 1, true, yes or on; 0, false, no or off.
---@param name string
---@param default boolean?  false when absent
---@return boolean
---@raise usage
function env.switch(name, default)
  local value = env.get(name)
  if not value then
    return default == true
  elseif not NO[value:lower()] and not YES[value:lower()] then
    errors.raise { kind = "usage", message = ('%s must be 0 or 1, not "%s"'):format(name, value) }
  end
  return env.says_yes(value)
end

--- Refuse a path that begins with ~: only shells replace that by a home, and a directory of that name is never meant.
---@param path string
---@param where string  the variable, for the message
---@return string path
---@raise usage
function env.check_path(path, where)
  if path:sub(1, 1) == "~" then
    errors.raise {
      kind = "usage",
      message = ('%s: "%s" begins with ~, which only a shell expands'):format(where, path),
      hint = ("write the whole path, such as %s=%s"):format(where, (path:gsub("^~", env.home() or "/home/user", 1))),
    }
  end
  return path
end

local function absolute(name)
  local value = env.get(name)
  return value and value:sub(1, 1) == "/" and value or nil
end

--- The user's home. A relative one is none: it would be another directory for each current one.
---@return string?
function env.home()
  return absolute "HOME"
end

--- One of the XDG base directories. A relative path is not valid there, and is ignored, as their specification wants it.
---@param name string  "XDG_CONFIG_HOME"
---@param below string?  where it is below the home when the variable gives none: ".config"
---@return string?
function env.xdg(name, below)
  local home = below and env.home()
  return absolute(name) or home and home .. "/" .. below or nil
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

--- The user's directory for files that can be made again, by the rules of the XDG base directories; without a home the
--- temporary directory. It is absolute.
---@return string
function env.cache_dir()
  return env.xdg("XDG_CACHE_HOME", ".cache") or absolute "TMPDIR" or "/tmp"
end

return env
