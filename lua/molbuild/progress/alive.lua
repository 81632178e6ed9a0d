--- Signs of life: for each runtime whose step has been silent for a while an `alive` event, so that a reader can distinguish
--- a long silence from a hang. Between two signs only the time of the next one is stored.
local alive = {}

---@class molbuild.Alive
local Alive = {}
Alive.__index = Alive

--- A watcher with no step in progress.
---@param options { every: number, now: (fun(): number), emit: (fun(fields: table)) }  every: seconds of silence before a
---  sign, and between two; now: seconds, monotonic; emit: takes the fields of an `alive` event
---@return molbuild.Alive
function alive.new(options)
  return setmetatable({
    every = options.every, now = options.now, emit = options.emit,
    lanes = {}, order = {}, -- one per runtime; events without a runtime use ""
  }, Alive)
end

function Alive:_lane(e)
  local name = e.runtime or ""
  local lane = self.lanes[name]
  if not lane then
    lane = { runtime = e.runtime, open = {} }
    self.lanes[name] = lane
    self.order[#self.order + 1] = lane
  end
  return lane
end

local notes = {}

function notes.step_started(lane, e, now)
  lane.open[#lane.open + 1] = { step = e.step, started = now }
  lane.waiting, lane.heard = nil, now
end

function notes.step_ended(lane, e)
  for index = #lane.open, 1, -1 do
    if lane.open[index].step == e.step then
      table.remove(lane.open, index)
      return
    end
  end
end

function notes.job_waiting(lane, _, now)
  lane.waiting, lane.heard = { started = now }, now
end

function notes.job_ended(lane)
  lane.waiting = nil
end

function notes.line(lane, _, now)
  lane.heard = now
end

--- Record an event: any event is a sign of life.
---@param e table
function Alive:event(e)
  local lane, now = self:_lane(e), self.now()
  lane.seen = now
  local note = notes[e.event]
  if note then
    note(lane, e, now)
  end
end

--- Record lines that a child printed.
---@param e table  the fields that their events share
function Alive:lines(e)
  local lane, now = self:_lane(e), self.now()
  lane.seen, lane.heard = now, now
end

--- Emit the signs that are due.
---@return number seconds  the time until the next call
function Alive:tick()
  local now, pause = self.now(), self.every
  for _, lane in ipairs(self.order) do
    local current = lane.open[#lane.open] or lane.waiting
    if current then
      if lane.seen + self.every <= now then
        lane.seen = now
        self.emit {
          runtime = lane.runtime, step = current.step, seconds = now - current.started, silent = now - lane.heard,
        }
      end
      pause = math.min(pause, lane.seen + self.every - now)
    end
  end
  return pause
end

return alive
