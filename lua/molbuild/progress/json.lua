-- One JSON object a line: docs/events.md.

local bounded = require "molbuild.progress.bounded"
local encode = require "molbuild.progress.encode"
local events = require "molbuild.base.events"

local FIRST = { "v", "time", "event", "runtime", "step" }
local ARRAYS = { args = true, tail = true }
-- Bytes of a line with its newline: less than 64 KiB, a usual limit of readers.
local MAX_LINE = 64 * 1024 - 1
-- Bytes that are written at once: a line of output may be empty, and its event is not.
local BATCH = 64 * 1024
-- What stands around the text of a line, of which a child's line leaves more than half free.
local MAX_AROUND = 24 * 1024

local json = {
  --- Seconds of silence after which there is an `alive` event.
  alive_every = 10,
}

---@class molbuild.JsonRenderer
local Json = {}
Json.__index = Json

--- A renderer that writes every event as a line of JSON.
---@param opts { write: fun(text: string) }
---@return molbuild.JsonRenderer
function json.new(opts)
  return setmetatable({ write = opts.write, wants_lines = true, alive_every = json.alive_every }, Json)
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
  self.time = e.time
  local object = { v = events.version }
  for name, value in pairs(e) do
    object[name] = value
  end
  local text = bounded.encode(object, encoded, MAX_LINE - 1, size_of)
  self.write(text .. "\n", e.event == "line")
end

-- A child's line has at most 16 KiB, and its bytes at most double. It has no other control character, and is UTF-8: the
-- core has cleaned it.
local ESCAPES = { { '\\', '\\\\' }, { '"', '\\"' }, { "\t", "\\t" } }

function Json:_each(e, text)
  for line in text:gmatch "([^\n]*)\n" do
    self:event { time = e.time, event = e.event, runtime = e.runtime, step = e.step, text = line }
  end
end

function Json:_write_all(text, head, tail)
  local out, bytes, from, slow = {}, 0, 1, false
  local newline = text:find("\n", 1, true)
  while newline do
    out[#out + 1] = text:sub(from, newline - 1)
    bytes = bytes + newline - from + #head + #tail
    if bytes > BATCH then
      slow = self.write(head .. table.concat(out, tail .. head) .. tail, true)
      out, bytes = {}, 0
    end
    from = newline + 1
    newline = text:find("\n", from, true)
  end
  if out[1] then
    slow = self.write(head .. table.concat(out, tail .. head) .. tail, true)
  end
  return slow
end

--- Write a line of JSON for each of many lines.
---@param e table  a `line` event without its text
---@param text string  a newline behind each line
---@return boolean? slow  nothing more should come for a moment
function Json:lines(e, text)
  self.time = e.time
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
  return self:_write_all(encode.one_line(text), head, tail)
end

--- The event that reports what was dropped. It has the time of the one before which it is written.
---@param message string
---@return string
function Json:note(message)
  return encoded { v = events.version, time = self.time, event = "log", level = "warn", message = message } .. "\n"
end

--- Nothing here changes by itself.
function Json.tick() end

--- Nothing is kept back.
function Json.close() end

return json
