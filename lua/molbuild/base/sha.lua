--- Commit ids, checked before they become part of a path, a tag or an argument.
local errors = require "molbuild.base.errors"

local sha = {}

--- Whether a value is a commit id: 40 or 64 lowercase hex digits.
---@param value any
---@return boolean
function sha.is(value)
  return type(value) == "string" and (#value == 40 or #value == 64) and not value:find "[^0-9a-f]"
end

--- The beginning of a commit id, as a tag has it.
---@param commit string
---@return string
function sha.short(commit)
  return commit:sub(1, 12)
end

--- Check a commit id.
---@param value any
---@param where string  named in the message
---@return string
---@raise remote
function sha.check(value, where)
  if sha.is(value) then
    return value
  elseif type(value) == "string" and value:find "^[0-9a-f]+$" and #value < 40 then
    errors.raise { kind = "remote", retry = false, message = ('short sha "%s" from %s'):format(value, where) }
  end
  errors.raise { kind = "remote", retry = false, message = ("no usable commit id in the answer of %s"):format(where) }
end

return sha
