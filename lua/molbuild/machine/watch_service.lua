--- What a watch reports to the service manager that has started it: sd_notify(3). Without one nothing happens.
local core = require "molbuild.core"
local text = require "molbuild.base.text"

local service = {}

---@class molbuild.Service
---@field private address string?
---@field private every number?  seconds between two signs of life
---@field private next number?
---@field private status string?
local Service = {}
Service.__index = Service

-- A variable with a number; it is removed from the environment: a child must not speak for this process.
local function take_number(name)
  return tonumber(core.sys.take_env(name) or "")
end

--- The service manager of this process, by the variables NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are removed from the
--- environment.
---@return molbuild.Service
function service.new()
  local address = core.sys.take_env "NOTIFY_SOCKET"
  local microseconds, pid = take_number "WATCHDOG_USEC", take_number "WATCHDOG_PID"
  local is_watched = microseconds and microseconds > 0 and (not pid or pid == core.sys.pid())
  return setmetatable({
    address = address ~= "" and address or nil, every = is_watched and microseconds / 1e6 / 3 or nil, next = -math.huge,
  }, Service)
end

--- Send lines. A manager that cannot be reached does not matter for what is watched: the first failure is returned, later ones are
--- not.
---@param ... string
---@return string? problem
function Service:send(...)
  if not self.address then return nil end
  local ok, message = core.sys.notify(self.address, table.concat({ ... }, "\n"))
  local is_new = not ok and not self.has_failed
  self.has_failed = not ok
  return is_new and message or nil
end

-- The status as one line of bounded length.
local function shown(status)
  return "STATUS=" .. text.cut(text.one_line(status), 200)
end

--- It runs.
---@param status string
---@return string? problem
function Service:ready(status)
  self.status = status
  return self:send("READY=1", shown(status))
end

--- It loads its policy again; ready() follows.
---@return string? problem
function Service:reloading()
  return self:send("RELOADING=1", ("MONOTONIC_USEC=%d"):format(math.floor(core.sys.monotonic() * 1e6)))
end

--- It ends.
---@return string? problem
function Service:stopping()
  self.every = nil
  return self:send("STOPPING=1", "STATUS=stopping")
end

--- A sign of life, when one is due, and the status, when it is another one.
---@param status string
---@return string? problem
---@return number seconds  the time until the next call; math.huge without a watchdog
function Service:alive(status)
  local lines, now = {}, core.sys.monotonic()
  if self.every and now >= self.next then
    lines[1], self.next = "WATCHDOG=1", now + self.every
  end
  if status ~= self.status then
    lines[#lines + 1], self.status = shown(status), status
  end
  local problem = lines[1] and self:send(table.unpack(lines))
  return problem or nil, self.every and math.max(0, self.next - now) or math.huge
end

return service
