--- Secrets from outside: taken out of the environment, and known to the masker before anything else is done with them.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"

local secret = {}

-- What was taken from the environment, by variable. It is no longer there; all jobs of a run share it.
local taken = {}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

--- The value of a variable; an empty one counts as not set. It is removed from the environment, so no child inherits it.
---@param name string?
---@return string?
---@raise usage
function secret.take(name)
  if name and taken[name] == nil then
    local value, message = core.sys.take_env(name)
    if not value and message then refuse("%s", message) end
    taken[name] = value or ""
  end
  return name and taken[name] ~= "" and taken[name] or nil
end

-- A core dump, or another process of the user, must not show it either.
local function protect()
  local ok, message = core.sys.protect_memory()
  if not ok then log.warn("%s", message) end
end

--- Register a secret of one line with the masker.
---@param value string
---@param where string  named in the message
---@return string value
---@raise usage  the masker cannot take it
function secret.keep(value, where)
  local ok, message = core.mask.secret(value)
  if not ok then refuse("%s cannot be used: %s", where, message) end
  protect()
  return value
end

-- The masker's own bounds, in bytes.
local LEAST, MOST = 8, 4096

-- The pieces of a line that are short enough. None ends within a character.
local function add_pieces(list, line)
  while #line > MOST do
    local cut = MOST
    while cut > MOST - 4 and (line:byte(cut + 1) & 0xC0) == 0x80 do cut = cut - 1 end
    list[#list + 1] = line:sub(1, cut)
    line = line:sub(cut + 1)
  end
  if #line >= LEAST then list[#list + 1] = line end
end

-- The last word of a line, which is the secret in files such as .netrc, pip.conf and .npmrc.
local function last_word(line)
  local word = line:match "[%s=:\"']([^%s=:\"',;]+)[%s=\"',;]*$"
  return word and #word >= LEAST and #word <= MOST and word or nil
end

--- What of a text must be masked: each line of it, and the last word of each. A line with fewer than eight characters would mask
--- ordinary words.
---@param value string
---@return string[]
function secret.parts(value)
  local list = {}
  for line in value:gmatch "[^\r\n\t]+" do
    line = line:match "^ *(.-) *$"
    add_pieces(list, line)
    list[#list + 1] = last_word(line)
  end
  return list
end

--- Register a text of several lines with the masker, as its parts.
---@param value string
---@param where string  named in the message
---@return string value
---@raise usage  the masker cannot take it
function secret.keep_text(value, where)
  if not utf8.len(value) or value:find "[\0-\8\11\12\14-\31\127]" then
    refuse("%s cannot be used: it is not text, so it could not be masked; encode it, for example with base64", where)
  end
  local parts = secret.parts(value)
  if #parts == 0 then refuse("%s cannot be used: no line of it has at least %d characters", where, LEAST) end
  for _, part in ipairs(parts) do secret.keep(part, where) end
  return value
end

--- The warning about a secret's file that other users can read.
---@param path string
---@param name string  the setting that names the file
---@return string?  nil when no other user can read it
function secret.exposed(path, name)
  -- Checks the file, not a link to it: secrets are often installed as links.
  local stat = core.fs.lstat(core.fs.realpath(path) or path)
  if stat and stat.mode & tonumber("044", 8) ~= 0 then
    return ("%s: other users can read %s (chmod go= %s)"):format(name, path, path)
  end
end

return secret
