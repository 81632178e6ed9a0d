---@meta

-- Stubs of molbuild.core.process: see ../core.lua.

---@class molbuild.core.process
local process = {}

---@class molbuild.core.ProcessOptions
---@field argv string[]  the program, looked up on PATH unless it holds a slash, and its arguments
---@field cwd string?  its directory; this process's when absent
---@field env table<string, string>?  variables to set
---@field unset string[]?  variables to leave out; "GIT_TRACE*" is a prefix
---@field input string?  its stdin; /dev/null when absent
---@field timeout number?  seconds for the whole run; 0: it is ended immediately; no bound when absent
---@field stall number?  seconds of silence, more than 0; no bound when absent
---@field quiet_phase number?  seconds of silence after on_line has returned "quiet", until it returns another value
---@field grace number?  seconds between the first signal and KILL; 0 kills immediately; 10 when absent
---@field signal integer?  the first signal; if it is not TERM, TERM follows in the middle of the grace period; 15, TERM when absent
---@field log_file string?  the output is written there, masked, mode 0600; it must be a regular file, or not exist
---@field log_max integer?  the largest size of the log in bytes: its beginning and its end are kept, and a line between them
---  reports the omitted bytes; 64 MiB when absent
---@field log_append boolean?  what the log has already stays, and log_max bounds what is added
---@field tail integer?  how many bytes of the output's end are kept; 65536 when absent
---@field capture integer?  return stdout separately and unmasked, up to this number of bytes; more is the error "too_large"
---@field max_memory integer?  bytes of data for it and for each of its children, a soft limit; no bound when absent
---@field umask integer?  its umask; this process's when absent
---@field keep (molbuild.core.Lock|molbuild.core.MemoryFile)[]?  locks that are held as long as the process runs, and files in
---  memory that it can open
---@field on_line (fun(line: string): "quiet"|"stop"|nil)?  called for each line, masked; must not wait
---@field only string[]?  on_line is called only for lines with one of these beginnings, such as { "#0 [", "Step " }; a "0"
---  stands for any decimal number
---@field after_newline boolean?  do not call on_line for text after a lone carriage return: a program that prefixes
---  the lines of another one does not prefix that text
---@field on_lines (fun(text: string): "stop"|"wait"|nil)?  called with all lines as one text, each with its newline; must not wait;
---  "wait": reading pauses for a moment; then this is called with "" and may return "wait" again

---@class molbuild.core.ProcessResult
---@field code integer?  the exit code
---@field signal integer?  or the signal that ended it
---@field seconds number
---@field tail string  the end of the output, masked
---@field last_line string  the newest line that is not blank
---@field stdout string?  with capture
---@field strays integer  the number of descendants that had to be ended
---@field strays_left integer  how many of them did not end
---@field log_error string?  why the log is incomplete

--- Run a program to its end, without a shell. Waits.
---@param options molbuild.core.ProcessOptions
---@return molbuild.core.ProcessResult?
---@return string? message
---@return string? code  timeout, stalled, cancelled, too_large, not_found or an errno name
---@return molbuild.core.ProcessResult? partial  the known part of the result, if the program had started
function process.run(options) end

---@class molbuild.core.DetachOptions
---@field program string  its whole path
---@field argv string[]
---@field env table<string, string>?  variables to set
---@field unset string[]?  variables to leave out; "GIT_TRACE*" is a prefix
---@field log_file string?  its stderr is appended to this file, which must be a regular one, or not exist; mode 0600
---@field keep (molbuild.core.Lock|molbuild.core.MemoryFile)[]?  locks and files in memory that it inherits

--- Start a process of this program's own that outlives it: no signal to this process reaches it, and it is no child of it. It gets
--- the variables, too, that sys.take_env has taken. Its stdin and stdout are /dev/null. Does not wait.
---@param options molbuild.core.DetachOptions
---@return integer? pid
---@return string? message
---@return string? code  an errno name
function process.detach(options) end

---@class molbuild.core.FollowOptions
---@field program string  its whole path
---@field argv string[]
---@field env table<string, string>?  variables to set
---@field unset string[]?  variables to leave out
---@field on_start (fun(pid: integer))?  called when it runs
---@field on_output (fun(bytes: string): "wait"|nil)?  called with what it writes to stderr; must not wait; "wait": reading pauses
---  for a moment; then this is called with "" and may return "wait" again
---@field on_result (fun(bytes: string))?  called with what it writes to stdout; must not wait

--- Start such a process, and read its output until it ends. It also inherits the descriptors that an argument or a variable names,
--- such as /dev/stdin or /dev/fd/63. When the task is cancelled, the process continues, and its output has no reader. Waits.
---@param options molbuild.core.FollowOptions
---@return true? ended
---@return string? message
---@return string? code  cancelled, or an errno name when it could not be started
function process.follow(options) end

--- The absolute path of a program on PATH.
---@param name string
---@return string? path
---@return string? message
---@return string? code
function process.find(name) end

return process
