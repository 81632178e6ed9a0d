-- One JSON object a line: docs/events.md.

local bounded = require "molbuild.progress.bounded"
local encode = require "molbuild.progress.encode"
local events = require "molbuild.events"

local FIRST = { "v", "time", "event", "runtime", "step" }
local ARRAYS = { args = true, tail = true }
-- Bytes of a line with its newline: less than 64 KiB, a usual limit of readers.
local MAX_LINE = 64 * 1024 - 1
-- What stands around the text of a line, of which a child's line leaves more than half free.
local MAX_AROUND = 24 * 1024

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

local function encoded(object)
  return encode.object(object, FIRST, ARRAYS)
end

local function size_of(value)
  return #encode.value(value)
end

--- Write an event.
---@param e table
function Json:event(e)
  local object = { v = events.version }
  for name, value in pairs(e) do
    object[name] = value
  end
  local text = bounded.encode(object, encoded, MAX_LINE - 1, size_of)
  self.write(text .. "\n")
end

-- A child's line has at most 16 KiB, and its bytes at most double. It has no other control character, and is UTF-8: the
-- core has cleaned it.
local ESCAPES = { { '\\', '\\\\' }, { '"', '\\"' }, { "\t", "\\t" } }

function Json:_each(e, text)
  for line in text:gmatch "([^\n]*)\n" do
    self:event { time = e.time, event = e.event, runtime = e.runtime, step = e.step, text = line }
  end
end

--- Write a line of JSON for each of many lines.
---@param e table  a `line` event without its text
---@param text string  a newline behind each line
function Json:lines(e, text)
  local empty = { v = events.version, time = e.time, event = e.event, runtime = e.runtime, step = e.step, text = "" }
  local head, tail = encode.object(empty, FIRST):sub(1, -3), '"}\n'
  if #head > MAX_AROUND then
    return self:_each(e, text)
  end
  for _, escape in ipairs(ESCAPES) do
    if text:find(escape[1], 1, true) then
      text = text:gsub(escape[1], escape[2])
    end
  end
  text = encode.one_line(text)
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
