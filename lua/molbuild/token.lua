--- A forge token: found, registered with the masker, kept from every child, and only sent where that is safe.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local log = require "molbuild.log"
local origin = require "molbuild.origin"

local token = {}

--- A token and the newline that an editor puts behind it.
local FILE_MAX = 4096 + 2

--- What was taken from the environment, by variable. It is gone from there: taken once, known to all jobs of a run.
local taken = {}

--- What files and credential helpers gave, by path and by origin: read, asked and warned about once.
local found = {}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

--- The value of a variable; an empty one counts as not set. It is taken out of the environment, and so is no child's.
local function take(name)
  if name and taken[name] == nil then
    local value, message = core.sys.take_env(name)
    if not value and message then
      refuse("%s", message)
    end
    taken[name] = value or ""
  end
  return name and taken[name] ~= "" and taken[name] or nil
end

--- Register a token with the masker, before anything else is done with it.
local function keep_secret(value, where)
  local ok, message = core.mask.secret(value)
  if not ok then
    refuse("%s cannot be used: %s", where, message)
  end
  ok, message = core.sys.protect_memory()
  if not ok then
    log.warn("%s", message)
  end
  return value
end

local function without_newline(value)
  return (value:gsub("\r?\n$", ""))
end

local function checked(value, where)
  value = without_newline(value)
  if value == "" then
    return nil
  end
  keep_secret(value, where)
  if value:find "%s" then
    refuse("%s cannot be used: a token must not hold white space", where)
  end
  return value
end

local function read_file(path, name)
  local text, message = core.fs.read(path, FILE_MAX)
  if not text then
    refuse("%s: %s", name, message)
  end
  local value = checked(text, ("%s: the token in %s"):format(name, path))
  if not value then
    refuse("%s: there is no token in %s", name, path)
  end
  -- Of the file, not of a link to it: secrets are often put in place by links.
  local stat = core.fs.lstat(core.fs.realpath(path) or path)
  if stat and stat.mode & tonumber("044", 8) ~= 0 then
    log.warn("%s: others can read %s (chmod go= %s)", name, path, path)
  end
  return value
end

local function from_file(name)
  local path = take(name)
  if path and not found[path] then
    found[path] = read_file(path, name)
  end
  return path and found[path]
end

local function ask_helpers(url)
  local answer = require("molbuild.git").credential(url)
  if not answer then
    log.warn("git's credential helpers know no password for %s: going on without a token", origin.of(url))
    return {}
  end
  keep_secret(answer.password, "the password of git's credential helpers")
  return answer
end

local function from_helpers(url)
  local where = origin.of(url)
  found[where] = found[where] or ask_helpers(url)
  return found[where].password, found[where].username
end

--- The user name that goes with the token. The masker must know it: git sends base64 of user:token.
local function check_user(user, where)
  if not user then
    return nil
  end
  if user:find "[%c:]" then
    refuse("%s cannot be used: a user name must hold no colon and no control characters", where)
  end
  local ok, message = core.mask.user(user)
  if not ok then
    refuse("%s cannot be used: %s", where, message)
  end
  return user
end

--- The token for a repository: from a variable, else from a file that a variable names, else, if HELPER says so, from
--- git's own credential helpers. The variables named are no child's from now on. Only http and https take a token.
---@param url string  the repository
---@param from { env: string?, file: string?, user: string?, helper: boolean? }  names of variables
---@return string? token
---@return string? user  nil: the usual one
---@raise usage | auth
function token.find(url, from)
  local value = take(from.env)
  value = value and checked(value, from.env)
  local given_user = take(from.user)
  local user = check_user(given_user and without_newline(given_user), from.user)
  local file = take(from.file)
  if not url:find "^https?://" then
    return nil
  end
  if not value and file then
    value = from_file(from.file)
  end
  if not value and from.helper then
    local helper_user
    value, helper_user = from_helpers(url)
    user = user or check_user(helper_user, "the user name of git's credential helpers")
  end
  if value then
    token.check_url(url)
  end
  return value, value and user
end

--- Refuse to send a token in clear text over a network: over plain http it goes to loopback alone.
---@param url string
---@raise auth
function token.check_url(url)
  local parts = core.url.parse(url)
  if parts and parts.scheme == "http" and not origin.is_loopback(url)
    and core.sys.getenv "MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN" ~= "1" then
    errors.raise {
      kind = "auth",
      message = ("the token is not sent to %s in clear text"):format(core.mask.url(url)),
      hint = "use https, or set MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN=1 if you trust that network",
    }
  end
end

return token
