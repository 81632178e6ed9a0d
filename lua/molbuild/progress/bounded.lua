-- Bounds the length of events, for readers of lines.

local maps = require "molbuild.base.maps"
local text = require "molbuild.base.text"

local ELLIPSIS = "…"

local bounded = {}

-- The first half of a text, ended by an ellipsis.
local function first_half(value)
  return text.cut(value, #value // 2 - #ELLIPSIS) .. ELLIPSIS
end

local shrink

-- Shrink the entry with the longest JSON.
local function shrink_largest(t, size_of)
  local largest, most = nil, -1
  for key, value in pairs(t) do
    local size = size_of(value)
    if size > most then
      largest, most = key, size
    end
  end
  t[largest] = shrink(t[largest], largest, size_of)
  return t
end

-- Of a tail of output the last lines are kept, of any other list the first entries.
local function half_of_list(list, name)
  local half = #list // 2
  local from = name == "tail" and #list - half + 1 or 1
  return table.move(list, from, from + half - 1, 1, {})
end

local function half_of_object(t)
  local names, half = maps.keys(t), {}
  for index = 1, #names // 2 do
    half[names[index]] = t[names[index]]
  end
  return half
end

-- About half of a value. If one entry has more than half of a container's size, only that entry is shrunk.
function shrink(value, name, size_of)
  if type(value) == "string" then
    return first_half(value)
  elseif type(value) ~= "table" or next(value) == nil then
    return nil
  end
  local all, copy = size_of(value), {}
  for key, item in pairs(value) do
    copy[key] = item
  end
  for _, item in pairs(value) do
    if size_of(item) > all // 2 then
      return shrink_largest(copy, size_of)
    end
  end
  return value[1] ~= nil and half_of_list(copy, name) or half_of_object(copy)
end

--- An object whose JSON has at most MAX bytes: its largest field is halved until it fits. A cut text ends in an ellipsis;
--- `tail` keeps its last lines.
---@param object table  not modified
---@param encoded fun(object: table): string
---@param max integer
---@param size_of fun(value: any): integer  bytes of a value's JSON
---@return string
function bounded.encode(object, encoded, max, size_of)
  local json = encoded(object)
  if #json <= max then
    return json
  end
  local copy = {}
  for name, value in pairs(object) do
    copy[name] = value
  end
  while #json > max do
    json = encoded(shrink_largest(copy, size_of))
  end
  return json
end

return bounded
