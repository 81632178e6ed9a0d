--- A policy's work on one thing: its steps, timed and told; several of them side by side.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local events = require "molbuild.events"
local task = require "molbuild.task"

local job = {}

--- Run one step of a job: tells its start and end, and notes its time in job.steps.
---@param self table  the job
---@param name string
---@param fn fun(self: table): ...
function job.step(self, name, fn)
  local scope, started = task.scope(), core.sys.monotonic()
  local outer = rawget(scope, "step")
  scope.step = name
  events.emit("step_started", { step = name })
  local results = table.pack(xpcall(fn, errors.handler, self))
  local seconds = core.sys.monotonic() - started
  self.steps = self.steps or {}
  self.steps[name] = (self.steps[name] or 0) + seconds
  events.emit("step_ended", { step = name, ok = results[1], seconds = seconds })
  scope.step = outer
  if not results[1] then
    local failure = results[2]
    if errors.is(failure) then
      failure.step = failure.step or name
    end
    error(failure, 0)
  end
  return table.unpack(results, 2, results.n)
end

--- Wait for one of the places that --jobs leaves; gives an object to close.
function job.place()
  local places = task.scope().places
  if not places then
    return setmetatable({}, { __close = function() end })
  end
  return places:acquire(function()
    events.emit "job_waiting"
  end)
end

local function run_one(self, fn)
  local started = core.sys.monotonic()
  task.scope().runtime = self.runtime
  events.emit "job_started"
  local ok, result = xpcall(fn, errors.handler, self)
  if not ok and not errors.is(result, "cancelled") and not errors.is(result, "signal") then
    events.emit("failed", errors.fields(result))
    result.reported = true
  elseif ok then
    events.emit("result", {
      image = self.tag,
      sha = self.sha,
      image_id = self.image_id,
      outcome = self.outcome,
      steps = self.steps or {},
    })
  end
  events.emit("job_ended", {
    ok = ok,
    seconds = core.sys.monotonic() - started,
    outcome = ok and self.outcome or nil,
    image = ok and self.tag or nil,
  })
  if not ok then
    error(result, 0)
  end
  return result
end

--- Run FN for every job, side by side. A failure does not stop the others; when all have ended, the first failed one's
--- error is raised, in the order of the jobs. Every failure is reported by then.
---@param jobs table[]  each with a field `runtime`, which names it in what people see
---@param fn fun(job: table): any
---@return any[] results  in the order of the jobs
function job.run_all(jobs, fn)
  local outcomes = task.map(jobs, { settle = true }, function(self)
    return run_one(self, fn)
  end)
  local results = {}
  for index, outcome in ipairs(outcomes) do
    if not outcome.ok then
      error(outcome.error, 0)
    end
    results[index] = outcome.value
  end
  return results
end

return job
