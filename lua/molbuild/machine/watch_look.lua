--- One look of a watch at a runtime: its policy makes sure that the image exists, as a run does, and the watch takes note of what
--- came of it.
local amounts = require "molbuild.base.amounts"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local expect = require "molbuild.base.expect"
local failures = require "molbuild.machine.failures"
local image = require "molbuild.engine.image"
local job = require "molbuild.base.job"
local origin = require "molbuild.forge.origin"
local retry = require "molbuild.base.retry"
local task = require "molbuild.base.task"
local watch_events = require "molbuild.machine.watch_events"

local watch_look = {}

--- What a failure is called that is the engine's, not a runtime's or a forge's.
local ENGINE = "the engine"

-- What it depends on -------------------------------------------------------------------------------------------------

-- The forge of a job; nil for one that asks none.
local function forge_of(own)
  local url = rawget(own, "repo_url")
  if not url or rawget(own, "manifest") then return nil end
  local ok, found = pcall(origin.of, url)
  return ok and found or nil
end

-- Whether a failure is about the whole forge: the next question about another runtime would fail in the same way.
local function is_of_forge(self, failure)
  if failure.step == self.how.steps.lookup then
    return failure.kind == "remote" or failure.kind == "timeout" or failure.retry_after ~= nil
  end
  return failure.step == self.how.steps.fetch and retry.transient(failure)
end

-- What a failure is about: a forge, the engine; nil for the runtime itself.
local function blamed(self, own, failure)
  if failure.kind == "missing_tool" then return ENGINE end
  return own and is_of_forge(self, failure) and forge_of(own) or nil
end

-- The seconds that a look must wait for what it depends on; nil when it may begin. After a failure one look tries it alone.
local function wait_for(self, lane, own)
  local now, longest = core.sys.steady(), nil
  for _, name in ipairs { forge_of(own) or ENGINE, ENGINE } do
    local trouble = self.troubles[name]
    if trouble and trouble.failures > 0 then
      local is_probed = trouble.prober and trouble.prober ~= lane
      local seconds = math.max(trouble.till - now, is_probed and self.gap or 0)
      longest = math.max(longest or 0, seconds)
      if seconds <= 0 then trouble.prober = lane end
    end
  end
  return longest and longest > 0 and longest or nil
end

-- Bad -----------------------------------------------------------------------------------------------------------------

-- A failure without what differs each time: two of the same kind are one line.
local function essence(failure)
  local message = failure.message:gsub(" %(it failed .*$", ""):gsub("%d+%.?%d*", "#")
  return table.concat({ failure.kind, failure.step or "", message }, " ")
end

local function trouble_of(self, name)
  self.troubles[name] = self.troubles[name] or self:backoff(name == ENGINE and "engine" or "forge")
  return self.troubles[name]
end

-- The message of the error that was raised first: those around it name a runtime.
local function innermost(failure)
  while errors.is(failure.cause) do failure = failure.cause end
  return failure.message
end

-- The failure of a forge, or of the engine: one line for all runtimes, and none for each further attempt.
local function note_trouble(self, name, failure)
  local trouble = trouble_of(self, name)
  local seconds = trouble:failed(core.sys.steady(), retry.after(failure.retry_after, core.sys.now()))
  self.metrics.origins:set({ origin = name }, trouble.failures)
  if trouble.failures == 1 then
    self:say("warn", "%s: %s; trying again in %s, and less often while it fails", name, innermost(failure), amounts.age(seconds))
    self:put { event = "waiting", origin = name, seconds = seconds, error = failure }
  end
  return seconds
end

-- What a look depended on has answered.
local function note_answer(self, name)
  local trouble = self.troubles[name]
  if not trouble or trouble.failures == 0 then return end
  local count, seconds = trouble:succeeded(core.sys.steady())
  self.metrics.origins:set({ origin = name }, 0)
  local failures_shown = count == 1 and "1 failure" or ("%d failures"):format(count)
  self:say("info", "%s answers again, after %s and %s", name, amounts.age(seconds), failures_shown)
  self:put { event = "recovered", origin = name, seconds = seconds }
end

-- A look that fails later, or in another way, shows that the forge answers.
local function note_forge(self, own, failure, name)
  local forge = own and forge_of(own)
  local has_answered = own and rawget(own, "sha") or failure.kind == "auth" or failure.kind == "not_found"
  if forge and forge ~= name and has_answered then note_answer(self, forge) end
end

-- Whether the failure is remembered: then a further look builds nothing, and sees soon that the branch has moved.
local function is_remembered(own)
  return own ~= nil and rawget(own, "sha") ~= nil and failures.recall(own) ~= nil
end

local function note_failure(self, lane, own, failure, sink)
  local text = essence(failure)
  local is_news = lane.failing ~= text
  lane.failing, lane.failed_commit = text, own and rawget(own, "sha")
  local seconds = not is_remembered(own) and lane.backoff:failed(core.sys.steady()) or nil
  if is_news then
    sink:release(lane.runtime)
    if not failure.reported then -- it failed before its first step
      events.emit("failed", errors.fields(failure), { events = sink.event, runtime = lane.runtime })
    end
    self:put { event = "failed", runtime = lane.runtime, seconds = seconds, error = failure }
  end
  return seconds
end

-- What came of a look that has failed. Returns the seconds until the next one.
local function failed(self, lane, own, failure, sink)
  if own and rawget(own, "skipped") then return lane.backoff:failed(core.sys.steady()) end -- that was a warning
  self.metrics:bad(lane.runtime, failure.kind)
  lane.is_bad = true
  local name = blamed(self, own, failure)
  note_forge(self, own, failure, name)
  if failure.kind == "auth" then self.forget_helpers = true end
  if name then return note_trouble(self, name, failure) end
  return note_failure(self, lane, own, failure, sink)
end

-- Good ----------------------------------------------------------------------------------------------------------------

-- When the image of a job was built; asked once for each image.
local function created(lane, own)
  local id = rawget(own, "image_id")
  if not id then return nil end
  if lane.born_of ~= id then
    local ok, found = errors.try(own.engine.image, own.engine, own.tag)
    lane.born_of, lane.born = id, ok and found and image.created(found, core.sys.now()) or nil
  end
  return lane.born
end

local function good(self, lane, own, sink)
  local name = ("%s %s"):format(rawget(own, "tag"), rawget(own, "image_id") or "")
  for _, dependency in ipairs { forge_of(own) or ENGINE, ENGINE } do note_answer(self, dependency) end
  self.metrics:good(lane.runtime, own.outcome, created(lane, own))
  lane.backoff:succeeded(core.sys.steady())
  if lane.image ~= name or lane.failing then
    sink:release(lane.runtime)
    self:put {
      event = "image", runtime = lane.runtime, outcome = own.outcome, image = own.tag, commit = rawget(own, "sha"),
      image_id = rawget(own, "image_id"),
    }
  end
  lane.image, lane.failing, lane.failed_commit, lane.is_bad = name, nil, nil, nil
end

-- The look --------------------------------------------------------------------------------------------------------------

-- What a run reads once is read again: a token's file and a file of pins may have been replaced.
local function forget(self)
  require("molbuild.forge.token").forget(self.forget_helpers)
  require("molbuild.machine.manifest").forget()
  self.forget_helpers = nil
end

--- A runtime's job, as a watch wants it.
---@param self molbuild.Watch
---@param runtime string
---@return table
---@raise any
function watch_look.job(self, runtime)
  local make = self.policy.job
  return self.how.prepare(expect.value("job", make, "job", make(runtime)))
end

local function jobs_of(self, lane)
  local list = job.with_needs({ lane.runtime }, function(name) return watch_look.job(self, name) end)
  return list[1], list
end

-- What is known of a runtime that another one needs: it may be watched itself.
local function lane_of(self, runtime)
  for _, lane in ipairs(self.lanes) do
    if lane.runtime == runtime then return lane end
  end
  self.needed[runtime] = self.needed[runtime] or { runtime = runtime, backoff = self:backoff "runtime" }
  return self.needed[runtime]
end

-- What follows a build behind a run's result: a push, gc.
local function finish(self, own)
  if self.collects and own.outcome ~= self.how.unchanged then require("molbuild.machine.gc").behind(self.policy) end
  for _, behind in ipairs(task.scope().behind) do behind() end
end

local function run(self, lane, own, list)
  local policy = self.policy
  local function skip(each, failure)
    return lane.optional and each == own and failure.kind == "not_found" and failure.step == self.how.steps.lookup
  end
  job.run_all(list, function(each) return policy.image(each) end,
    { asked = { lane.runtime }, skip = skip, finally = policy.finally })
end

-- Scope of one look: nothing of it stays.
local function enter(self, sink)
  local scope = task.scope()
  scope.events, scope.lines = sink.event, sink.lines
  scope.said, scope.asked, scope.behind, scope.policy = self.said, {}, {}, self.identity
end

--- Look at a runtime. Never fails, except that it is cancelled.
---@param self molbuild.Watch
---@param lane molbuild.WatchLane
---@return number? seconds  until the next look, where that is not the usual time
---@raise cancelled
function watch_look.look(self, lane)
  local sink = watch_events.sink(self.outer, { is_news = self.is_news, is_verbose = self.is_verbose, failed = lane.failed_commit })
  enter(self, sink)
  forget(self)
  local own, list, wait
  local ok, failure = xpcall(function()
    own, list = jobs_of(self, lane)
    wait = wait_for(self, lane, own)
    if wait then return end
    lane.sink = sink
    run(self, lane, own, list)
    finish(self, own)
  end, errors.handler)
  lane.sink = nil
  for _, trouble in pairs(self.troubles) do
    if trouble.prober == lane then trouble.prober = nil end
  end
  task.check()
  if wait then return wait, true end
  for _, each in ipairs(list or {}) do self.metrics:took(each) end
  if ok then
    for _, each in ipairs(list) do good(self, each == own and lane or lane_of(self, each.runtime), each, sink) end
    return nil
  end
  return failed(self, lane, own, errors.object(failure), sink)
end

return watch_look
