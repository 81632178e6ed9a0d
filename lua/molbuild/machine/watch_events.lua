--- The events of a watch: those of a look that finds nothing new are dropped, so that a quiet time says nothing. The events of a
--- runtime are kept back until something begins that people want to see, or until the watch decides.
local maps = require "molbuild.base.maps"

local watch_events = {}

-- What is shown immediately, with all that was kept back: the image is built or pulled, or another process builds it.
local OPENS = maps.set { "building", "lock_waiting" }

-- What a run counts as its own results, and as its own failures: a watch has many of each.
local OF_ONE_LOOK = maps.set { "result", "failed", "job_ended", "step_ended" }

--- The most events that are kept back for a runtime: a look-up has few. The oldest are dropped.
local KEPT_MAX = 64

---@class molbuild.WatchSink
---@field event fun(e: table)
---@field lines fun(e: table, text: string): boolean?
local Sink = {}
Sink.__index = Sink

local function pass(self, e)
  if OF_ONE_LOOK[e.event] then e.now = true end
  self.outer.events(e)
end

local function lane_of(self, e)
  local name = e.runtime or ""
  self.kept[name] = self.kept[name] or {}
  return self.kept[name], name
end

--- Show what was kept back for a runtime, and all that follows.
---@param runtime string?
function Sink:release(runtime)
  local kept, name = lane_of(self, { runtime = runtime })
  if self.is_open[name] then return end
  self.is_open[name] = true
  for _, e in ipairs(kept) do pass(self, e) end
  self.kept[name] = {}
end

--- Whether something of a runtime is shown already.
---@param runtime string?
---@return boolean
function Sink:shows(runtime)
  return self.is_open[runtime or ""] == true
end

local function take(self, e)
  local kept, name = lane_of(self, e)
  if e.event == "log" and e.level ~= "info" then
    if self.is_news(e) then pass(self, e) end
    return
  end
  if OPENS[e.event] and not (e.sha and e.sha == self.failed) then self:release(e.runtime) end
  if self.is_open[name] then return pass(self, e) end
  if #kept == KEPT_MAX then table.remove(kept, 1) end
  kept[#kept + 1] = e
end

--- A sink for one look.
---@param outer table  the scope with the run's own sinks: events, lines
---@param options { is_news: (fun(e: table): boolean), is_verbose: boolean?, failed: string? }  whether a warning was not given
---  before; show everything; a commit that could not be built, and that is tried again without a line
---@return molbuild.WatchSink
function watch_events.sink(outer, options)
  local self = setmetatable({ outer = outer, is_news = options.is_news, failed = options.failed, kept = {}, is_open = {} }, Sink)
  if options.is_verbose then self.is_open = setmetatable({}, { __index = function() return true end }) end
  function self.event(e) if outer.events then take(self, e) end end
  function self.lines(e, text) return self:shows(e.runtime) and outer.lines and outer.lines(e, text) or nil end
  return self
end

--- The most warnings that are remembered.
local SAID_MAX = 500

--- Whether a text was not given before: numbers in it do not count. For warnings that each look would repeat.
---@return fun(e: table): boolean
function watch_events.once()
  local said, count = {}, 0
  return function(e)
    local key = ("%s %s"):format(e.runtime or "", (e.message:gsub("%d+", "#")))
    if said[key] then return false end
    if count == SAID_MAX then said, count = {}, 0 end
    said[key], count = true, count + 1
    return true
  end
end

return watch_events
