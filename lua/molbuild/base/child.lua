--- Child processes, as the library runs them: each line becomes an event, each failure of the system an error object.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local task = require "molbuild.base.task"

local child = {}

--- The option of child.run that a failure is about, by its code.
local BOUNDS = { timeout = "timeout", stalled = "stall" }

--- The options for core.process.run.
local function options_of_core(options)
  local run = {}
  for name, value in pairs(options) do
    run[name] = value
  end
  run.silent = nil
  local scope = task.scope()
  -- A build can print millions of lines. Lines that no renderer shows cost nothing here.
  if scope.wants_lines and not options.silent then
    function run.on_lines(text)
      -- Without text, the question is whether the reader has room for more.
      local slow = text == "" and scope.is_slow and scope.is_slow() or text ~= "" and events.emit_lines(text, scope)
      return slow and "wait" or nil
    end
  end
  run.on_line = run.on_line and task.callback(run.on_line)
  -- The current directory may have been removed: git and other programs do not start in such a directory.
  run.cwd = run.cwd or not core.fs.realpath "." and "/" or nil
  return run
end

local function warn(program, result)
  if result.strays > 0 then
    local left = result.strays_left > 0 and (", %d did not end"):format(result.strays_left) or ""
    events.emit("log", {
      level = "warn",
      message = ("%s left %d process(es) running: stopped them%s"):format(program, result.strays, left),
    })
  end
  if result.log_error then
    events.emit("log", { level = "warn", message = result.log_error })
  end
end

local function failure(options, message, code, partial)
  local is_log = options.log_file and message:find(options.log_file, 1, true)
  return errors.new {
    kind = errors.kind_of_code(code),
    message = message,
    code = code,
    hint = is_log and require("molbuild.base.access").hint(code, message) or errors.hint(code),
    bound = BOUNDS[code],
    log = not is_log and options.log_file or nil, -- this log does not exist
    tail = partial and child.last_lines(partial.tail, 40),
  }
end

---@class molbuild.ChildOptions: molbuild.core.ProcessOptions
---@field silent boolean?  its output lines become no events

--- Run a program to its end. Its output lines become `line` events if the scope has `wants_lines` (not with `silent`).
---@param options molbuild.ChildOptions  without on_lines
---@return molbuild.core.ProcessResult result  as core.process.run returns it, whatever the exit code
---@raise timeout | missing_tool | cancelled | failed  with `tail` and `log` if the program had started; `bound` names
---  the option of a timeout
function child.run(options)
  local result, message, code, partial = core.process.run(options_of_core(options))
  if result or partial then
    warn(options.argv[1], result or partial)
  end
  if message then
    error(failure(options, message, code, partial), 0)
  end
  return result
end

--- The last COUNT lines of a text, as a list.
---@param text string
---@param count integer
---@return string[]
function child.last_lines(text, count)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  return table.move(lines, math.max(1, #lines - count + 1), #lines, 1, {})
end

--- The path of a program.
---@param name string
---@param what string?  what it is for, as the end of a message
---@param hint string  how to get it
---@return string path
---@raise missing_tool
function child.find(name, what, hint)
  return core.process.find(name) or errors.raise {
    kind = "missing_tool", message = ('"%s" not found on PATH%s'):format(name, what and ": " .. what or ""), hint = hint,
  }
end

--- Why a program failed, for a one-line message: the signal that ended it, or its last line of output that is not blank.
---@param result molbuild.core.ProcessResult
---@return string
function child.last_words(result)
  if result.signal then
    return "ended by " .. core.sys.signal_name(result.signal)
  end
  local lines = child.last_lines(result.tail, 40)
  for index = #lines, 1, -1 do
    if lines[index]:find "%S" then
      return lines[index]
    end
  end
  return "exit status " .. result.code
end

return child
