-- The one kind of error object that the library and policies raise.
--
-- kind     one of the kinds below; a policy's own errors are of the kind "failed"
-- message  what happened, in one line
-- hint     what to do about it
-- cause    the value this error was made from
-- retry    whether the same call may succeed later, where the raising code knows better than errors.retry()
-- Other fields are kept: code, status, signal (a number), runtime, step, log, tail, traceback.

local text = require "molbuild.base.text"

local errors = {}

local Error = { __name = "molbuild.error" }

function Error.__tostring(self)
  return self.message
end

-- For each kind: the exit status, and whether its cause is temporary. Without `retry` that depends on the error's code
-- alone.
local KINDS = {
  failed = { exit = 1 },
  usage = { exit = 2, retry = false },
  missing_tool = { exit = 3 },
  remote = { exit = 4, retry = true },
  auth = { exit = 5, retry = false },
  signature = { exit = 5, retry = false },
  not_found = { exit = 6, retry = false },
  template = { exit = 7, retry = false },
  build = { exit = 8 },
  timeout = { exit = 9, retry = true },
  locked = { exit = 10, retry = true },
  signal = { exit = 1, retry = true },
  cancelled = { exit = 1, retry = true },
  bug = { exit = 70, retry = false },
}

-- What a code adds to that: an errno name, a code of core.http, or the cause of a failed build (engine/words.lua).
local RETRY_CODES = {
  ENOSPC = true, EDQUOT = true, ENOMEM = true, EAGAIN = true, EMFILE = true, ENFILE = true,
  resolve = true, connect = true, reset = true, timeout = true,
  disk = true, limit = true, unreachable = true, broken = true,
  tls = false, denied = false, redirect = false, invalid = false, too_large = false,
}

---@class molbuild.Error
---@field kind string
---@field message string
---@field hint string?
---@field retry boolean?
---@field cause any
---@field signal integer?
---@field traceback string?

--- Where the code at a level of the stack is, as messages begin: "fork.lua:7: ", or "" if that is not known.
---@param level integer  1 is the caller of this function
---@return string
function errors.position(level)
  local info = debug.getinfo(level + 1, "Sl")
  if not info or info.currentline <= 0 then return "" end
  return ("%s:%d: "):format(info.source:gsub("^[@=]", "", 1), info.currentline)
end

-- What is wrong with the fields of a new error; nil if nothing is.
local function fault_of(fields)
  if type(fields) ~= "table" then
    return ("an error is raised as a table { kind = ..., message = ... }, not as a %s"):format(type(fields))
  elseif fields.message == nil and fields[1] ~= nil then
    return "the text of an error is its field message: { message = ... }"
  elseif fields.kind ~= nil and not KINDS[fields.kind] then
    local kind = tostring(fields.kind)
    return ("%s: no such kind of error%s"):format(text.shown(kind), require("molbuild.base.nearest").hint(kind, KINDS))
  end
end

-- A new error object. If FIELDS are wrong, that is a mistake of the code at LEVEL, and an error about it is returned.
local function new(fields, level)
  local fault, e = fault_of(fields), {}
  if fault then fields = { kind = "bug", message = errors.position(level + 1) .. fault } end
  for name, value in pairs(fields) do e[name] = value end
  e.kind = e.kind or "failed"
  e.message = tostring(e.message or e.kind)
  return setmetatable(e, Error)
end

--- A new error object that keeps every field given. An unknown kind is a mistake of the caller, and gives an error of the kind
--- bug that names the nearest kind.
---@param fields { kind: string?, message: string, hint: string?, cause: any }  kind is "failed" when absent
---@return molbuild.Error
function errors.new(fields)
  local e = new(fields, 2)
  return e
end

--- Raise a new error object, as of errors.new.
---@param fields { kind: string?, message: string, hint: string?, cause: any }
---@param level integer?  of the code that raises it: 1, the caller of this function, when absent
function errors.raise(fields, level)
  error(new(fields, (level or 1) + 1), 0)
end

--- Whether a value is an error object, and of the given kind if one is given.
---@param value any
---@param kind string?
---@return boolean
function errors.is(value, kind)
  return getmetatable(value) == Error and (kind == nil or value.kind == kind)
end

--- Hints for failures of the system, by code.
local HINTS = {
  EMFILE = "allow more open files (ulimit -n)",
  ENFILE = "the whole system has too many files open",
  ENOMEM = "free some memory, or raise the memory limit (ulimit -v)",
  EFBIG = "allow larger files (ulimit -f)",
  EAGAIN = "allow more processes for this user (ulimit -u)",
  ENOSPC = "free space on that file system",
  EDQUOT = "free space on that file system, or raise the disk quota",
  EIO = "check the disk, or the network that the file system is on",
}

--- The hint for a failure of the system; nil if there is no general one.
---@param code string?  such as "ENOSPC"
---@return string?
function errors.hint(code)
  return HINTS[code]
end

-- The kind of a failure of the core, by its code; an errno name is "failed". What a timeout and a bound that was exceeded
-- mean depends on the topic: a forge that does not answer in time is not a build that takes too long.
local CODE_KINDS = {
  [""] = { cancelled = "cancelled", locked = "locked", not_found = "missing_tool", timeout = "timeout", stalled = "timeout" },
  http = {
    resolve = "remote", connect = "remote", reset = "remote", tls = "remote", protocol = "remote", redirect = "remote",
    denied = "remote", timeout = "remote", too_large = "remote", invalid = "remote",
  },
}

--- The kind of a failure of the core: the one place that decides it.
---@param code string?  as the primitive returned it
---@param topic "http"?  of the primitive, if it gives the code a meaning of its own
---@return string
function errors.kind_of_code(code, topic)
  local own = CODE_KINDS[topic or ""][code]
  return own or CODE_KINDS[""][code] or "failed"
end

--- The result of a primitive that must succeed. A failure becomes an error object.
---@generic T
---@param ok T?
---@param message string?
---@param code string?  such as "ENOSPC"
---@param more { kind: string?, hint: string? }?  kind is that of the code when absent; hint overrides the code's hint
---@return T
function errors.must(ok, message, code, more)
  if not ok then
    more = more or {}
    errors.raise {
      kind = more.kind or errors.kind_of_code(code), message = message, code = code, hint = more.hint or HINTS[code],
    }
  end
  return ok
end

--- The message that Lua, or the core, raises when memory has run out. It never has a traceback.
local NO_MEMORY = "not enough memory"

--- The one place that distinguishes failures of the system from bugs. Turns a raised value that is no error object into one.
local function object_of(value)
  if value == NO_MEMORY then
    return { kind = "failed", message = "out of memory", code = "ENOMEM", hint = HINTS.ENOMEM }
  end
  local meta = getmetatable(value)
  if type(value) == "table" and meta and meta.__name == "molbuild.failure" then -- raised by the core
    return { kind = "failed", message = value.message, code = value.code, hint = HINTS[value.code] }
  end
  if type(value) == "table" and type(rawget(value, "message")) == "string" then -- a policy's: error { message = ... }
    local hint = rawget(value, "hint")
    return { kind = "bug", message = value.message, hint = type(hint) == "string" and hint or nil, cause = value }
  end
  return { kind = "bug", message = tostring(value), cause = value }
end

--- Call a function whose failure the caller handles. A cancellation is raised again, and so is a value that is no error
--- object.
---@param fn function
---@param ... any
---@return boolean ok
---@return any result  the function's first result; a failure's error object
function errors.try(fn, ...)
  local ok, result = pcall(fn, ...)
  if not ok and (not errors.is(result) or result.kind == "cancelled") then
    error(result, 0)
  end
  return ok, result
end

--- Whether a value is the error of a run that was ended: by a cancellation, or by a signal.
---@param value any
---@return boolean
function errors.is_cancelled(value)
  return errors.is(value, "cancelled") or errors.is(value, "signal")
end

--- The same error with a prefix before its message: `<prefix>: <message>`. All other fields stay. A value that is no
--- error object becomes one: of kind "failed" if the system lacked memory or another resource, else of kind "bug".
---@param value any
---@param prefix string?
---@return molbuild.Error
function errors.wrap(value, prefix)
  local before = prefix and prefix .. ": " or ""
  if not errors.is(value) then
    local e = errors.new(object_of(value))
    e.message = before .. e.message
    return e
  end
  local e = errors.new(value)
  e.message = before .. value.message
  e.cause = value
  return e
end

--- For xpcall: an error object is left alone, any other value becomes one. A bug gets its traceback.
---@param value any
---@return molbuild.Error
function errors.handler(value)
  if errors.is(value) then
    return value
  end
  local e = errors.wrap(value)
  e.traceback = e.kind == "bug" and debug.traceback(nil, 2) or nil
  return e
end

--- The error object for a caught value: the value itself, if it is one. xpcall calls no handler when memory runs out.
---@param value any
---@return molbuild.Error
function errors.object(value)
  return errors.is(value) and value or errors.wrap(value)
end

local function kind_of(value)
  return KINDS[value.kind] or KINDS.failed
end

--- The exit status for an error.
---@param value any
---@return integer
function errors.exit_code(value)
  value = errors.object(value)
  if value.signal and (value.kind == "signal" or value.kind == "cancelled") then
    return 128 + value.signal
  end
  return kind_of(value).exit
end

--- Whether the same call may succeed later although its settings, the template and the servers stay unchanged: after a
--- network failure, a timeout, a wait for a lock, a full disk. The error's own field `retry` decides first, then its kind
--- with the HTTP status or the code.
---@param value any
---@return boolean
function errors.retry(value)
  value = errors.object(value)
  if value.retry ~= nil then
    return value.retry and true or false
  end
  local by_kind, status = kind_of(value).retry, value.kind == "remote" and value.status
  if by_kind == false then
    return false
  elseif status then
    return status >= 500 or status == 408 or status == 429
  elseif RETRY_CODES[value.code] ~= nil then
    return RETRY_CODES[value.code]
  end
  return by_kind or false
end

-- Whether a line of a traceback is the library's: a file of it by the name that it has within the program, or below a directory of
-- Lua's path. A policy may be in a directory named molbuild, such as /etc/molbuild/scripts.
local function is_of_library(place)
  return place:find "^%[C%]" or place:find "^%(%.%.%." or place:find "^molbuild/[%w_/]+%.lua:"
    or place:find "^[%w_./-]*lua/molbuild/[%w_/]+%.lua:" or place:find "^[%w_./-]*lua/5%.%d/molbuild/[%w_/]+%.lua:"
end

-- The lines of a traceback: those of the policy, and behind them, with VERBOSE or where there are no others, the library's own.
local function traceback_lines(traceback, verbose)
  local policy, library = {}, {}
  for line in tostring(traceback):gmatch("[^\n]+") do
    local place = line:match "^%s+(.*)$"
    if place then
      local list = is_of_library(place) and library or policy
      list[#list + 1] = "    " .. text.one_line(place)
    end
  end
  if verbose or #policy == 0 then table.move(library, 1, #library, #policy + 1, policy) end
  return policy
end

--- An error as it is printed, without a newline at the end: a line for the message, a line for the hint, and for a
--- bug the traceback.
---@param value any
---@param prefix string?  "molbuild" when absent
---@param verbose boolean?  whether a traceback has the library's own lines, too
---@return string
function errors.format(value, prefix, verbose)
  local e = errors.object(value)
  local lines = { ("%s: %s"):format(prefix or "molbuild", text.one_line(e.message)) }
  if e.kind == "bug" and e.traceback then
    lines[#lines + 1] = "  stack traceback:"
    for _, line in ipairs(traceback_lines(e.traceback, verbose)) do lines[#lines + 1] = line end
  end
  if e.hint then lines[#lines + 1] = "hint: " .. text.one_line(e.hint) end
  return table.concat(lines, "\n")
end

--- An error as the fields of a `failed` event.
---@param value any
---@return table
function errors.fields(value)
  local e = errors.object(value)
  return {
    kind = e.kind,
    exit = errors.exit_code(e),
    retry = errors.retry(e),
    message = e.message,
    hint = e.hint,
    step = e.step,
    log = e.log,
    tail = e.tail,
    traceback = e.kind == "bug" and e.traceback or nil,
  }
end

return errors
