--- Time that passes without waiting, and the loop that the scheduler of the tasks turns: what a task waits for is an entry
--- with the time at which it is over, and a turn goes straight to the next one.
local clock = {}

--- A run that lasts longer by its own clock, in seconds, never ends.
local LONGEST = 24 * 3600

--- A task that computes longer without a wait never ends.
local LONGEST_TURN = 300

-- 2026-01-01T00:00:00Z: the same for every test.
local BEGINNING = 1767225600

---@class molbuild.testing.Clock
---@field now number  seconds since the world began
---@field turns integer  how often all tasks have waited
local Clock = {}
Clock.__index = Clock

---@param beginning number?  unix time; that of 2026-01-01 when absent
---@return molbuild.testing.Clock
function clock.new(beginning)
  return setmetatable({ now = 0, beginning = beginning or BEGINNING, order = 0, planned = {}, turns = 0 }, Clock):start()
end

--- A process begins: nothing waits, and no signal has come.
function Clock:start()
  self.started, self.waiting, self.signals, self.computed = self.now, {}, {}, 0
  return self
end

--- Unix time.
---@return number
function Clock:unix()
  return self.beginning + self.now
end

--- Wait until something is over: `due` is when, math.huge for what another task ends.
---@param operation { due: number }?
---@return boolean done  false: it was cancelled
function Clock:wait_for(operation)
  if not coroutine.isyieldable() then
    error("this function waits, so it must be called inside a task (see molbuild.task)", 3)
  end
  self.order = self.order + 1
  operation.order = self.order
  function operation.cancel()
    operation.cancelled, operation.due = true, self.now
  end
  operation.kill = operation.cancel
  self.waiting[operation] = true
  coroutine.yield(operation)
  return not operation.cancelled
end

--- Wait for the given seconds.
---@param seconds number
---@return boolean done  false: it was cancelled
function Clock:wait(seconds)
  return self:wait_for { due = self.now + seconds }
end

--- Call FN at a time of this clock, between two steps of the tasks.
---@param seconds number  since the world began
---@param fn fun()
function Clock:at(seconds, fn)
  self.order = self.order + 1
  self.planned[#self.planned + 1] = { due = seconds, order = self.order, fn = fn }
end

local function before(a, b)
  return not b or a.due < b.due or a.due == b.due and a.order < b.order
end

-- The next thing that is planned, and when a wait is over at the earliest.
function Clock:next()
  local planned, place, due = nil, nil, math.huge
  for index, entry in ipairs(self.planned) do
    if before(entry, planned) then
      planned, place = entry, index
    end
  end
  for operation in pairs(self.waiting) do
    due = math.min(due, operation.due)
  end
  return planned, place, due
end

-- What is over now, in the order in which it began.
function Clock:take()
  local done = {}
  for operation in pairs(self.waiting) do
    if operation.due <= self.now then
      done[#done + 1] = operation
    end
  end
  table.sort(done, before)
  for _, operation in ipairs(done) do
    self.waiting[operation] = nil
  end
  return done
end

--- Let time pass in which a task computes. What is planned for it happens.
---@param seconds number
function Clock:compute(seconds)
  self.now, self.computed = self.now + seconds, self.computed + seconds
  if self.computed > LONGEST_TURN then
    error(("the policy has computed for %d s of the world's time, and does not wait"):format(LONGEST_TURN), 0)
  end
  local planned, place = self:next()
  if planned and planned.due <= self.now then
    table.remove(self.planned, place)
    planned.fn()
  end
end

--- One turn, as of core.loop.step.
---@return table[]? operations
---@return string? message
---@return string? code
function Clock:step()
  local planned, place, due = self:next()
  self.computed, self.turns = 0, self.turns + 1
  local nearest = math.min(due, planned and planned.due or math.huge)
  if nearest == math.huge then
    return nil, "the world of the test stands still: all tasks wait for what never comes", "deadlock"
  elseif nearest - self.started > LONGEST then
    return nil, ("the run has not ended after %d s of the world's time"):format(LONGEST), "endless"
  end
  self.now = math.max(self.now, nearest)
  if planned and planned.due <= due then
    table.remove(self.planned, place)
    planned.fn()
  end
  return self:take()
end

--- Let a signal come now.
---@param signo integer
function Clock:signal(signo)
  self.signals[#self.signals + 1] = signo
end

return clock
