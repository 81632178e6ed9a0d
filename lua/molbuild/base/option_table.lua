--- A setting that is a table of named options, such as smoke = { argv = { "/bin/agent", "--version" }, timeout = 60 }.
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local option_table = {}

local function misuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

-- Each type: whether a value is of it, and what messages call it.
local TYPES = {
  words = {
    function(value)
      if type(value) ~= "table" or #value == 0 then return false end
      for key, word in pairs(value) do
        if math.type(key) ~= "integer" or type(word) ~= "string" or word:find("\0", 1, true) then return false end
      end
      return value[1] ~= ""
    end, "a list of texts, the first of them a program",
  },
  seconds = {
    function(value) return math.type(value) ~= nil and value > 0 and value < math.huge end, "a number of seconds, more than 0",
  },
  count = { function(value) return math.type(value) == "integer" and value > 0 end, "a whole number, more than 0" },
  size = {
    function(value) return type(value) == "string" and value:find "^[1-9]%d*[kmg]$" ~= nil end, 'a size such as "512m" (k, m, g)',
  },
}

local function copied(value)
  return type(value) == "table" and table.move(value, 1, #value, 1, {}) or value
end

--- Check such a table, and fill in the defaults.
---@param value any  a table; false for none
---@param fields table[]  by option: its name, its type, its default; `required` for one without a default
---@param where string  named in messages
---@return table<string, any>?  nil for none
---@raise usage
function option_table.read(value, fields, where)
  if value == false then return nil end
  if type(value) ~= "table" then misuse("%s must be a table of options, not a %s", where, type(value)) end
  local known, read = {}, {}
  for _, field in ipairs(fields) do known[field[1]] = field end
  for name in pairs(value) do
    if not known[name] then
      local near = type(name) == "string" and require("molbuild.base.nearest").hint(name, known) or ""
      misuse("%s.%s: no such option%s", where, text.shown(tostring(name)), near)
    end
  end
  for _, field in ipairs(fields) do
    local name, kind, item = field[1], TYPES[field[2]], value[field[1]]
    if item == nil then item = field[3] end
    if item == nil and field.required then misuse("%s.%s is missing: it must be %s", where, name, kind[2]) end
    if item ~= nil and not kind[1](item) then misuse("%s.%s must be %s", where, name, kind[2]) end
    read[name] = copied(item)
  end
  return read
end

--- Such a table as one text, the same for the same options: for a digest.
---@param options table<string, any>  as of option_table.read
---@return string
function option_table.text(options)
  local lines = {}
  for name, value in pairs(options) do
    local words = {}
    for index, word in ipairs(type(value) == "table" and value or { value }) do words[index] = ("%q"):format(word) end
    lines[#lines + 1] = name .. "=" .. table.concat(words, " ")
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

return option_table
