-- The stderr of all renderers: output that it cannot take is dropped and counted; the renderers never wait.

local core = require "molbuild.core"
local say = require "molbuild.progress.say"

local STDERR = 2

-- At the end: seconds without a byte being read before the rest is given up.
local FLUSH_SECONDS = 2

local stream = {}

---@class molbuild.Stream
---@field renderer { note: (fun(self, message: string): string)? }?  note: lines that report dropped output;
---  without it nothing is reported
local Stream = {}
Stream.__index = Stream

--- A stream to stderr.
---@param writer table?  as molbuild.core.writer, which is the default
---@return molbuild.Stream
function stream.new(writer)
  return setmetatable({ writer = writer or core.writer, lost = 0 }, Stream)
end

function Stream:_has_note()
  return self.lost > 0 and self.renderer and self.renderer.note
end

--- Write a text, or drop it. Output dropped before it is reported first.
---@param text string  whole lines, or a frame
---@param spare boolean?  this text is dropped before others
---@return boolean slow  the reader is slower than the writer: postpone everything that can wait
function Stream:write(text, spare)
  local note = self:_has_note() and self.renderer:note(say.dropped(self.lost, self.reason)) or ""
  local ok, more, reason = self.writer.put(STDERR, note .. text, spare)
  if ok then
    self.lost = note == "" and self.lost or 0
    return more == true
  end
  self.lost = self.lost + more - (note == "" and 0 or 1)
  self.reason = reason
  return false
end

--- Whether all output has been written.
---@return boolean
function Stream:is_free()
  return self.writer.pending(STDERR) == 0
end

--- Whether the reader is slower than the writer.
---@return boolean
function Stream:is_slow()
  return self.writer.is_slow(STDERR)
end

--- Write the rest, as far as it is read.
function Stream:finish()
  if self:_has_note() then
    self:write ""
  end
  self.writer.flush(STDERR, FLUSH_SECONDS)
end

return stream
