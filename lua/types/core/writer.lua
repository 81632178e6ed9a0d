---@meta

-- Stubs of molbuild.core.writer: see ../core.lua.

---@class molbuild.core.writer
local writer = {}

--- Write to stdout or stderr, masked, without waiting for a reader: the rest is queued, and the loop writes it.
--- When the queue is full the whole text is dropped.
---@param fd integer  1 or 2
---@param text string
---@param spare boolean?  it is dropped before others
---@return boolean ok
---@return boolean|integer more  whether the reader is slow, and nothing should be written for a moment; how many lines were dropped
---@return string? reason  why writing failed; nil when there was no reader
function writer.put(fd, text, spare) end

--- Write all of a text, masked. Waits for the reader.
---@param fd integer  1 or 2
---@param text string
---@param result boolean?  it is the run's result: after its write, a lack of memory does not make the run fail
---@return true? ok
---@return string? message
---@return string? code
function writer.send(fd, text, result) end

--- The length of the queue.
---@param fd integer  1 or 2
---@return integer bytes
function writer.pending(fd) end

--- Whether much is queued and the reader still reads: postpone texts that can wait.
---@param fd integer  1 or 2
---@return boolean
function writer.is_slow(fd) end

--- Write the queue; gives up after SECONDS without a byte being read, after five times SECONDS in total, and when a
--- caught signal arrives. For the end of the program, outside of tasks.
---@param fd integer  1 or 2
---@param seconds number
---@return boolean all
function writer.flush(fd, seconds) end

return writer
