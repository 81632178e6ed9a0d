---@meta

-- Stubs of molbuild.core.process: see ../core.lua.

---@class molbuild.core.process
local process = {}

---@class molbuild.core.ProcessOptions
---@field argv string[]  the program, looked up on PATH unless it holds a slash, and its arguments
---@field cwd string?
---@field env table<string, string>?  variables to set
---@field unset string[]?  variables to leave out; a name may end in "*"
---@field input string?  its stdin; /dev/null when absent
---@field timeout number?  seconds it may take in all; 0: it is ended at once; no bound when absent
---@field stall number?  seconds it may be silent, more than 0; no bound when absent
---@field quiet_phase number?  seconds it may be silent once on_line has returned "quiet", until it returns otherwise
---@field grace number?  seconds between the first signal and KILL; 0 kills at once; 10 when absent
---@field signal integer?  the first signal; TERM when absent; after another one TERM follows in the middle of the grace
---@field log_file string?  the output goes there, masked; what is beyond log_max is left out in the middle
---@field log_max integer?  bytes; 64 MiB when absent
---@field tail integer?  bytes of the output's end that are kept; 65536 when absent
---@field capture integer?  keep stdout apart, unmasked: at most so many bytes, more is the error "too_large"
---@field max_memory integer?  bytes of data that it and each of its children may have, a soft limit; no bound when absent
---@field umask integer?  of the files that it makes; this process's when absent
---@field keep molbuild.core.Lock[]?  locks that live as long as the process
---@field on_line (fun(line: string): "quiet"|"stop"|nil)?  called for each line, masked; it must not wait
---@field only string[]?  on_line is called only for lines that begin so; a "0" stands for any decimal number
---@field after_newline boolean?  on_line is not called for what stands behind a lone carriage return, drawn over a line
---@field on_lines (fun(text: string): "stop"|"wait"|nil)?  called with all lines, many at once, a newline behind each;
---"wait": it is not read for a moment, after which this is called with "" and may answer so again

---@class molbuild.core.ProcessResult
---@field code integer?  the exit code
---@field signal integer?  or the signal that ended it
---@field seconds number
---@field tail string  the end of the output, masked
---@field last_line string  the newest line that is not blank
---@field stdout string?  with capture
---@field strays integer  descendants that had to be ended
---@field strays_left integer  those of them that did not end
---@field log_error string?  why the log is incomplete

--- Run a program to its end, without a shell. Waits.
---@param options molbuild.core.ProcessOptions
---@return molbuild.core.ProcessResult?
---@return string? message
---@return string? code  timeout, stalled, cancelled, too_large, not_found or an errno name
---@return molbuild.core.ProcessResult? partial  how far it got, when it had begun
function process.run(options) end

--- The absolute path of a program on PATH.
---@param name string
---@return string? path
---@return string? message
---@return string? code
function process.find(name) end

return process
