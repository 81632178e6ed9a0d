--- Ends code that never waits. A timeout and a signal reach a task through the loop, so a policy that computes without end would
--- outlive both. An alarm stops what has computed for a while, looks whether the run should have ended, and raises an error there.
--- What the alarm does not know, a coroutine of a policy's own, has a hook that looks instead; it makes each instruction slower.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"

local busy = {}

-- Between two looks: seconds of processor time, far more than a hit takes; and instructions, some milliseconds, of a hook.
local COMPUTED, INSTRUCTIONS = 0.05, 10 ^ 6
-- Seconds without a turn of the loop: before that, the loop itself ends the run.
local OVERDUE, INTERRUPTED = 1, 0.2
-- How often an error may be caught, or clean-up may continue, before every instruction raises it.
local RAISES_MAX = 5

local deadline, timeout
local turned_at, interrupts, raises = 0, 0, 0

--- The run must have ended after some seconds.
---@param seconds number?  nil: without a bound
---@param why molbuild.Error?
function busy.limit(seconds, why)
  turned_at, interrupts, raises = core.sys.monotonic(), 0, 0
  deadline, timeout = seconds and turned_at + seconds, why
end

--- The loop has had its turn.
function busy.turned()
  turned_at = core.sys.monotonic()
end

--- A signal that ends the run was delivered to it.
function busy.interrupted()
  interrupts = interrupts + 1
end

--- From now on every instruction of a coroutine raises: no pcall holds that back.
---@param thread thread  the running one
---@param why any
function busy.stop(thread, why)
  local function raise() error(why, 0) end
  debug.sethook(thread, raise, "", 1)
  raise()
end

-- Why the code that runs must end now; nil when it need not.
local function reason()
  local now = core.sys.monotonic()
  if deadline and now > deadline and now - turned_at > OVERDUE then
    return timeout
  elseif now - turned_at > INTERRUPTED and core.loop.signals() > 0 and core.loop.signals() + interrupts > 1 then
    return errors.new { kind = "signal", signal = 2, message = "interrupted while the policy did not wait" }
  end
end

local function look()
  local why = reason()
  if not why then return end
  raises = raises + 1
  if raises > RAISES_MAX then busy.stop(coroutine.running(), why) end
  error(why, 0)
end

-- A coroutine has one hook. If its lines are watched, as for the coverage of tests, that continues.
local function beside(on_line)
  return function(event, line)
    if event == "count" then return look() end
    return on_line(event, line) -- a tail call, so that the hook finds the hooked function at the level that it expects
  end
end

--- Look while a coroutine of a policy's own runs.
---@param thread thread
---@return thread
function busy.watch(thread)
  local before, mask = debug.gethook(thread)
  local is_kept = before ~= nil and mask ~= ""
  debug.sethook(thread, is_kept and beside(before) or look, is_kept and mask or "", INSTRUCTIONS)
  return thread
end

--- Look while a task runs.
---@param thread thread?  the new task's; nil: also look while none runs
function busy.guard(thread)
  local has_alarm = core.loop.look(look, COMPUTED, thread == nil)
  -- A coroutine is made with the hook of the one that makes it. A function of debug.sethook is not called there, but the alarm
  -- would leave the hook alone.
  if thread and type(debug.gethook(thread)) ~= "function" then debug.sethook(thread) end
  thread = thread or coroutine.running()
  if not has_alarm or debug.gethook(thread) then busy.watch(thread) end
end

return busy
