-- JSON with keys in a fixed order.

local json = require "molbuild.base.json"
local text = require "molbuild.base.text"

local encode = {}

-- U+0085, U+2028 and U+2029: JSON allows them, but many readers treat them as line ends.
local LINE_ENDS = { ["\u{85}"] = "\\u0085", ["\u{2028}"] = "\\u2028", ["\u{2029}"] = "\\u2029" }

--- JSON text with these line ends escaped.
---@param document string
---@return string
function encode.one_line(document)
  -- A search for plain text is fastest, and nearly always finds none.
  if document:find("\xE2\x80", 1, true) then
    document = document:gsub("\xE2\x80[\xA8\xA9]", LINE_ENDS)
  end
  if document:find("\u{85}", 1, true) then
    document = document:gsub("\u{85}", LINE_ENDS)
  end
  return document
end

local function scalar(value)
  if type(value) == "string" then
    -- A byte that is not UTF-8 would make the whole document invalid.
    return encode.one_line(json.string(text.valid(value, "\u{FFFD}")))
  end
  if math.type(value) == "integer" then
    return ("%d"):format(value)
  end
  if type(value) == "number" then
    return ("%.14g"):format(value)
  end
  return tostring(value)
end

local function sorted_keys(t, first)
  local keys, place = {}, {}
  for i, key in ipairs(first) do
    place[key] = i
  end
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    local at, bt = place[a] or math.huge, place[b] or math.huge
    if at == bt then
      return tostring(a) < tostring(b)
    end
    return at < bt
  end)
  return keys
end

--- A list as a JSON array, even when it is empty.
---@param list any[]
---@return string
function encode.array(list)
  local items = {}
  for i, value in ipairs(list) do
    items[i] = encode.value(value)
  end
  return "[" .. table.concat(items, ",") .. "]"
end

--- A table as a JSON object.
---@param t table
---@param first string[]?  keys that come first; the others follow in alphabetical order
---@param arrays table<string, boolean>?  keys whose values are arrays, even when they are empty
---@return string
function encode.object(t, first, arrays)
  local items = {}
  for i, key in ipairs(sorted_keys(t, first or {})) do
    local value = arrays and arrays[key] and encode.array(t[key]) or encode.value(t[key])
    items[i] = scalar(tostring(key)) .. ":" .. value
  end
  return "{" .. table.concat(items, ",") .. "}"
end

--- Any value; a table with a value at 1 is an array, any other an object.
---@param value any
---@return string
function encode.value(value)
  if type(value) ~= "table" then
    return scalar(value)
  end
  return value[1] ~= nil and encode.array(value) or encode.object(value)
end

return encode
