--- Environment variables that configure policies.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local env = {}

--- The values that env.get returns for variables that were taken out of the environment, by name.
local replaced = {}

--- A variable's value. An empty one counts as not set.
---@param name string
---@param default string?
---@return string?
function env.get(name, default)
  local value = replaced[name] or core.sys.getenv(name)
  return value ~= "" and value or default
end

--- Take a variable that holds a secret out of the environment. No child inherits it, and /proc does not show it.
--- From then on env.get returns VALUE for it.
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

--- A variable that must have one of the given values when it is set.
---@param name string
---@param ... string  the values
---@return string?
---@raise usage
function env.choice(name, ...)
  local value = env.get(name)
  if value and not text.is_one_of(value, { ... }) then
    local choices = table.concat({ ... }, " or ")
    errors.raise { kind = "usage", message = ('%s must be %s, not "%s"'):format(name, choices, value) }
  end
  return value
end

local NO = { [""] = true, ["0"] = true, ["false"] = true, ["no"] = true, ["off"] = true }
local YES = { ["1"] = true, ["true"] = true, ["yes"] = true, ["on"] = true }

--- Whether a value, such as that of CI, means yes: any value except an absent one, an empty one or a word for no.
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

--- Refuse a path that begins with ~. Only a shell expands it, and a directory with that name is never meant.
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

--- The user's home directory. A relative path is ignored: it would depend on the current directory.
---@return string?
function env.home()
  return absolute "HOME"
end

--- Where a program is, by PATH. A run looks for it until it is found.
---@param name string
---@return string?
function env.program(name)
  local run = require("molbuild.base.task").scope().run or {} -- `molbuild version` needs no tasks
  run.programs = run.programs or {}
  run.programs[name] = run.programs[name] or core.process.find(name)
  return run.programs[name]
end

--- One of the XDG base directories. A relative path is invalid and is ignored, as the specification demands.
---@param name string  "XDG_CONFIG_HOME"
---@param below string?  the directory below the home when the variable has no value: ".config"
---@return string?
function env.xdg(name, below)
  local home = below and env.home()
  return absolute(name) or home and home .. "/" .. below or nil
end

--- A variable that must be a number when it is set (text.number).
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

--- The user's directory for files that can be made again, by the rules of the XDG base directories. Without a home it is
--- the temporary directory. The path is absolute.
---@return string
function env.cache_dir()
  return env.xdg("XDG_CACHE_HOME", ".cache") or absolute "TMPDIR" or "/tmp"
end

return env
