--- core.lock in a test's world: locks between the tasks of a run, and those that a test holds in another process's name.
local locks = {}

---@class molbuild.testing.Locks
local Locks = {}
Locks.__index = Locks

---@param world { clock: molbuild.testing.Clock, files: table, hostname: string, pid: integer }
---@return molbuild.testing.Locks
function locks.new(world)
  return setmetatable({ world = world, held = {}, others = {} }, Locks)
end

--- A lock that another process holds: one whose path ends in NAME.lock.
---@param name string
---@param seconds number?  from now; without end when absent
---@param purpose string?
function Locks:hold(name, seconds, purpose)
  local clock = self.world.clock
  self.others[name] = {
    till = clock.now + (seconds or math.huge),
    holder = { pid = 4711, host = "elsewhere", start = math.floor(clock:unix()), purpose = purpose or "build " .. name },
  }
end

-- Who holds a lock, and until when that is known to last.
function Locks:holder_of(path)
  local other = self.others[path:match "([^/]*)%.lock$" or path]
  if other and other.till > self.world.clock.now then
    return other.holder, other.till
  end
  local own = self.held[path]
  return own and own.holder, math.huge
end

--- core.lock.holder
function Locks:holder(path)
  return (self:holder_of(path))
end

-- What stands for the descriptor of a lock.
local DESCRIPTOR = 9

local Lock = {}
Lock.__index = Lock

function Lock:release()
  if self.locks.held[self.path] == self then
    self.locks.held[self.path] = nil
    for operation in pairs(self.locks.world.clock.waiting) do
      if operation.lock == self.path then
        operation.due = self.locks.world.clock.now
      end
    end
  end
end

Lock.close, Lock.__close = Lock.release, Lock.release

function Lock:held()
  return self.locks.held[self.path] == self
end

function Lock:describe(purpose)
  self.holder.purpose = purpose
end

function Lock.descriptor()
  return DESCRIPTOR
end

-- The process that it is left to keeps it.
function Lock:leave()
  local all = self.locks
  self:release()
  all:hold(self.path:match "([^/]*)%.lock$" or self.path, nil, self.holder.purpose)
end

local function locked(path, holder)
  return nil, ("%s is locked by pid %d on %s since %s (%s)"):format(path, holder.pid, holder.host,
    os.date("!%Y-%m-%dT%H:%M:%SZ", holder.start), holder.purpose), "locked"
end

-- Waits until the lock is free. Gives nothing then, else what acquire() gives.
function Locks:wait(path, options, deadline)
  local clock, began = self.world.clock, self.world.clock.now
  local holder, till = self:holder_of(path)
  local reported = -math.huge
  while holder do
    if clock.now >= deadline then
      return locked(path, holder)
    end
    if options.on_wait and clock.now - reported >= (options.every or 30) then
      reported = clock.now
      options.on_wait(holder, clock.now - began)
    end
    local again = options.on_wait and reported + (options.every or 30) or math.huge
    if not clock:wait_for { due = math.min(till, deadline, again), lock = path } then
      return nil, ("the wait for the lock %s was cancelled"):format(path), "cancelled"
    end
    holder, till = self:holder_of(path)
  end
end

--- core.lock.acquire
---@param path string
---@param options molbuild.core.LockOptions?
function Locks:acquire(path, options)
  options = options or {}
  local world = self.world
  local _, message, code = self:wait(path, options, world.clock.now + (options.timeout or math.huge))
  if message then
    return nil, message, code
  end
  local lock = setmetatable({ locks = self, path = path }, Lock)
  lock.holder = {
    pid = world.pid, host = world.hostname, start = math.floor(world.clock:unix()), purpose = options.purpose or "",
  }
  local ok
  ok, message, code = world.files.write_atomic(path, lock.holder.purpose .. "\n", 384)
  if not ok then
    return nil, message:gsub("^cannot write", "cannot open the lock file"), code
  end
  self.held[path] = lock
  return lock
end

--- core.lock.is_free
---@param path string
function Locks:is_free(path)
  local stat, message, code = self.world.files.lstat(path)
  if not stat then
    return nil, message:gsub("^cannot examine", "cannot open the lock file"), code
  end
  return self:holder_of(path) == nil
end

return locks
