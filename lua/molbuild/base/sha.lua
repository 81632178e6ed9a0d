--- Commit ids, checked before they become part of a path, a tag or an argument.
local errors = require "molbuild.base.errors"

local sha = {}

--- Check a commit id: 40 or 64 lowercase hex digits.
---@param value any
---@param where string  named in the message
---@return string
---@raise remote
function sha.check(value, where)
  if type(value) == "string" and value:find "^[0-9a-f]+$" then
    if #value == 40 or #value == 64 then
      return value
    elseif #value < 40 then
      errors.raise { kind = "remote", retry = false, message = ('short sha "%s" from %s'):format(value, where) }
    end
  end
  errors.raise { kind = "remote", retry = false, message = ("no usable commit id in the answer of %s"):format(where) }
end

return sha
