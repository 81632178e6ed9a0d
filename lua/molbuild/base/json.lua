--- JSON, by lua-cjson.
local core = require "molbuild.core"

local json = {}

-- Deeper documents are refused: no answer that molbuild requests nests that deeply.
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

local decoder

--- cjson is the one module in a separate file. If it cannot be read, that is a failure of the machine, as for any other file.
local function load_cjson()
  local ok, cjson = pcall(require, "cjson")
  if ok then
    return cjson
  elseif tostring(cjson):find "not enough memory" then
    error(cjson, 0)
  end
  local errors = require "molbuild.base.errors"
  -- Lua's search does not distinguish a file that cannot be opened from a missing one.
  local openable, message, code = core.fs.list "/"
  if not openable and errors.hint(code) then
    errors.raise {
      kind = "failed", message = "cannot load the Lua module cjson: " .. message, code = code, hint = errors.hint(code),
    }
  end
  errors.raise {
    kind = "failed",
    -- Lua lists the searched paths on many lines.
    message = "cannot load the Lua module cjson: " .. tostring(cjson):gsub("not found:.*", "not found"):gsub("%s*\n%s*", " "),
    hint = "install it where molbuild finds it (on Debian: lua-cjson), and make it readable",
  }
end

--- Load cjson, unless it is loaded: while an answer is waited for, that costs no time.
---@raise failed
function json.prepare()
  if decoder then return end
  local own = load_cjson().new()
  own.decode_max_depth(DEPTH_MAX)
  own.decode_invalid_numbers(false)
  decoder = own
end

local function decoded(ok, value)
  core.sys.guard_exit(false)
  if ok then
    return value
  elseif type(value) == "string" and value:find "not enough memory" then
    error(value, 0)
  end
  return nil, value
end

--- The value of a JSON document. A null becomes a userdata, so it is neither a string nor a table.
---@param text string
---@return any value
---@return string? message  what is wrong with the document; nil for a valid one
function json.decode(text)
  json.prepare()
  local decode = decoder.decode
  core.sys.guard_exit(true) -- cjson calls exit() when memory runs out
  return decoded(pcall(decode, text))
end

return json
