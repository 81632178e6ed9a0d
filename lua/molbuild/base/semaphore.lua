--- A fixed number of slots, which tasks share.
local errors = require "molbuild.base.errors"
local scheduler = require "molbuild.base.scheduler"

local semaphore = {}

---@class molbuild.Semaphore
local Semaphore = {}
Semaphore.__index = Semaphore

---@param slots integer
---@return molbuild.Semaphore
function semaphore.new(slots)
  assert(slots >= 1, "a semaphore must have at least one slot")
  return setmetatable({ free = slots, queue = {} }, Semaphore)
end

-- The task at the head of the queue gets the slot.
local function release(self)
  local first = table.remove(self.queue, 1)
  if first then
    first.granted = true
    scheduler.wake(first.task)
  else
    self.free = self.free + 1
  end
end

local function wait(self, on_wait)
  local entry = { task = assert(scheduler.current(), "acquire() waits, and so must be called inside a task") }
  table.insert(self.queue, entry)
  if on_wait then
    on_wait()
  end
  local function cancel()
    for index, other in ipairs(self.queue) do
      if other == entry then
        table.remove(self.queue, index)
        scheduler.wake(entry.task)
        return
      end
    end
  end
  scheduler.suspend { cancel = cancel }
  if not entry.granted then
    error(errors.new { kind = "cancelled", message = "cancelled" }, 0)
  end
end

--- Wait for a slot, first come first served.
---@param on_wait fun()?  called when no slot is free
---@return table  an object to close
---@raise cancelled
function Semaphore:acquire(on_wait)
  if self.free > 0 then
    self.free = self.free - 1
  else
    wait(self, on_wait)
  end
  local held = true
  return setmetatable({}, {
    __close = function()
      if held then
        held = false
        release(self)
      end
    end,
  })
end

return semaphore
