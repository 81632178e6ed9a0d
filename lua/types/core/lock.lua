---@meta

-- Stubs of molbuild.core.lock: see ../core.lua.

---@class molbuild.core.lock
local lock = {}

---@class molbuild.core.Holder
---@field pid integer
---@field host string
---@field start integer  unix time
---@field purpose string

---@class molbuild.core.LockOptions
---@field purpose string?  written to the file, for waiting processes
---@field timeout number?  seconds; 0 tries once; no bound when absent
---@field every number?  seconds between two calls of on_wait, more than 0; math.huge: only one call, when the wait
---  begins; 30 when absent
---@field on_wait fun(holder: molbuild.core.Holder?, seconds: number)?  called when the wait begins, and then every `every` seconds

--- A lock that is held until it is closed: `local lock <close> = core.lock.acquire(path)`.
---@class molbuild.core.Lock
local Lock = {}

--- Release it. A second call has no effect.
---@return nil
function Lock:release() end

--- The same as release.
---@return nil
function Lock:close() end

--- Whether it is held.
---@return boolean
function Lock:held() end

--- Describe the holder's work otherwise from now on, for waiting processes.
---@param purpose string
---@return nil
function Lock:describe(purpose) end

--- The descriptor, by whose number a process that inherits it takes the lock over.
---@return integer
function Lock:descriptor() end

--- Leave it to the processes that have inherited it: it stays held, and is no longer this process's.
---@return nil
function Lock:leave() end

--- Acquire the lock of a file, which is created when it is missing, and never removed. Waits.
---@param path string
---@param options molbuild.core.LockOptions?
---@return molbuild.core.Lock?
---@return string? message  names the holder
---@return string? code  locked, invalid, cancelled or an errno name
function lock.acquire(path, options) end

--- Take over a lock that the starter of this process has left to it.
---@param path string
---@param descriptor integer  inherited
---@param purpose string
---@return molbuild.core.Lock?
---@return string? message
---@return string? code  locked, invalid or an errno name
function lock.inherit(path, descriptor, purpose) end

--- The holder of a lock, from the record in its file.
---@param path string
---@return molbuild.core.Holder?
function lock.holder(path) end

--- Whether the lock of a file, or of a directory, is free. The file is neither created nor changed.
---@param path string
---@return boolean? free
---@return string? message
---@return string? code
function lock.is_free(path) end

return lock
