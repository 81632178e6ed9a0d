-- One JSON object per line: docs/events.md.

local bounded = require "molbuild.progress.bounded"
local encode = require "molbuild.progress.encode"
local events = require "molbuild.base.events"

local FIRST = { "v", "time", "event", "runtime", "step" }
local ARRAYS = { args = true, tail = true }
-- Bytes of a line with its newline: less than 64 KiB, a common limit of readers.
local MAX_LINE = 64 * 1024 - 1
-- Bytes per write. An output line may be empty, but its event is not.
local BATCH = 64 * 1024
-- Bytes of a line's event without its text. A child's line leaves more than half of them unused.
local MAX_AROUND = 24 * 1024

local json = {
  --- Seconds of silence before an `alive` event.
  alive_every = 10,
}

---@class molbuild.JsonRenderer
local Json = {}
Json.__index = Json

--- A renderer that writes each event as a line of JSON.
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

-- A child's line has at most 16 KiB, and escapes at most double it. It has no other control characters and is valid UTF-8:
-- the core has filtered it.
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

--- Write one line of JSON for each of many lines.
---@param e table  a `line` event without its text
---@param text string  each line ends in a newline
---@return boolean? slow  the reader is slow: send nothing more for a moment
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

--- The event that reports dropped output. It has the time of the event that follows it.
---@param message string
---@return string
function Json:note(message)
  return encoded { v = events.version, time = self.time, event = "log", level = "warn", message = message } .. "\n"
end

--- This renderer shows nothing that changes with time.
function Json.tick() end

--- This renderer keeps nothing back.
function Json.close() end

return json
