--- The published schemas: what they say, and whether an independent validator finds a text to be as they say.
local cjson = require "cjson"
local sh = require "spec.support.sh"

local schema = {}

--- Debian's, whichever other Python comes first on PATH.
local VALIDATE = "/usr/bin/python3 spec/support/validate.py"

--- The validator of this process: `requests`, a pipe to it, and `answers`, which come from it. It ends with the pipe, which a
--- process that a spec has started can hold open: so nothing waits for its end.
local validator
local function start()
  if validator then return end
  local directory = sh.temporary "validator"
  local fifo = directory .. "/answers"
  sh.run { "mkfifo", fifo }
  validator = { requests = assert(io.popen(("{ %s %s <&3 & } 3<&0"):format(VALIDATE, sh.quote(fifo)), "w")) }
  validator.answers = assert(io.open(fifo, "rb"))
  sh.remove(directory)
end

--- Validate lines of JSON.
---@param name "events"|"results"|"verbs"|string  a published schema, or the path of another one
---@param text string  one object per line, a newline behind each
---@param definition string?  the one that each line is of: a verb's name
---@return boolean valid
---@return string said  what is wrong, one line each
function schema.check(name, text, definition)
  start()
  local path = name:find "/" and name or ("docs/%s.schema.json"):format(name)
  assert(validator.requests:write(("%s %s %d\n"):format(path, definition or "-", #text), text))
  assert(validator.requests:flush())
  local valid, size = assert(validator.answers:read "l", "the validator has ended"):match "^(%l+) (%d+)$"
  return valid == "yes", size == "0" and "" or validator.answers:read(math.tointeger(size))
end

--- The same for one object after its translation into JSON.
function schema.check_object(name, object)
  return schema.check(name, cjson.encode(object) .. "\n")
end

--- A schema as a table.
---@param name "events"|"results"
function schema.read(name)
  return cjson.decode((assert(sh.read(("docs/%s.schema.json"):format(name)))))
end

--- The type of a property in one word, as docs/events.md writes it.
local function word(property)
  if property.enum then
    return table.concat(property.enum, "|")
  elseif property["$ref"] then
    return property["$ref"]:match "[^/]+$"
  elseif property.type == "array" then
    return property.items.type .. "[]"
  elseif property.type == "object" then
    return "numbers"
  end
  return property.type or "integer" -- a constant
end

--- The fields of a definition: { [name] = type }, with "?" behind the type of one that may be absent.
---@param definition { properties: table?, required: string[]? }
---@return table<string, string>
function schema.fields(definition)
  local fields, required = {}, {}
  for _, name in ipairs(definition.required or {}) do
    required[name] = true
  end
  for name, property in pairs(definition.properties or {}) do
    fields[name] = word(property) .. (required[name] and "" or "?")
  end
  return fields
end

return schema
