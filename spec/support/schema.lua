--- The published schemas: what they say, and whether an independent validator finds a text to be as they say.
local cjson = require "cjson"
local sh = require "spec.support.sh"

local schema = {}

--- Debian's, whichever other Python comes first on PATH.
local VALIDATE = "/usr/bin/python3 spec/support/validate.py "

--- Validate lines of JSON.
---@param name "events"|"results"|"verbs"
---@param text string  one object per line, a newline behind each
---@param definition string?  the one that each line is of: a verb's name
---@return boolean valid
---@return string said  what is wrong, one line each
function schema.check(name, text, definition)
  local file = os.tmpname()
  sh.write(file, text)
  local pipe = assert(io.popen(("%sdocs/%s.schema.json %s <%s 2>&1"):format(VALIDATE, name, definition or "", sh.quote(file))))
  local said = pipe:read "a"
  local ok = pipe:close()
  os.remove(file)
  return ok == true, said
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
