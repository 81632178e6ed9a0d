-- One JSON object a line: docs/events.md.

local encode = require "molbuild.progress.encode"
local events = require "molbuild.events"

local FIRST = { "v", "time", "event", "runtime", "step" }
local ARRAYS = { args = true, tail = true }

local json = {}

---@class molbuild.JsonRenderer
local Json = {}
Json.__index = Json

--- A renderer that writes every event as a line of JSON.
---@param opts { write: fun(text: string) }
---@return molbuild.JsonRenderer
function json.new(opts)
  return setmetatable({ write = opts.write, wants_lines = true }, Json)
end

--- Write an event.
---@param e table
function Json:event(e)
  local object = { v = events.version }
  for name, value in pairs(e) do
    object[name] = value
  end
  self.write(encode.object(object, FIRST, ARRAYS) .. "\n")
end

-- A child's output has no other control character, and is UTF-8: the core has cleaned it.
local ESCAPES = { { '\\', '\\\\' }, { '"', '\\"' }, { "\t", "\\t" } }

--- Write a line of JSON for each of many lines.
---@param e table  a `line` event without its text
---@param text string  a newline behind each line
function Json:lines(e, text)
  local empty = { v = events.version, time = e.time, event = e.event, runtime = e.runtime, step = e.step, text = "" }
  local head, tail = encode.object(empty, FIRST):sub(1, -3), '"}\n'
  for _, escape in ipairs(ESCAPES) do
    if text:find(escape[1], 1, true) then
      text = text:gsub(escape[1], escape[2])
    end
  end
  local out, from = {}, 1
  local newline = text:find("\n", 1, true)
  while newline do
    out[#out + 1] = text:sub(from, newline - 1)
    from = newline + 1
    newline = text:find("\n", from, true)
  end
  self.write(head .. table.concat(out, tail .. head) .. tail)
end

--- Nothing here changes by itself.
function Json.tick() end

--- Nothing is kept back.
function Json.close() end

return json
