--- What the functions of a policy must give. A wrong value is an error of kind bug that names the function, what it gave, what it
--- must give, and where the function stands.
local errors = require "molbuild.base.errors"
local sha = require "molbuild.base.sha"
local text = require "molbuild.base.text"

local expect = {}

--- The sources of functions, as debug.getinfo gives them, that come with the program. Set when a policy is loaded.
---@type table<string, true>
expect.shipped = {}

local function is_text(value)
  return type(value) == "string" and value ~= "" and not value:find "%c" and utf8.len(value) ~= nil
end

-- https://github.com/distribution/reference: a name in lower case, whose first part may be a host with a port, and a tag or
-- a digest.
local function is_name(value)
  if not is_text(value) then return false end
  local rest, digest = value:match "^(.-)@(sha256:%x+)$"
  local name, tag = (rest or value):match "^(.+):([%w_][%w_.-]*)$"
  name = name or rest or value
  if #(tag or "") > 128 or #name > 255 or digest and #digest ~= 71 then return false end
  local host, path = name:match "^([%w.-]+:?%d*)/(.+)$"
  local parts = "/" .. (path and host:find "[.:]" and path or name)
  return parts:gsub("/[%l%d][%l%d._-]*", "") == "", tag or digest
end

local function is_reference(value)
  local is, fixed = is_name(value)
  return is and fixed ~= nil
end

local function closes(value)
  local meta = (type(value) == "table" or type(value) == "userdata") and getmetatable(value)
  return meta and meta.__close ~= nil or false
end

-- A key of a table that makes it no list of names; nil when there is none.
local function odd_key(list)
  for key, name in pairs(list) do
    if math.type(key) ~= "integer" or type(name) ~= "string" then return key end
  end
end

local function is_names(value)
  return type(value) == "table" and #value > 0 and odd_key(value) == nil
end

--- Each kind of value: whether a value is of it, and what messages call it.
local KINDS = {
  text = { is_text, "a text that is not empty and has no control characters" },
  commit = { sha.is, "a commit id of 40 or 64 lowercase hex digits" },
  name = { is_name, "an image's name" },
  reference = { is_reference, "an image's name with a tag, such as name:tag, or a digest" },
  boolean = { function(value) return type(value) == "boolean" end, "true or false" },
  verdict = { function(value) return value == nil or type(value) == "boolean" end, "nothing, true, or false and the reason" },
  lock = { closes, "a lock: a value that can be closed" },
  names = { is_names, "a list of names" },
  job = { function(value) return type(value) == "table" and is_text(value.runtime) end, "a job: a table with a runtime" },
}

--- What messages call a kind of value.
---@param kind string  as of expect.value
---@return string
function expect.name_of(kind)
  return KINDS[kind][2]
end

--- A value, as messages name it: "nothing", a text in quotes, "a table".
---@param value any
---@return string
function expect.shown(value)
  if value == nil then return "nothing" end
  return type(value) == "string" and '"' .. text.shown(value) .. '"' or type(value) == "boolean" and tostring(value)
    or type(value) == "number" and tostring(value) or "a " .. type(value)
end

--- Where a function stands, as messages begin: "./fork.lua:12: ", or "" for one that is written in C.
---@param fn function
---@return string
function expect.place(fn)
  local info = debug.getinfo(fn, "S")
  return info.linedefined > 0 and ("%s:%d: "):format(info.source:gsub("^[@=]", "", 1), info.linedefined) or ""
end

--- Whether a function comes with the program.
---@param fn function?
---@return boolean
function expect.is_shipped(fn)
  return type(fn) == "function" and expect.shipped[debug.getinfo(fn, "S").source] == true
end

--- Check what a function of a policy gave.
---@param name string  the function's name
---@param fn function
---@param kind "text"|"commit"|"name"|"reference"|"boolean"|"verdict"|"lock"|"names"|"job"|nil  nil: anything will do
---@param value any
---@param ... any  what else it gave
---@return any value
---@return any ...
---@raise bug
function expect.value(name, fn, kind, value, ...)
  if kind and not KINDS[kind][1](value) then
    errors.raise {
      kind = "bug",
      message = ("%s%s gave %s; it must give %s"):format(expect.place(fn), name, expect.shown(value), KINDS[kind][2]),
    }
  end
  return value, ...
end

--- Check a list of names: a map in its place would be empty, and a text would fail far from its mistake.
---@param value any
---@param where string  named in the message
---@return string[] value
---@raise bug
function expect.names(value, where)
  if type(value) ~= "table" then
    errors.raise { kind = "bug", message = ("%s must be a list of names, not a %s"):format(where, type(value)) }
  end
  local key = odd_key(value)
  if key ~= nil then
    errors.raise { kind = "bug", message = ("%s must be a list of names: [%s] is not"):format(where, text.shown(key)) }
  end
  return value
end

--- Check what a policy's function gave as the results of the whole: one text or several. A whole number is a text. A verb other
--- than run may also give rows, or nothing.
---@param name string
---@param fn function
---@param values { n: integer, [integer]: any }  as of table.pack
---@param is_verb boolean?
---@raise bug
function expect.results(name, fn, values, is_verb)
  for index = 1, math.max(is_verb and 0 or 1, values.n) do
    local value = values[index]
    local is_fine = math.type(value) == "integer" or is_verb and require("molbuild.base.rows").is(value)
    if not is_fine then expect.value(name, fn, "text", value) end
  end
end

return expect
