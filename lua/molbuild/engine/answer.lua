--- Values in an engine's answers, whether its API or its program gives them.
local said = require("molbuild.base.text").said

local answer = {}

--- The id of an image: "sha256:...".
---@param value any
---@return string?
function answer.id(value)
  return said(value) and (value:find "^%x+$" and "sha256:" .. value or value) or nil
end

--- The names in a list. What has none is called "<none>".
---@param list any
---@return string[]
function answer.names(list)
  local names = {}
  for _, name in ipairs(type(list) == "table" and list or {}) do
    if said(name) and not name:find("<none>", 1, true) then names[#names + 1] = name end
  end
  return names
end

return answer
