--- The scheduler of tasks: which task runs, what each waits for, and how a task is cancelled.
---
--- A task is a coroutine. What has to wait yields an operation to the scheduler, which resumes the task when the operation is
--- done. A task ends only when its children have ended.
---
--- A cancellation cannot be lost. First the operation that the task waits for ends, and its primitive returns the code "cancelled".
--- Every later primitive that waits, and task.spawn(), raises an error of kind "cancelled" and starts nothing. A task that catches
--- these errors and continues, as a loop around pcall does, is closed after REFUSALS_MAX of them: its to-be-closed variables run,
--- and nothing else. In each case the task's result is the cancellation. Only task.shield() postpones it.
local busy = require "molbuild.base.busy"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"

local scheduler = {}

---@class molbuild.Task
---@field scope table  shared by this task and its children; inherits from the parent's scope
---@field ended boolean
---@field ok boolean?  how it ended
local Task = {}
Task.__index = Task

-- How often a cancelled task may continue after an error, until it is closed.
local REFUSALS_MAX = 100
-- Instructions that the to-be-closed variables of a closed task may take.
local CLOSING_MAX = 10 ^ 7

--- The state while scheduler.run() runs.
local state
local root_scope = {}

-- The scope of the task whose callback the core is calling. Between two tasks there is no current scope.
local callback_scope

--- The running task, or nil outside one.
---@return molbuild.Task?
function scheduler.current()
  return state and state.current
end

--- The scope of the running task: a table that children inherit from. Outside of a task, one for the whole process.
---@return table
function scheduler.scope()
  local current = scheduler.current()
  return current and current.scope or callback_scope or root_scope
end

--- SCOPE is the current one until the next turn: the core calls a callback of its task.
function scheduler.enter_callback(scope)
  callback_scope = scope
end

local function must_stop(self)
  return self.cancelled ~= nil and self.shields == 0
end

--- Tell the core whether what would wait is refused. Call it whenever that changes.
local function mark(self)
  core.loop.task(self.coroutine, must_stop(self))
end

--- Make a task; it begins to run in the next turn.
---@param parent molbuild.Task?
---@param fn fun(...): ...
---@return molbuild.Task
function scheduler.new(parent, fn, ...)
  local self = setmetatable({
    parent = parent,
    children = {},
    shields = 0,
    refusals = 0,
    ended = false,
    scope = setmetatable({}, { __index = parent and parent.scope or root_scope }),
  }, Task)
  self.coroutine = coroutine.create(function(...)
    return xpcall(fn, errors.handler, ...)
  end)
  busy.guard(self.coroutine)
  self.arguments = table.pack(...)
  mark(self)
  if parent then
    parent.children[self] = true
  end
  state.ready[#state.ready + 1] = self
  return self
end

--- Resume a task in the next turn.
---@param self molbuild.Task
function scheduler.wake(self)
  if self.waiting then
    state.waiting[self.waiting] = nil
    self.waiting = nil
  end
  state.ready[#state.ready + 1] = self
end

local function cancellation()
  return errors.new { kind = "cancelled", message = "cancelled" }
end

--- Wait for something that is not an operation of the core: an object with cancel(self), whose owner calls `wake`.
---@param waitable { cancel: fun(self: table) }
---@raise cancelled  the task has been cancelled already
function scheduler.suspend(waitable)
  local refusal = coroutine.yield(waitable)
  if refusal then
    error(refusal, 0)
  end
end

local function cancel_children(self, reason)
  for child in pairs(self.children) do child:cancel(reason) end
end
scheduler.cancel_children = cancel_children

--- Cancel a task and all its descendants. Join it as usual to wait for its end. No effect on a task that has ended.
---@param reason any?  the error that join() raises; a "cancelled" error when absent
function Task:cancel(reason)
  if self.ended then
    return
  end
  self.cancelled = self.cancelled or reason or cancellation()
  if self.shields > 0 then
    return
  end
  mark(self)
  cancel_children(self, self.cancelled)
  if self.waiting then
    self.waiting:cancel()
  end
end

--- End immediately whatever the task and its children wait for: child processes get KILL.
function Task:kill()
  for child in pairs(self.children) do
    child:kill()
  end
  if self.waiting and self.waiting.kill then
    self.waiting:kill()
  end
end

--- Postpone cancellations of the running task (COUNT 1), or no more (COUNT -1).
---@param self molbuild.Task
---@param count integer
function scheduler.shield(self, count)
  self.shields = self.shields + count
  if self.cancelled then
    mark(self)
    if self.shields == 0 then
      cancel_children(self, self.cancelled)
    end
  end
end

local function finish(self, ok, ...)
  self.ended, self.ok, self.results = true, ok, table.pack(...)
  -- A cancelled task has no result, whatever it returned or raised. It reports why it was cancelled, not where that hit.
  if self.cancelled then
    self.ok, self.results = false, table.pack(self.cancelled)
  end
  local parent = self.parent
  if parent then
    parent.children[self] = nil
    if parent.closed and not next(parent.children) then
      finish(parent, false, parent.closed)
    end
  end
  for _, waiter in ipairs(self.waiters or {}) do
    if not waiter.ended and not waiter.closed then
      scheduler.wake(waiter)
    end
  end
end

--- Code that runs while a task is closed cannot wait and cannot be cancelled. Past its bound every instruction raises.
local function bound_closing(thread)
  debug.sethook(thread, function()
    busy.stop(thread, "a to-be-closed variable of a cancelled task does not end")
  end, "", CLOSING_MAX)
end

--- End a task where it is, with FAILURE: its to-be-closed variables run. Its children are cancelled, and end first.
local function close(self, failure)
  cancel_children(self, failure)
  bound_closing(self.coroutine)
  state.current = self
  coroutine.close(self.coroutine)
  state.current = nil
  if next(self.children) then
    self.closed = failure
  else
    finish(self, false, failure)
  end
end

-- What a task yields that has been cancelled: it only waits for its children.
local function refuse(self, waitable)
  self.refusals = self.refusals + 1
  if self.refusals > REFUSALS_MAX then
    close(self, self.cancelled)
  elseif waitable == nil then
    self.arguments = table.pack(cancellation())
    state.ready[#state.ready + 1] = self
  else
    self.waiting = waitable
    state.waiting[waitable] = self
    waitable:cancel()
  end
end

--- Take what a task yields: the operation that it now waits for.
local function take_yielded(self, waitable)
  if must_stop(self) and not (waitable and waitable.is_await) then
    refuse(self, waitable)
  elseif waitable == nil or type(waitable) ~= "userdata" and type(waitable) ~= "table" then
    local where = debug.traceback(self.coroutine, nil, 1)
    close(self, errors.new { kind = "bug", message = "a task yields what is no operation", traceback = where })
  else
    self.waiting = waitable
    state.waiting[waitable] = self
  end
end

-- Take what coroutine.resume gave.
local function take_resumed(self, resumed, first, ...)
  core.loop.runs(nil)
  state.current = nil
  if coroutine.status(self.coroutine) ~= "dead" then
    take_yielded(self, first)
  elseif not resumed then
    -- xpcall did not catch this: out of memory, or an error while handling an error.
    coroutine.close(self.coroutine)
    finish(self, false, first)
  else
    finish(self, first, ...)
  end
end

local NONE = { n = 0 }

local function resume(self)
  state.current = self
  local arguments = self.arguments or NONE
  self.arguments = nil
  core.loop.runs(self.coroutine)
  take_resumed(self, coroutine.resume(self.coroutine, table.unpack(arguments, 1, arguments.n)))
end

--- Wait until a child has ended, without raising.
---@param child molbuild.Task
function scheduler.await(child)
  local self = state.current
  while not child.ended do
    child.waiters = child.waiters or {}
    table.insert(child.waiters, self)
    -- Cancelling this task cancels its children, which ends the wait: there is nothing to do.
    coroutine.yield { cancel = function() end, is_await = true }
  end
end

--- A child's results; raises its error.
---@param child molbuild.Task
---@return ...
function scheduler.unwrap(child)
  if child.ok then
    return table.unpack(child.results, 1, child.results.n)
  end
  error(child.results[1], 0)
end

--- Wait for a task that this one spawned; return its results, or raise its error.
function Task:join()
  scheduler.await(self)
  return scheduler.unwrap(self)
end

--- A cancelled task makes no progress: raise here, or be closed.
---@raise cancelled
function scheduler.refuse()
  local self = state.current
  if self and must_stop(self) then
    error(coroutine.yield(), 0)
  end
end

--- Raise if the running task has been cancelled.
function scheduler.check()
  local self = scheduler.current()
  if self and must_stop(self) then
    error(self.cancelled, 0)
  end
end

--- One turn: resume what is ready, or wait until something is. Returns an error object when the wait failed.
local function turn(on_signal)
  local ready = state.ready
  if #ready == 0 then
    local done, message, code = core.loop.step()
    busy.turned()
    callback_scope = nil
    if not done then
      return errors.new { kind = "failed", message = message, code = code }
    end
    for _, operation in ipairs(done) do
      scheduler.wake(state.waiting[operation])
    end
    for signo in core.loop.signal do
      on_signal(signo)
    end
    return
  end
  state.ready = {}
  for _, self in ipairs(ready) do
    resume(self)
  end
end

--- Close a task and its descendants: their to-be-closed variables run, and what they wait for ends immediately.
local function close_all(self)
  for child in pairs(self.children) do
    close_all(child)
  end
  core.loop.runs(self.coroutine)
  coroutine.close(self.coroutine)
  core.loop.runs(nil)
end

-- How many failed waits in a row are accepted: the tasks still wait for their children to end.
local FAILURES_MAX = 3

--- Turn until ROOT has ended. A failed wait cancels everything. If waits keep failing, or a turn breaks off (out of
--- memory), no further wait is possible: all tasks are closed.
local function turn_to_the_end(root, on_signal)
  local failures = 0
  while not root.ended do
    local ok, failure = pcall(turn, on_signal)
    failures = ok and not failure and 0 or failures + 1
    if not ok or failures == FAILURES_MAX then
      close_all(root)
      error(failure, 0)
    elseif failure then
      root:cancel(failure)
    end
  end
end

--- Run FN as the root task until it and all its descendants have ended. Returns its results, or raises its error.
---@param fn fun(root: molbuild.Task): ...
---@param on_signal fun(root: molbuild.Task, signo: integer)
function scheduler.run(fn, on_signal)
  assert(not state, "task.run() is running already")
  state = { ready = {}, waiting = setmetatable({}, { __mode = "k" }) }
  local root = scheduler.new(nil, fn)
  local ok, failure = pcall(turn_to_the_end, root, function(signo) on_signal(root, signo) end)
  state = nil
  if not ok then
    error(failure, 0)
  end
  return scheduler.unwrap(root)
end

return scheduler
