--- Tasks: sequential code that waits.
---
--- A task is a coroutine. A primitive of molbuild.core that has to wait yields its operation to the scheduler in this
--- file, which resumes the task when the operation is done. Tasks are structured: a task ends only when its children have
--- ended. Cancelling a task ends its operation: a child process is killed and reaped, a wait for a lock is given up. The
--- primitive then returns nil, message, "cancelled", and so does every later one. The task thus unwinds, and its
--- to-be-closed variables run.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"

local task = {}

---@class molbuild.Task
---@field scope table  shared by this task and its children; inherits from the parent's scope
---@field ended boolean
---@field ok boolean?  how it ended
local Task = {}
Task.__index = Task

--- The one scheduler. It exists while task.run() runs.
local scheduler
local root_scope = {}

-- The task whose callback the core is calling. Between two tasks there is no current scope.
local callback_scope

--- The running task, or nil outside one.
---@return molbuild.Task?
function task.current()
  return scheduler and scheduler.current
end

--- The scope of the running task: a table that children inherit from. Outside of a task, one for the whole process.
---@return table
function task.scope()
  local current = task.current()
  return current and current.scope or callback_scope or root_scope
end

--- FN as a callback for the core, such as on_line. The core calls it while this task waits. In it, this task's scope is
--- the current one, so that events and log lines get this task's runtime and step. FN must not wait.
---@param fn fun(...): ...
---@return fun(...): ...
function task.callback(fn)
  local scope = task.scope()
  return function(...)
    callback_scope = scope
    return fn(...)
  end
end

local function new_task(parent, fn, ...)
  local self = setmetatable({
    parent = parent,
    children = {},
    shields = 0,
    ended = false,
    scope = setmetatable({}, { __index = parent and parent.scope or root_scope }),
  }, Task)
  self.coroutine = coroutine.create(function(...)
    return xpcall(fn, errors.handler, ...)
  end)
  self.arguments = table.pack(...)
  if parent then
    parent.children[self] = true
  end
  scheduler.ready[#scheduler.ready + 1] = self
  return self
end

local function wake(self)
  if self.waiting then
    scheduler.waiting[self.waiting] = nil
    self.waiting = nil
  end
  scheduler.ready[#scheduler.ready + 1] = self
end

--- Wait for something that is not an operation of the core: an object with cancel(self), whose owner calls `wake`.
---@param waitable { cancel: fun(self: table) }
local function suspend(waitable)
  coroutine.yield(waitable)
end

local function cancel_children(self, reason)
  for child in pairs(self.children) do child:cancel(reason) end
end

--- Cancel a task and all its descendants. Join it as usual to wait for its end. No effect on a task that has ended.
---@param reason any?  the error that join() raises; a "cancelled" error when absent
function Task:cancel(reason)
  if self.ended then
    return
  end
  self.cancelled = self.cancelled or reason or errors.new { kind = "cancelled", message = "cancelled" }
  if self.shields > 0 then
    return
  end
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

local function finish(self, ok, ...)
  self.ended, self.ok, self.results = true, ok, table.pack(...)
  -- A cancelled task has no result, whatever it returned. It reports why it was cancelled, not where the cancellation hit.
  if self.cancelled and (ok or errors.is((...), "cancelled")) then
    self.ok, self.results = false, table.pack(self.cancelled)
  end
  if self.parent then
    self.parent.children[self] = nil
  end
  for _, waiter in ipairs(self.waiters or {}) do
    wake(waiter)
  end
end

--- Resume a task, and take what it yields: the operation that it now waits for.
local function resume(self)
  scheduler.current = self
  local arguments = self.arguments or { n = 0 }
  self.arguments = nil
  local resumed = table.pack(coroutine.resume(self.coroutine, table.unpack(arguments, 1, arguments.n)))
  scheduler.current = nil
  if coroutine.status(self.coroutine) ~= "dead" then
    self.waiting = resumed[2]
    scheduler.waiting[self.waiting] = self
    if self.cancelled and self.shields == 0 then
      self.waiting:cancel()
    end
    return
  end
  if not resumed[1] then
    -- xpcall did not catch this: out of memory, or an error while handling an error.
    coroutine.close(self.coroutine)
    finish(self, false, resumed[2])
  else
    finish(self, resumed[2], table.unpack(resumed, 3, resumed.n))
  end
end

--- Wait until a child has ended, without raising.
local function await(child)
  local self = scheduler.current
  while not child.ended do
    child.waiters = child.waiters or {}
    table.insert(child.waiters, self)
    -- Cancelling this task cancels its children, which ends the wait: there is nothing to do.
    suspend { cancel = function() end }
  end
end

local function unwrap(child)
  if child.ok then
    return table.unpack(child.results, 1, child.results.n)
  end
  error(child.results[1], 0)
end

--- Wait for a task that this one spawned; return its results, or raise its error.
function Task:join()
  await(self)
  return unwrap(self)
end

--- Start a child task. It begins to run when this task next waits. Join every child whose failure matters: the error
--- of a child that is not joined is lost.
---@param fn fun(...): ...
---@return molbuild.Task
function task.spawn(fn, ...)
  local parent = assert(task.current(), "task.spawn() must be called inside a task")
  local child = new_task(parent, function(...)
    local results = table.pack(xpcall(fn, errors.handler, ...))
    -- Children do not outlive their parent.
    local self = scheduler.current
    if not results[1] then
      cancel_children(self)
    end
    while next(self.children) do
      await((next(self.children)))
    end
    if not results[1] then
      error(results[2], 0)
    end
    return table.unpack(results, 2, results.n)
  end, ...)
  -- A cancelled task must not wait any more: its children's waits end immediately, as its own do.
  if parent.cancelled and parent.shields == 0 then
    child:cancel(parent.cancelled)
  end
  return child
end

--- Run FN for every item, at most LIMIT at a time. Returns the results in the order of the items (one each). The first
--- error cancels the others and is raised when they have ended. With SETTLE every item runs to its end, and the result is
--- a list of { ok = boolean, value = any, error = any }.
---@param items any[]
---@param options { limit: integer?, settle: boolean? }
---@param fn fun(item: any, index: integer): any
---@return any[]
function task.map(items, options, fn)
  local places = task.semaphore(options.limit or #items)
  local children, results, first = {}, {}, nil
  for index, item in ipairs(items) do
    children[index] = task.spawn(function()
      local place <close> = places:acquire()
      local ok, value = xpcall(fn, errors.handler, item, index)
      if not ok and not options.settle then
        first = first or { value }
        for _, sibling in ipairs(children) do
          sibling:cancel()
        end
      end
      if not ok then
        error(value, 0)
      end
      return value
    end)
  end
  for index, child in ipairs(children) do
    await(child)
    local ok, value = child.ok, child.results[1]
    if options.settle then
      results[index] = { ok = ok, value = ok and value or nil, error = not ok and value or nil }
    elseif ok then
      results[index] = value
    else
      first = first or { value }
    end
  end
  task.check()
  if first then
    error(first[1], 0)
  end
  return results
end

--- Raise if the running task has been cancelled: for code that runs long without waiting.
function task.check()
  local self = task.current()
  if self and self.cancelled and self.shields == 0 then
    error(self.cancelled, 0)
  end
end

--- Run FN as a child and cancel it after the given seconds; then raise WHY (a "timeout" error when absent).
---@param seconds number
---@param fn fun(): ...
---@param why table?
function task.timeout(seconds, fn, why)
  local expired
  local child = task.spawn(fn)
  local clock = task.spawn(function()
    if core.sys.sleep(seconds) then
      expired = why or errors.new { kind = "timeout", message = ("took longer than %g s"):format(seconds) }
      child:cancel(expired)
    end
  end)
  await(child)
  clock:cancel()
  await(clock)
  if expired then
    error(expired, 0)
  end
  return unwrap(child)
end

--- Run FN with cancellation postponed until it returns: for work that must not be left half done.
function task.shield(fn, ...)
  local self = assert(task.current(), "task.shield() must be called inside a task")
  self.shields = self.shields + 1
  local results = table.pack(xpcall(fn, errors.handler, ...))
  self.shields = self.shields - 1
  if self.shields == 0 and self.cancelled then
    cancel_children(self, self.cancelled)
  end
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

--- A fixed number of slots. acquire() waits for one, first come first served, and returns an object to close.
---@param places integer
function task.semaphore(places)
  local semaphore = { free = places, queue = {} }

  local function release()
    local first = table.remove(semaphore.queue, 1)
    if first then
      first.granted = true
      wake(first.task)
    else
      semaphore.free = semaphore.free + 1
    end
  end

  function semaphore:acquire(on_wait)
    if self.free > 0 then
      self.free = self.free - 1
    else
      local entry = { task = assert(task.current(), "acquire() waits, and so must be called inside a task") }
      table.insert(self.queue, entry)
      if on_wait then
        on_wait()
      end
      function entry.cancel()
        for index, other in ipairs(semaphore.queue) do
          if other == entry then
            table.remove(semaphore.queue, index)
            wake(entry.task)
            return
          end
        end
      end
      suspend(entry)
      if not entry.granted then
        error(errors.new { kind = "cancelled", message = "cancelled" }, 0)
      end
    end
    local held = true
    return setmetatable({}, {
      __close = function()
        if held then
          held = false
          release()
        end
      end,
    })
  end

  return semaphore
end

--- One turn: resume what is ready, or wait until something is. Returns an error object when the wait failed.
local function turn(on_signal)
  local ready = scheduler.ready
  if #ready == 0 then
    local done, message, code = core.loop.step()
    callback_scope = nil
    if not done then
      return errors.new { kind = "failed", message = message, code = code }
    end
    for _, operation in ipairs(done) do
      wake(scheduler.waiting[operation])
    end
    for signo in core.loop.signal do
      on_signal(signo)
    end
    return
  end
  scheduler.ready = {}
  for _, self in ipairs(ready) do
    resume(self)
  end
end

--- Close a task and its descendants: their to-be-closed variables run, and what they wait for ends immediately.
local function close_all(self)
  for child in pairs(self.children) do
    close_all(child)
  end
  coroutine.close(self.coroutine)
end

-- How many failed waits in a row are accepted: the tasks still wait for their children to end.
local FAILURES_MAX = 3

--- Turn until ROOT has ended. A failed wait cancels everything. If waits go on failing, or a turn breaks off (out of
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

--- Run FN as the root task until it and all its descendants have ended. Returns its results, or raises its error. With
--- SIGNALS, a signal cancels the root task (the error has kind "signal"); a second one kills what still runs.
---@param fn fun(...): ...
---@param options { signals: integer[]? }?
function task.run(fn, options)
  assert(not scheduler, "task.run() is running already")
  scheduler = { ready = {}, waiting = setmetatable({}, { __mode = "k" }) }
  local root
  local function on_signal(signo)
    if root.cancelled then
      root:kill()
    else
      root:cancel(errors.new { kind = "signal", message = "ended by " .. core.sys.signal_name(signo), signal = signo })
    end
  end
  for _, signo in ipairs(options and options.signals or {}) do
    errors.must(core.loop.catch(signo))
  end
  root = new_task(nil, function() return task.spawn(fn):join() end)
  local ok, failure = pcall(turn_to_the_end, root, on_signal)
  scheduler = nil
  if not ok then
    error(failure, 0)
  end
  return unwrap(root)
end

return task
