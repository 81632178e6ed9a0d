---@meta

-- Stubs of molbuild.core.loop: see ../core.lua.

-- For molbuild.base.task.

---@class molbuild.core.loop
local loop = {}

--- Wait until an operation is done, and return all done operations.
---@param seconds number?  the longest wait; no bound when absent
---@return userdata[]? operations
---@return string? message
---@return string? code
function loop.step(seconds) end

--- Register a coroutine as a task: it may wait. With CANCELLED, a primitive that would wait yields nothing instead, and raises the
--- value that the coroutine is resumed with.
---@param thread thread
---@param cancelled boolean
---@return nil
function loop.task(thread, cancelled) end

--- From now on, call LOOK in the task that runs, at its next instruction, whenever the process has used SECONDS more of processor
--- time in user mode. LOOK may raise. A task that has a hook of its own is left alone.
---@param look fun()
---@param seconds number  less than 1
---@param outside boolean?  also in what runs outside of every task
---@return boolean on  false where processor time is not counted: in the world of a test
function loop.look(look, seconds, outside) end

--- Tell loop.look which task is resumed now; nil: none.
---@param thread thread?
---@return nil
function loop.runs(thread) end

--- Catch a signal from now on.
---@param signo integer
---@return true? ok
---@return string? message
---@return string? code
function loop.catch(signo) end

--- Set the text that restores the terminal. It is written to stderr when the program exits, or when a signal ends or stops
--- it.
---@param text string  at most 64 bytes; empty: nothing
---@return true? ok
---@return string? message
---@return string? code
function loop.last_words(text) end

--- Whether the program has been continued since the last call, after a signal had stopped it.
---@return boolean
function loop.continued() end

--- The oldest caught signal that was not taken yet.
---@return integer? signo
function loop.signal() end

--- How many caught signals have arrived and were not taken yet.
---@return integer
function loop.signals() end

--- The same as core.sys.sleep. Waits.
---@param seconds number
---@return true? ok
---@return string? message
---@return string? code
function loop.sleep(seconds) end

return loop
