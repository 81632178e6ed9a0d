--- Tables whose fields are known: a mistyped field raises an error with the line that has it, instead of being nil, or being set
--- to no effect. Only string keys are checked, so that lists can be sealed, too.
local errors = require "molbuild.base.errors"

local seal = {}

---@class molbuild.Sealed: table

-- What each sealed table has and may have. Its metatable gives what only the option `known` names.
local known_of = setmetatable({}, { __mode = "k" })

--- Raise a mistake of the policy's, with the position of the code that made it.
---@param level integer  1 is the caller of this function
---@param format string
---@param ... any
function seal.mistake(level, format, ...)
  errors.raise { kind = "bug", message = errors.position(level + 1) .. format:format(...) }
end

-- A table of what is known, with what its metatable gives.
local function everything(known)
  local below = (getmetatable(known) or {}).__index
  local all = below and everything(below) or {}
  for key, value in next, known do all[key] = value end
  return all
end

local function what_is(value)
  return type(value) == "function" and "step" or "field"
end

local function is_near_miss(key, known)
  return #key >= 4 and require("molbuild.base.nearest").of(key, known, 1) ~= nil
end

--- The message about a field that a table does not have: its name, whether a step or another field was meant, the nearest one.
---@param name string  the table's name in messages
---@param key string
---@param known table<string, any>
---@param value any  the value for it; nil where it was read
---@return string
function seal.unknown(name, key, known, value)
  local nearest = require "molbuild.base.nearest"
  local near = nearest.of(key, known)
  return ("%s.%s: no such %s%s"):format(name, key, what_is(near and known[near] or value), nearest.hint(key, known))
end

--- Seal a table: from now on its fields are those that it has, and those of KNOWN.
---
--- Reading or setting another field raises an error of kind bug that names the nearest known field. With `open`, a new field
--- may be set, unless its name is one edit away from a known one. It is known from then on; reading an unknown one still raises.
---@generic T: table
---@param fields T  gets a metatable; one that has a metatable of another kind keeps it, and is not sealed
---@param name string  its name in messages, such as "ensure"
---@param options { known: table<string, any>?, open: boolean?, extensible: boolean?, former: table<string, string>? }?
---  extensible: `extend { ... }` declares fields; former: names of removed fields, each with its replacement
---@return T
function seal.fields(fields, name, options)
  options = options or {}
  if getmetatable(fields) then return fields end
  local more, former = options.known or {}, options.former or {}
  local known = setmetatable({}, { __index = more })
  -- What is known already is not copied. Functions are, since messages call them steps.
  for key, value in next, fields do
    if not more[key] or type(value) == "function" then known[key] = value end
  end
  local function refuse(key, value, level)
    if former[key] then seal.mistake(level + 1, "%s.%s is no longer a setting: write %s", name, key, former[key]) end
    seal.mistake(level + 1, "%s", seal.unknown(name, key, everything(known), value))
  end
  local meta = { __name = name }
  function meta.__index(self, key)
    if key == "extend" and options.extensible then
      return function(own) seal.extend(self, own) end
    elseif type(key) == "string" and known[key] == nil then
      refuse(key, nil, 2)
    end
  end
  function meta.__newindex(self, key, value)
    if type(key) == "string" and known[key] == nil then
      if not options.open or former[key] or is_near_miss(key, everything(known)) then refuse(key, value, 2) end
      known[key] = value
    end
    rawset(self, key, value)
  end
  known_of[fields] = known
  return setmetatable(fields, meta)
end

--- Check the names of the options that a caller gave to a function of the library. Only their own fields are looked at.
---@param name string  the function's name, as policies write it
---@param options table?
---@param known table<string, true>
---@raise bug  with the position of the caller's caller
function seal.options(name, options, known)
  for key in next, options or {} do
    if not known[key] then
      local near = type(key) == "string" and require("molbuild.base.nearest").hint(key, known) or ""
      seal.mistake(3, "%s: %s: unknown option%s", name, tostring(key), near)
    end
  end
end

--- Give a sealed table fields of the caller's own.
---@param fields table
---@param own table<string, any>
function seal.extend(fields, own)
  local known = known_of[fields] or {}
  for key, value in pairs(own) do
    known[key] = value
    rawset(fields, key, value)
  end
end

--- Whether a table has that seal, and with it no field but its own.
---@param fields table
---@return boolean
function seal.is_sealed(fields)
  return known_of[fields] ~= nil
end

--- What a sealed table may have, by name: the value that it had when it was sealed, or true. Nil for any other table.
---@param fields table
---@return table<string, any>?
function seal.known(fields)
  return known_of[fields] and everything(known_of[fields])
end

return seal
