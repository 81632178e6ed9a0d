--- Child processes, as the library runs them: every line an event, every failure of the world an error object.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local task = require "molbuild.base.task"

local child = {}

local KINDS = {
  timeout = "timeout",
  stalled = "timeout",
  cancelled = "cancelled",
  not_found = "missing_tool",
}

--- Which option of child.run a failure is about, by its code.
local BOUNDS = { timeout = "timeout", stalled = "stall" }

--- Run a program to its end. Its output lines become `line` events where the scope `wants_lines` (not with `silent`).
---@param options table  as for core.process.run, but on_lines
---@return table result  as core.process.run gives it, whatever the exit code
---@raise timeout | missing_tool | cancelled | failed  with `tail` and `log` when it had begun; `bound` names the option
---  that a timeout is about
function child.run(options)
  local run = {}
  for name, value in pairs(options) do
    run[name] = value
  end
  local scope = task.scope()
  -- A build can print millions of lines: those that nobody wants to see cost nothing here.
  if scope.wants_lines and not options.silent then
    function run.on_lines(text)
      -- Without text the question is whether there is room for more.
      local slow = text == "" and scope.is_slow and scope.is_slow() or text ~= "" and events.emit_lines(text, scope)
      return slow and "wait" or nil
    end
  end
  run.on_line = run.on_line and task.callback(run.on_line)
  -- One that was removed since: git and others do not start in it.
  run.cwd = run.cwd or not core.fs.realpath "." and "/" or nil
  local result, message, code, partial = core.process.run(run)
  result = result or partial
  if result and result.strays > 0 then
    local left = result.strays_left > 0 and (", %d would not end"):format(result.strays_left) or ""
    events.emit("log", {
      level = "warn",
      message = ("%s left %d process(es) behind: ended%s"):format(options.argv[1], result.strays, left),
    })
  end
  if result and result.log_error then
    events.emit("log", { level = "warn", message = result.log_error })
  end
  if message then
    local is_log = options.log_file and message:find(options.log_file, 1, true)
    errors.raise {
      kind = KINDS[code] or "failed",
      message = message,
      code = code,
      hint = is_log and require("molbuild.base.access").hint(code, message) or errors.hint(code),
      bound = BOUNDS[code],
      log = not is_log and options.log_file or nil, -- nobody is to look into what is not there
      tail = result and child.last_lines(result.tail, 40),
    }
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

--- Why a program failed, for one-line messages: the signal that ended it, or the last line of its output that says something.
---@param result table
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
