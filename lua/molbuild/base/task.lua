--- Tasks: sequential code that waits. Tasks are structured: a task ends only when its children have ended. How they run, and what
--- a cancellation does, is in molbuild.base.scheduler.
local busy = require "molbuild.base.busy"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local scheduler = require "molbuild.base.scheduler"
local semaphore = require "molbuild.base.semaphore"

local task = {
  current = scheduler.current,
  scope = scheduler.scope,
  semaphore = semaphore.new,
  --- For code that runs long without waiting.
  check = scheduler.check,
}

--- FN as a callback for the core, such as on_line. The core calls it while this task waits. In it, this task's scope is
--- the current one, so that events and log lines get this task's runtime and step. FN must not wait.
---@param fn fun(...): ...
---@return fun(...): ...
function task.callback(fn)
  local scope = task.scope()
  return function(...)
    scheduler.enter_callback(scope)
    return fn(...)
  end
end

-- A task's body: its children do not outlive it.
local function with_children(fn, ...)
  local results = table.pack(xpcall(fn, errors.handler, ...))
  local self = scheduler.current()
  if not results[1] then
    scheduler.cancel_children(self)
  end
  while next(self.children) do
    scheduler.await((next(self.children)))
  end
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

--- Start a child task. It begins to run when this task next waits. Join every child whose failure matters: the error
--- of a child that is not joined is lost.
---@param fn fun(...): ...
---@param ... any  for FN
---@return molbuild.Task
---@raise cancelled  this task has been cancelled
function task.spawn(fn, ...)
  local parent = assert(task.current(), "task.spawn() must be called inside a task")
  scheduler.refuse()
  return scheduler.new(parent, with_children, fn, ...)
end

--- Run FN for every item, at most LIMIT at a time. Returns the results in the order of the items (one each). The first
--- error cancels the others and is raised when they have ended. With SETTLE every item runs to its end, and the result is
--- a list of { ok = boolean, value = any, error = any }.
---@param items any[]
---@param options { limit: integer?, settle: boolean? }
---@param fn fun(item: any, index: integer): any
---@return any[]
function task.map(items, options, fn)
  local places = task.semaphore(options.limit or math.max(1, #items))
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
    scheduler.await(child)
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

--- Run FN as a child and cancel it after the given seconds; then raise WHY (a "timeout" error when absent).
---@param seconds number
---@param fn fun(): ...
---@param why table?
---@param spare (fun(): boolean)?  asked when the seconds are over: whether FN may continue without a bound
---@return ...
function task.timeout(seconds, fn, why, spare)
  local expired
  local child = task.spawn(fn)
  local clock = task.spawn(function()
    if core.sys.sleep(seconds) and not (spare and spare()) then
      expired = why or errors.new { kind = "timeout", message = ("took longer than %g s"):format(seconds) }
      child:cancel(expired)
    end
  end)
  scheduler.await(child)
  clock:cancel()
  scheduler.await(clock)
  if expired then
    error(expired, 0)
  end
  return scheduler.unwrap(child)
end

--- Run FN with cancellation postponed until it returns: for work that must not be left half done.
---@param fn fun(...): ...
---@param ... any  for FN
---@return ...
function task.shield(fn, ...)
  local self = assert(task.current(), "task.shield() must be called inside a task")
  scheduler.shield(self, 1)
  local results = table.pack(xpcall(fn, errors.handler, ...))
  scheduler.shield(self, -1)
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

--- What a long run does with a signal instead of ending; nil: every signal ends it.
local takes_signal

--- From now on FN gets each signal that would end the run. It must not wait.
---@param fn (fun(signo: integer): boolean?)?  gives true if it has dealt with the signal; nil: none again
function task.on_signal(fn)
  takes_signal = fn
end

--- Run FN as the root task until it and all its descendants have ended. Returns its results, or raises its error. With
--- SIGNALS, a signal cancels the root task (the error has kind "signal"); a second one kills what still runs.
---@param fn fun(...): ...
---@param options { signals: integer[]? }?
---@return ...
function task.run(fn, options)
  for _, signo in ipairs(options and options.signals or {}) do
    errors.must(core.loop.catch(signo))
  end
  takes_signal = nil
  return scheduler.run(function() return with_children(fn) end, function(root, signo)
    if takes_signal and takes_signal(signo) then return end
    if root.cancelled then
      root:kill()
    else
      busy.interrupted()
      root:cancel(errors.new { kind = "signal", message = "ended by " .. core.sys.signal_name(signo), signal = signo })
    end
  end)
end

return task
