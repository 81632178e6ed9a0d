--- JSON. In Lua, so that running out of memory is an error like any other: a C library that exits then takes the clean-up of
--- the run with it.
local json = {}

--- What stands for null in an array. In an object a null is a field that is not there.
function json.null() end

-- Deeper documents are refused: nothing that is asked for nests like that.
local DEPTH_MAX = 200

local ESCAPES = { ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

--- A string as JSON. It must be UTF-8.
---@param s string
---@return string
function json.string(s)
  return '"' .. s:gsub('[%c"\\]', escape) .. '"'
end

local UNESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function fail(at, what)
  error({ json = ("%s at byte %d"):format(what, at) }, 0)
end

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

-- The character of a \u escape whose digits begin at AT, and where the text goes on. Half of a pair is no character.
local function character(text, at)
  local digits = text:match("^%x%x%x%x", at) or fail(at, "a broken escape")
  local code, after = tonumber(digits, 16), at + 4
  if code >= 0xD800 and code < 0xDC00 then
    local low = tonumber(text:match("^\\u([dD][c-fC-F]%x%x)", after) or fail(at, "half of a pair"), 16)
    return utf8.char(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), after + 6
  elseif code >= 0xDC00 and code < 0xE000 then
    fail(at, "half of a pair")
  end
  return utf8.char(code), after
end

-- The string that begins behind the quote before AT.
local function read_string(text, at)
  local from, parts = at, {}
  while true do
    local stop = text:find('[%c"\\]', at) or fail(from, "a string without an end")
    parts[#parts + 1] = text:sub(at, stop - 1)
    local byte = text:sub(stop, stop)
    if byte == '"' then
      return #parts == 1 and parts[1] or table.concat(parts), stop + 1
    elseif byte == "\\" then
      local kind = text:sub(stop + 1, stop + 1)
      if kind == "u" then
        parts[#parts + 1], at = character(text, stop + 2)
      else
        parts[#parts + 1], at = UNESCAPED[kind] or fail(stop, "an unknown escape"), stop + 2
      end
    elseif byte == "\x7F" then
      parts[#parts + 1], at = byte, stop + 1
    else
      fail(stop, "a control character in a string")
    end
  end
end

local read_value

local function read_array(text, at, depth)
  local list = {}
  at = skip(text, at)
  if text:sub(at, at) == "]" then
    return list, at + 1
  end
  while true do
    local value
    value, at = read_value(text, at, depth)
    list[#list + 1] = value == nil and json.null or value
    at = skip(text, at)
    local byte = text:sub(at, at)
    if byte == "]" then
      return list, at + 1
    elseif byte ~= "," then
      fail(at, "no comma between values")
    end
    at = skip(text, at + 1)
  end
end

local function read_object(text, at, depth)
  local object = {}
  at = skip(text, at)
  if text:sub(at, at) == "}" then
    return object, at + 1
  end
  while true do
    local key
    if text:sub(at, at) ~= '"' then
      fail(at, "no name")
    end
    key, at = read_string(text, at + 1)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then
      fail(at, "no colon behind a name")
    end
    object[key], at = read_value(text, skip(text, at + 1), depth)
    at = skip(text, at)
    local byte = text:sub(at, at)
    if byte == "}" then
      return object, at + 1
    elseif byte ~= "," then
      fail(at, "no comma between fields")
    end
    at = skip(text, at + 1)
  end
end

local WORDS = { ["true"] = true, ["false"] = false }

local function read_scalar(text, at)
  local word = text:match("^%l+", at)
  if word then
    return WORDS[word], (WORDS[word] ~= nil or word == "null") and at + #word or fail(at, "an unknown word")
  end
  local number = text:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local value = number and not number:find "^%-?0%d" and not (number .. "."):find "%.%D" and tonumber(number)
  return value or fail(at, "no value"), at + #number
end

function read_value(text, at, depth)
  local byte = text:sub(at, at)
  if byte == '"' then
    return read_string(text, at + 1)
  elseif depth == 0 then
    fail(at, "a value too deep inside others")
  elseif byte == "{" then
    return read_object(text, at + 1, depth - 1)
  elseif byte == "[" then
    return read_array(text, at + 1, depth - 1)
  end
  return read_scalar(text, at)
end

--- The value of a JSON document.
---@param text string
---@return any value  nil for null, too
---@return string? message  what is wrong with the document; nil for a good one
function json.decode(text)
  local ok, value, at = pcall(read_value, text, skip(text, 1), DEPTH_MAX)
  if ok and skip(text, at) <= #text then
    return nil, ("more behind the value at byte %d"):format(at)
  elseif ok then
    return value
  elseif type(value) == "table" and value.json then
    return nil, value.json
  end
  error(value, 0)
end

return json
