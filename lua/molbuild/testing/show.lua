--- Values as the failures of assertions print them, and how two of them differ.
local show = {}

local DEPTH_MAX = 6
local WIDTH = 72

local function is_name(key)
  return type(key) == "string" and key:find "^[%a_][%w_]*$" ~= nil
end

local ORDER = { number = "1", string = "2" }

-- Numbers before strings before the rest, so that the same table is always printed the same.
local function sorted_keys(value)
  local keys = {}
  for key in next, value do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
      return a < b
    end
    return (ORDER[type(a)] or type(a)) .. tostring(a) < (ORDER[type(b)] or type(b)) .. tostring(b)
  end)
  return keys
end

local function shown_key(key)
  return is_name(key) and key or ("[%s]"):format(show.value(key))
end

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(char) return ESCAPES[char] or ("\\%d"):format(char:byte()) end) .. '"'
end

local function shown_table(value, depth, seen)
  if seen[value] then
    return "{ the same table as around it }"
  elseif depth > DEPTH_MAX then
    return "{ ... }"
  end
  seen[value] = true
  local parts, place = {}, 1
  for _, key in ipairs(sorted_keys(value)) do
    local item = show.value(value[key], depth + 1, seen)
    if key == place then
      parts[#parts + 1], place = item, place + 1
    else
      parts[#parts + 1] = ("%s = %s"):format(shown_key(key), item)
    end
  end
  seen[value] = nil
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #parts == 0 then
    return "{}"
  elseif #line <= WIDTH and not line:find "\n" then
    return line
  end
  local indent = ("  "):rep(depth)
  return ("{\n%s  %s,\n%s}"):format(indent, table.concat(parts, ",\n  " .. indent), indent)
end

--- A value in one line, or a table in several.
---@param value any
---@param depth integer?
---@param seen table?
---@return string
function show.value(value, depth, seen)
  if type(value) == "string" then
    return quoted(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring then
    return tostring(value)
  end
  return shown_table(value, depth or 0, seen or {})
end

--- Whether two values are the same: tables by what is in them. `__eq` of both decides where they have it.
---@param a any
---@param b any
---@return boolean
---@return string? path  where they differ first, such as ".steps[2]"; "" for the values themselves
function show.same(a, b, path, seen)
  path, seen = path or "", seen or {}
  if a == b then
    return true
  elseif type(a) ~= "table" or type(b) ~= "table" then
    return a ~= a and b ~= b, path
  elseif seen[a] == b then
    return true
  end
  seen[a] = b
  for _, pair in ipairs { { a, b }, { b, a } } do
    for _, key in ipairs(sorted_keys(pair[1])) do
      local step = is_name(key) and "." .. key or ("[%s]"):format(show.value(key))
      local same, where = show.same(rawget(a, key), rawget(b, key), path .. step, seen)
      if not same then
        return false, where
      end
    end
  end
  return true
end

return show
