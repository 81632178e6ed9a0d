--- A policy's field `words`: how its runs are shown.
local text = require "molbuild.base.text"

local words = {}

local FIELDS = { prefix = "string", outcomes = "table", unchanged = "string", slow = "table" }

-- The keys of those that are tables, and what messages call such a table.
local KEYS = { outcomes = "string", slow = "integer" }
local SHAPES = { outcomes = "a table of outcome = text", slow = "a list of steps" }

--- What is wrong with a policy's words; nil when they are valid.
---@param own any
---@return string?
function words.fault(own)
  if type(own) ~= "table" then
    return "words must be a table, not a " .. type(own)
  end
  for name, value in pairs(own) do
    if not FIELDS[name] then
      return ("words.%s: no such field"):format(tostring(name))
    elseif type(value) ~= FIELDS[name] then
      return ("words.%s must be a %s, not a %s"):format(name, FIELDS[name], type(value))
    end
    for key, item in pairs(KEYS[name] and value or {}) do
      if math.type(key) ~= KEYS[name] and type(key) ~= KEYS[name] or type(item) ~= "string" then
        return ("words.%s must be %s: [%s] is not"):format(name, SHAPES[name], text.shown(key))
      end
    end
  end
end

return words
