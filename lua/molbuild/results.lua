--- What a run prints on stdout: the values that the policy returned, as text or as JSON.
local results = {}

local FIRST = { "runtime", "image", "sha", "image_id", "outcome", "seconds", "steps" }

---@class molbuild.Results
local Results = {}
Results.__index = Results

--- No results yet.
---@return molbuild.Results
function results.new()
  return setmetatable({ by_image = {} }, Results)
end

--- Take note of what a runtime came to. Other events are left alone.
---@param e table
function Results:event(e)
  if e.event == "result" then
    self.by_image[e.image] = e
  end
end

-- An image with all that is known about it; a value of another kind, which a policy of one's own may return, alone.
function Results:_object(value)
  local encode = require "molbuild.progress.encode"
  local known = self.by_image[value]
  if not known then
    return encode.object { value = type(value) == "number" and value or tostring(value) }
  end
  local object = {}
  for _, name in ipairs(FIRST) do
    object[name] = known[name]
  end
  return encode.object(object, FIRST)
end

--- The text for stdout: a line a value, in the order returned.
---@param values table  as of table.pack
---@param json boolean?  one JSON object a line
---@return string
function Results:text(values, json)
  local lines = {}
  for index = 1, values.n do
    lines[index] = (json and self:_object(values[index]) or tostring(values[index])) .. "\n"
  end
  return table.concat(lines)
end

return results
