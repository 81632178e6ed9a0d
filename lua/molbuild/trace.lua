-- A run as Chrome trace events for Perfetto: one lane per runtime, one bar per step, lock wait and build step.

local core = require "molbuild.core"
local encode = require "molbuild.progress.encode"

local PID = 1
local RUN_LANE = 0
-- A build's output can cause any number of events.
local MAX_KEPT = 100000
local FIRST = { "name", "ph", "pid", "tid", "ts", "dur" }

local trace = {}

---@class molbuild.Trace
local Trace = {}
Trace.__index = Trace

--- An empty trace; its time begins now.
---@param now (fun(): number)?  seconds, monotonic; core.sys.monotonic when absent
---@return molbuild.Trace
function trace.new(now)
  now = now or core.sys.monotonic
  return setmetatable({ now = now, start = now(), done = {}, lanes = {}, order = {}, names = {} }, Trace)
end

function Trace:_time()
  return math.floor((self.now() - self.start) * 1e6 + 0.5)
end

-- The lane of an event: its number, and its open bars, the innermost last.
function Trace:_lane(e)
  local name = e.runtime or ""
  if not self.lanes[name] then
    local tid = RUN_LANE
    if e.runtime then
      self.names[#self.names + 1] = e.runtime
      tid = #self.names
    end
    self.lanes[name] = { tid = tid, open = {} }
    self.order[#self.order + 1] = self.lanes[name]
  end
  return self.lanes[name]
end

local function complete(lane, bar, ending, more)
  local args = {}
  for _, some in ipairs { bar.args or {}, more or {} } do
    for name, value in pairs(some) do
      args[name] = value
    end
  end
  return {
    name = bar.name, ph = "X", pid = PID, tid = lane.tid, ts = bar.ts, dur = ending - bar.ts, args = args,
  }
end

function Trace:_begin(e, kind, name, args)
  local lane = self:_lane(e)
  table.insert(lane.open, { kind = kind, name = name, args = args, ts = self:_time() })
end

function Trace:_keep(event)
  if #self.done < MAX_KEPT then
    table.insert(self.done, event)
  end
end

local function has(lane, kind)
  for _, bar in ipairs(lane.open) do
    if bar.kind == kind then
      return true
    end
  end
  return false
end

-- End the innermost bar of a kind, and all bars inside it.
function Trace:_end(e, kind, args)
  local lane, ending = self:_lane(e), self:_time()
  local last = not has(lane, kind)
  while not last do
    local bar = table.remove(lane.open)
    last = bar.kind == kind
    self:_keep(complete(lane, bar, ending, last and args or nil))
  end
end

function Trace:_mark(e, name, args)
  local lane = self:_lane(e)
  self:_keep { name = name, ph = "i", s = "t", pid = PID, tid = lane.tid, ts = self:_time(), args = args }
end

local handlers = {}

function handlers.run_started(self, e)
  self:_begin(e, "run", "run " .. e.script, { version = e.version, path = e.path })
end

function handlers.run_ended(self, e)
  self:_end(e, "run", { exit = e.exit })
end

function handlers.job_waiting(self, e)
  self:_begin(e, "slot", "waiting for a slot")
end

function handlers.job_started(self, e)
  self:_end(e, "slot")
  self:_begin(e, "job", e.runtime or "job")
end

function handlers.job_ended(self, e)
  self:_end(e, "slot")
  self:_end(e, "job", { ok = e.ok, outcome = e.outcome, image = e.image })
end

function handlers.step_started(self, e)
  self:_end(e, "slot")
  self:_begin(e, "step " .. e.step, e.step)
end

function handlers.step_ended(self, e)
  self:_end(e, "step " .. e.step, { ok = e.ok })
end

function handlers.lock_waiting(self, e)
  -- It is repeated during the wait.
  if not has(self:_lane(e), "lock wait") then
    local holder = e.holder or {}
    self:_begin(e, "lock wait", "lock wait", { pid = holder.pid, host = holder.host, purpose = holder.purpose })
  end
end

function handlers.lock_acquired(self, e)
  self:_end(e, "lock wait")
end

-- A build step ends with the next one, or with the step around it: only its beginning is reported.
function handlers.progress(self, e)
  self:_end(e, "build step")
  self:_begin(e, "build step", ("%d/%d %s"):format(e.done, e.total, e.text))
end

function handlers.retry(self, e)
  self:_mark(e, "retry " .. e.what, { message = e.message, attempt = e.attempt })
end

function handlers.log(self, e)
  self:_mark(e, e.level, { message = e.message })
end

function handlers.failed(self, e)
  self:_mark(e, "failed", { kind = e.kind, message = e.message })
end

--- Record an event.
---@param e table
function Trace:event(e)
  local handler = handlers[e.event]
  if handler then
    handler(self, e)
  end
end

local function lane_name(tid, name)
  return { name = "thread_name", ph = "M", ts = 0, pid = PID, tid = tid, args = { name = name } }
end

-- All kept bars, ordered by their beginning: bars are kept when they end. A bar comes before those inside it.
function Trace:_in_order(run_ended)
  local events, ending = table.move(self.done, 1, #self.done, 1, {}), self:_time()
  for _, lane in ipairs(self.order) do
    for _, bar in ipairs(lane.open) do
      events[#events + 1] = complete(lane, bar, ending, bar.kind == "run" and run_ended or { unfinished = true })
    end
  end
  local place = {}
  for index, event in ipairs(events) do
    place[event] = index
  end
  table.sort(events, function(a, b)
    if a.ts ~= b.ts then
      return a.ts < b.ts
    elseif (a.dur or 0) ~= (b.dur or 0) then
      return (a.dur or 0) > (b.dur or 0)
    end
    return place[a] < place[b]
  end)
  return events
end

--- The trace as a JSON document, ordered by time. An unfinished bar lasts until now.
---@param run_ended { exit: integer }?  the run ends now with this result; the trace itself stays open
---@return string
function Trace:json(run_ended)
  local events = { lane_name(RUN_LANE, "molbuild") }
  for tid, name in ipairs(self.names) do
    events[#events + 1] = lane_name(tid, name)
  end
  local in_order = self:_in_order(run_ended)
  table.move(in_order, 1, #in_order, #events + 1, events)
  local lines = {}
  for i, event in ipairs(events) do
    lines[i] = encode.object(event, FIRST)
  end
  return '{"displayTimeUnit":"ms","traceEvents":[\n' .. table.concat(lines, ",\n") .. "\n]}\n"
end

--- Write it to a file, completely or not at all. Anything but a regular file is refused: writing would replace it.
---@param path string
---@param run_ended { exit: integer }?  as for json()
---@return boolean? ok
---@return string? message
function Trace:write(path, run_ended)
  path = core.fs.realpath(path) or path
  local stat = core.fs.lstat(path)
  if stat and stat.type ~= "file" then
    return nil, ("cannot write %s: it is a %s, not a file"):format(path, stat.type)
  end
  return core.fs.write_atomic(path, self:json(run_ended), 420)
end

return trace
