---@meta

-- Stubs of molbuild.core.sys: see ../core.lua.

---@class molbuild.core.sys
local sys = {}

--- Seconds of a monotonic clock.
---@return number
function sys.monotonic() end

--- The same, but on Linux the time in which the machine was suspended counts, too.
---@return number
function sys.steady() end

--- Unix time in seconds, with a fraction.
---@return number
function sys.now() end

--- This process's id.
---@return integer
function sys.pid() end

--- The id of this process's user.
---@return integer
function sys.uid() end

--- The name of this machine.
---@return string
function sys.hostname() end

--- Processors that this process may run on.
---@return integer
function sys.cpus() end

--- Whether a descriptor is a terminal.
---@param fd integer
---@return boolean
function sys.isatty(fd) end

--- The size of a terminal.
---@param fd integer
---@return integer? columns  nothing when it is not a terminal
---@return integer? rows
function sys.terminal_size(fd) end

--- Whether this process's group is the foreground group of a terminal; also true when that is unknown.
---@param fd integer
---@return boolean
function sys.in_foreground(fd) end

--- The name of a signal for messages: "SIGKILL (9)"; "signal 99" for one without a name.
---@param signo integer
---@return string
function sys.signal_name(signo) end

--- A variable of the environment.
---@param name string
---@return string?
function sys.getenv(name) end

--- Remove a variable from this process's environment: children do not inherit it, and /proc no longer shows it.
---@param name string
---@return string? value  nil when it was not set
---@return string? message
---@return string? code
function sys.take_env(name) end

--- The path of the running program.
---@return string? path
---@return string? message
---@return string? code
function sys.executable() end

--- Send a message to the service manager, without waiting.
---@param address string  of its socket, as in NOTIFY_SOCKET
---@param text string  such as "READY=1"
---@return true? ok
---@return string? message
---@return string? code  invalid, or an errno name
function sys.notify(address, text) end

--- Let other processes come first: a nice value of at least 10, and on Linux the lowest priority for disks, for this process
--- and those that it starts from now on.
---@return true? ok
---@return string? message
---@return string? code
function sys.lower_priority() end

--- While on, an exit() of a C library is an ordinary failure: one line on stderr, status 1. lua-cjson ends the program so
--- when there is no memory.
---@param on boolean
---@return nil
function sys.guard_exit(on) end

--- Keep this process's memory out of core dumps and, on Linux, from other processes of the user.
---@return true? ok
---@return string? message
---@return string? code
function sys.protect_memory() end

--- Write a text, masked and whole.
---@param fd integer
---@param text string
---@return true? ok
---@return string? message
---@return string? code
function sys.write(fd, text) end

--- Let SECONDS pass. Waits.
---@param seconds number
---@return true? ok
---@return string? message
---@return string? code
function sys.sleep(seconds) end

return sys
