---@meta

-- Stubs of molbuild.core.writer: see ../core.lua.

---@class molbuild.core.writer
local writer = {}

--- Write to stdout or stderr, masked, without waiting for a reader: what finds no room is queued, and written by the loop.
--- When the queue is full the whole text is dropped.
---@param fd integer  1 or 2
---@param text string
---@param spare boolean?  it is dropped sooner than others
---@return boolean ok
---@return boolean|integer more  whether the reader is slow, and nothing should be written for a moment; how many lines were dropped
---@return string? reason  why writing failed; nil when there was no reader
function writer.put(fd, text, spare) end

--- Write all of a text, masked. Waits for the reader.
---@param fd integer  1 or 2
---@param text string
---@param result boolean?  it is the run's result: once it is written, memory that ends does not make the run fail
---@return true? ok
---@return string? message
---@return string? code
function writer.send(fd, text, result) end

--- How much waits to be written.
---@param fd integer  1 or 2
---@return integer bytes
function writer.pending(fd) end

--- Whether much is queued, and somebody reads: what can wait should not be written then.
---@param fd integer  1 or 2
---@return boolean
function writer.is_slow(fd) end

--- Write what is queued; gives up after so long without a byte being read, after five times as long in all, and when a
--- caught signal arrives. For the end of the program, outside of tasks.
---@param fd integer  1 or 2
---@param seconds number
---@return boolean all
function writer.flush(fd, seconds) end

return writer
