--- A wait that something else can end early: another task, or a signal.
local core = require "molbuild.core"
local scheduler = require "molbuild.base.scheduler"
local task = require "molbuild.base.task"

local nap = {}

---@class molbuild.Nap
local Nap = {}
Nap.__index = Nap

--- No task waits for it yet. One task at a time may do so.
---@return molbuild.Nap
function nap.new()
  return setmetatable({}, Nap)
end

--- Wait for SECONDS at most; not at all if it was woken since the last wait.
---@param seconds number
---@raise cancelled
function Nap:wait(seconds)
  if not self.is_woken then
    self.sleeper = task.spawn(core.sys.sleep, math.max(0, seconds))
    scheduler.await(self.sleeper)
    self.sleeper = nil
  end
  self.is_woken = nil
  task.check()
end

--- End the wait, or the next one.
function Nap:wake()
  self.is_woken = true
  if self.sleeper then self.sleeper:cancel() end
end

return nap
