--- The verb `watch` of a policy: images are kept fresh. One loop looks at each runtime in turn; docs/operations.md has the rules.
local amounts = require "molbuild.base.amounts"
local backoff = require "molbuild.machine.watch_backoff"
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local encode = require "molbuild.progress.encode"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local metrics = require "molbuild.machine.watch_metrics"
local nap = require "molbuild.base.nap"
local service = require "molbuild.machine.watch_service"
local task = require "molbuild.base.task"
local watch_events = require "molbuild.machine.watch_events"
local watch_look = require "molbuild.machine.watch_look"

local watch = {
  --- Seconds between two looks at a runtime, where the command line does not say, and the least that it may say.
  EVERY = 300, EVERY_MIN = 1,
  --- The name of its lock, among those of runtimes.
  LOCK = "molbuild-watch",
}

--- The longest time between two looks at a runtime that fails, and between two questions to a forge that does, in seconds, unless
--- the usual time is longer.
local CEILING, FORGE_CEILING = 3600, 900

--- The first and the longest time of the same for the engine, which is near: in seconds, but not more than the usual time.
local ENGINE_FIRST, ENGINE_CEILING = 10, 60

--- The least time between the beginnings of two looks, in seconds, where there are few runtimes.
local GAP_MAX = 2

--- The time between two looks differs by this part, so that many machines do not ask at the same time.
local JITTER = 0.1

--- The longest wait, in seconds: a machine that was suspended is noticed, and the numbers are written.
local NAP_MAX = 15

local STDOUT, STDERR = 1, 2
local SIGHUP, SIGINT, SIGTERM = 1, 2, 15

---@class molbuild.WatchLane
---@field runtime string
---@field optional boolean?  only --all names it: a repository that is missing is no failure
---@field due number  when the next look is, by core.sys.steady()
---@field backoff molbuild.Backoff  of failures that are the runtime's own
---@field task molbuild.Task?  the look
---@field sink molbuild.WatchSink?  the events of the look
---@field is_bad boolean?  the last look has failed
---@field failing string?  the failure that was reported
---@field failed_commit string?  the commit that it was about
---@field image string?  name and id of the image that was found last

---@class molbuild.Watch
---@field policy table
---@field how molbuild.WatchHow
---@field every number
---@field gap number
---@field lanes molbuild.WatchLane[]
---@field troubles table<string, molbuild.Backoff>  of what several runtimes depend on: a forge, the engine
---@field needed table<string, molbuild.WatchLane>  of runtimes that others need
---@field outer table  the scope of the verb
local Watch = {}
Watch.__index = Watch

---@class molbuild.WatchHow
---@field prepare fun(job: table): table  makes a job of the policy one of a watch
---@field outcomes string[]  the outcomes that a job may have
---@field unchanged string  the outcome of a job that found its image
---@field steps { lookup: string, fetch: string }  the names of the steps that ask the forge
---@field reload fun(): table, function  loads the policy again; gives it, and what identifies it

-- Saying something ------------------------------------------------------------------------------------------------------

--- A line of the watch itself, in the log.
---@param level "info"|"warn"
---@param format string
---@param ... any
function Watch:say(level, format, ...)
  events.emit("log", { level = level, message = format:format(...) }, { events = self.outer.events })
end

--- A problem of what is beside the matter: one line until it is over.
---@param name string
---@param message string?  nil: there is none
function Watch:note(name, message)
  local is_new = message and not self.problems[name]
  self.problems[name] = message
  if is_new then self:say("warn", "%s", message) end
end

local FIRST = { "time", "event", "runtime", "outcome", "image", "commit", "image_id" }

--- With --output=json: an object on stdout, as soon as it is known. A reader that does not read holds nothing up; one that has
--- gone ends the watch.
---@param row table  docs/verbs.schema.json; error: an error object
function Watch:put(row)
  if not self.json then return end
  row.time = core.sys.now()
  local shown = row.error and errors.fields(row.error)
  row.error = shown and { kind = shown.kind, exit = shown.exit, message = shown.message, hint = shown.hint, retry = shown.retry }
  if core.sys.isatty(STDOUT) and self.outer.settle then self.outer.settle() end -- no live lines below it
  local ok, _, reason = core.writer.put(STDOUT, encode.object(row, FIRST) .. "\n")
  if not ok and reason then
    self:finish(errors.new { kind = "failed", message = "cannot write what is new: " .. reason })
  end
  self:note("stdout", not ok and "what is new is not written: stdout is not read" or nil)
end

local function names_of(list, is_one)
  local names = {}
  for _, lane in ipairs(list) do names[#names + 1] = is_one(lane) and lane.runtime or nil end
  return #names > 0 and table.concat(names, ", ") or nil
end

-- What a service manager shows.
local function status_of(self)
  local parts, silent = {}, {}
  for name, trouble in pairs(self.troubles) do
    if trouble.failures > 0 then silent[#silent + 1] = name .. " does not answer" end
  end
  table.sort(silent)
  parts[1] = ("%d %s every %s"):format(#self.lanes, #self.lanes == 1 and "runtime" or "runtimes", amounts.age(self.every))
  table.move(silent, 1, #silent, 2, parts)
  local building = names_of(self.lanes, function(lane) return lane.sink and lane.sink:shows(lane.runtime) end)
  local bad = names_of(self.lanes, function(lane) return lane.is_bad end)
  parts[#parts + 1] = building and "building: " .. building
  parts[#parts + 1] = bad and "failing: " .. bad
  return table.concat(parts, "; ")
end

local function write_metrics(self)
  local _, message = self.metrics:write()
  self:note("metrics", message and ("--metrics: %s"):format(message))
end

-- Lanes ------------------------------------------------------------------------------------------------------------------

--- When something that fails is tried again.
---@param what "runtime"|"forge"|"engine"
---@return molbuild.Backoff
function Watch:backoff(what)
  if what == "engine" then
    return backoff.new { first = math.min(self.every, ENGINE_FIRST), ceiling = math.min(self.every, ENGINE_CEILING) }
  end
  return backoff.new { first = self.every, ceiling = math.max(self.every, what == "forge" and FORGE_CEILING or CEILING) }
end

-- The runtimes that are watched now. Those that were watched before keep what is known of them.
local function set_lanes(self, names, optional)
  local before, lanes, seen = {}, {}, {}
  for _, lane in ipairs(self.lanes) do before[lane.runtime] = lane end
  for _, runtime in ipairs(names) do
    if not seen[runtime] then
      local lane = before[runtime] or { runtime = runtime, due = -math.huge }
      lane.optional, lane.backoff, seen[runtime] = (optional or {})[runtime], self:backoff "runtime", lane
      lanes[#lanes + 1] = lane
    end
  end
  for runtime, lane in pairs(before) do
    if not seen[runtime] and lane.task then lane.task:cancel() end
  end
  self.lanes, self.gap = lanes, math.min(GAP_MAX, self.every / #lanes)
  self.metrics:watch(names, self.how.outcomes)
end

-- When a lane is due after a look that began at BEGAN. After their first looks the lanes are spread over the time.
local function next_due(self, index, lane, began, seconds)
  if seconds then return core.sys.steady() + seconds end
  local part = 1 + JITTER * (2 * math.random() - 1)
  if not lane.is_spread then
    lane.is_spread, part = true, 0.5 + index / #self.lanes
  end
  return math.max(began + self.every * part, core.sys.steady() + self.gap)
end

local function look(self, index, lane)
  local began = core.sys.steady()
  local seconds, is_postponed = watch_look.look(self, lane)
  lane.due = next_due(self, index, lane, began, seconds)
  if not is_postponed then
    write_metrics(self)
  end
end

local function start(self, index, lane)
  lane.task = task.spawn(function()
    local _ <close> = defer(function()
      lane.task = nil
      self.nap:wake()
    end)
    local ok, failure = xpcall(look, errors.handler, self, index, lane)
    if ok or task.current().cancelled then return end
    lane.due = core.sys.steady() + self.every -- a mistake of the watch itself must not end it
    self:say("warn", "%s: %s", lane.runtime, tostring(failure))
  end)
end

-- Begin the looks that are due, with a pause between any two. Returns the seconds until the next one.
local function start_due(self)
  local now, nearest, index, free = core.sys.steady(), math.huge, nil, 0
  for place, lane in ipairs(self.lanes) do
    if not lane.task and lane.due < nearest then nearest, index = lane.due, place end
    free = lane.task and free or free + 1
  end
  if not index then return NAP_MAX end
  local at = math.max(nearest, self.free_at)
  if at > now then return at - now end
  self.free_at = now + self.gap
  start(self, index, self.lanes[index])
  return free > 1 and self.gap or NAP_MAX
end

-- Signals ----------------------------------------------------------------------------------------------------------------

--- End the watch: what runs is stopped as in a run that is ended. With an error, the verb fails with it.
---@param failure molbuild.Error?
---@param reason molbuild.Error?  what a look that is stopped reports
function Watch:finish(failure, reason)
  self.failure, self.is_ending = self.failure or failure, true
  for _, lane in ipairs(self.lanes) do
    if lane.task then lane.task:cancel(reason or failure) end
  end
  self.nap:wake()
end

-- A terminal that was closed sends this signal, too. There no user would see what follows, and the user has left.
local function has_left(self)
  return self.is_interactive and not core.sys.isatty(STDERR)
end

local function take_signal(self, signo)
  if signo == SIGHUP and not has_left(self) then
    self.wants_policy = true
    self.nap:wake()
    return true
  elseif signo ~= SIGHUP and signo ~= SIGINT and signo ~= SIGTERM or self.is_killing then
    return false
  elseif self.is_ending then
    self.is_killing = true
    for _, lane in ipairs(self.lanes) do
      if lane.task then lane.task:kill() end
    end
    return true
  end
  local name = core.sys.signal_name(signo)
  self.ended_by = name
  self:finish(nil, errors.new { kind = "signal", message = "ended by " .. name, signal = signo })
  return true
end

-- Load the policy again. The old one stays when something is wrong with the new one.
local function reload(self)
  self.wants_policy = nil
  self:note("service", self.service:reloading())
  local ok, failure = xpcall(function()
    local policy, identity = self.how.reload()
    local names, optional = policy.names(table.move(self.words, 1, #self.words, 1, {}))
    self.policy, self.identity = policy, identity
    set_lanes(self, names, optional)
    for _, lane in ipairs(self.lanes) do lane.due = lane.is_bad and -math.huge or lane.due end
  end, errors.handler)
  task.check()
  self.metrics.reloads:add({ result = ok and "loaded" or "kept" }, 1)
  if ok then
    self:say("info", "the policy was loaded again: %s", status_of(self))
  else
    self:say("warn", "the policy was not loaded again, the former one stays: %s", errors.object(failure).message)
  end
  self:put { event = "policy", outcome = ok and "loaded" or "kept", error = not ok and errors.object(failure) or nil }
  self:note("service", self.service:ready(status_of(self)))
end

-- The verb ---------------------------------------------------------------------------------------------------------------

local function every_of(word)
  local seconds = amounts.seconds(word or watch.EVERY, "--every")
  if seconds < watch.EVERY_MIN then
    errors.raise { kind = "usage", message = ('--every must be at least %ds, not "%s"'):format(watch.EVERY_MIN, word) }
  end
  return seconds
end

-- The first job that the policy gives. A mistake about one runtime is reported by its looks; one about all of them is an error now.
local function first_job(self)
  local scope, first = task.scope(), nil
  scope.events = watch_events.sink(self.outer, { is_news = self.is_news }).event
  for _, lane in ipairs(self.lanes) do
    local ok, job = xpcall(watch_look.job, errors.handler, self, lane.runtime)
    first = first or job
    if ok then
      scope.events = self.outer.events
      return job
    end
  end
  scope.events = self.outer.events
  error(first, 0)
end

-- One watch for each cache: two would build the same, one after the other, and ask the forge twice.
local function lock_of(self)
  local job = first_job(self)
  if not rawget(job, "cache") then return nil end
  local timeout = task.scope().lock_timeout or 0
  local ok, lock = errors.try(require("molbuild.repository.cache").lock, job.cache, watch.LOCK,
    { purpose = "watch", timeout = timeout })
  if ok then return lock end
  if lock.kind == "locked" then lock.message = "another watch is running: " .. lock.message end
  error(lock, 0)
end

local function new(policy, given, words, how)
  local scope = task.scope()
  local names, optional = policy.names(table.move(words, 1, #words, 1, {}))
  local self = setmetatable({
    policy = policy, identity = scope.policy, how = how, words = words, every = every_of(given.every), lanes = {}, troubles = {},
    needed = {}, said = {}, problems = {}, nap = nap.new(), free_at = -math.huge, collects = given.gc, is_verbose = scope.verbose,
    json = scope.json, is_interactive = core.sys.isatty(STDERR), is_news = watch_events.once(),
    outer = { events = scope.events, lines = scope.lines, settle = scope.settle },
    metrics = metrics.new(given.metrics, scope.version), service = service.new(),
  }, Watch)
  set_lanes(self, names, optional)
  return self
end

local function turn(self)
  if self.wants_policy then reload(self) end
  local seconds = math.min(NAP_MAX, start_due(self))
  local problem, until_sign = self.service:alive(status_of(self))
  self:note("service", problem)
  if self.metrics.path and core.sys.steady() >= self.write_at then
    self.write_at = core.sys.steady() + 60
    write_metrics(self)
  end
  self.nap:wait(math.min(seconds, until_sign))
end

local function begin(self)
  local ok, message, code = self.metrics:write()
  errors.must(ok, message and "--metrics: " .. message, code, { kind = "usage" })
  local lowered, why = core.sys.lower_priority()
  if not lowered then self:say("warn", "%s", why) end
  task.scope().low_priority = true
  require("molbuild.forge.gitea").remember()
  task.on_signal(function(signo) return take_signal(self, signo) end)
  if #self.lanes > 1 and task.scope().several then task.scope().several() end
  self:say("info", "watching %s", status_of(self))
  self:note("service", self.service:ready(status_of(self)))
  self.write_at = core.sys.steady() + 60
end

-- Wait for what was stopped.
local function wind_up(self)
  self.service:stopping()
  if self.ended_by then self:say("info", "ended by %s", self.ended_by) end
  for _, lane in ipairs(self.lanes) do
    if lane.task then pcall(lane.task.join, lane.task) end
  end
end

-- Whatever ends the watch: the numbers say so. Nothing here waits.
local function ending(self)
  return defer(function()
    if not self.is_ending then self.service:stopping() end
    self.metrics.up:set(nil, 0)
    write_metrics(self)
  end)
end

--- The verb: `molbuild watch ensure.lua [options] [runtime...]`. Runs until a signal ends it.
---@param policy table
---@param args string[]
---@param how molbuild.WatchHow
---@raise usage | locked | failed
function watch.verb(policy, args, how)
  local given, words = require("molbuild.base.arguments").parse(args, policy.arguments().watch, "--all")
  local self = new(policy, given, words, how)
  local _ <close> = lock_of(self)
  begin(self)
  local _ <close> = ending(self)
  while not self.is_ending do turn(self) end
  wind_up(self)
  task.on_signal(nil)
  if self.failure then error(self.failure, 0) end
end

return watch
