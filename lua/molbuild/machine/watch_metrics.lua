--- The numbers of a watch, in a file that node_exporter's textfile collector, or another program, reads.
local core = require "molbuild.core"
local openmetrics = require "molbuild.base.openmetrics"

local metrics = {}

---@class molbuild.WatchMetrics
---@field path string?  the file
local Metrics = {}
Metrics.__index = Metrics

-- Readable for all: the collector is another user.
local MODE = 420

-- The kinds of errors, so that their series exist before the first error.
local KINDS = { "remote", "auth", "not_found", "template", "build", "timeout", "missing_tool", "failed" }

local function define(all)
  local function add(type_name, name, help) return all:add(type_name, "molbuild_watch_" .. name, help) end
  return {
    version = add("gauge", "version", "The version of molbuild, as a label; always 1."),
    up = add("gauge", "up", "1 while the watch runs, 0 after its end."),
    start = add("gauge", "start_timestamp_seconds", "When the watch began, in seconds since 1970."),
    results = add("counter", "results", "Looks at a runtime that found, built or pulled its image."),
    failures = add("counter", "failures", "Looks at a runtime that failed."),
    steps = add("summary", "step_seconds", "Time that each step of the looks took."),
    checked = add("gauge", "success_timestamp_seconds", "When a look last succeeded, in seconds since 1970."),
    created = add("gauge", "image_created_timestamp_seconds", "When the current image was built, in seconds since 1970."),
    age = add("gauge", "image_age_seconds", "Age of the current image when this file was written."),
    failing = add("gauge", "failing", "1 while the last look at a runtime has failed."),
    origins = add("gauge", "origin_failures", "Failures in a row of a forge, or of the engine."),
    reloads = add("counter", "reloads", "Policies that were loaded again, or refused."),
  }
end

--- The numbers of a watch that begins now.
---@param path string?  nil: they are written to no file
---@param version string?
---@return molbuild.WatchMetrics
function metrics.new(path, version)
  local all = openmetrics.new()
  local self = setmetatable({ path = path, all = all, born = {} }, Metrics)
  for name, family in pairs(define(all)) do self[name] = family end
  self.version:set({ version = version or "unknown" }, 1)
  self.up:set(nil, 1)
  self.start:set(nil, math.floor(core.sys.now()))
  for _, result in ipairs { "loaded", "kept" } do self.reloads:add({ result = result }, 0) end
  return self
end

--- The runtimes that are watched from now on: their series begin at 0, and those of others go.
---@param runtimes string[]
---@param outcomes string[]
function Metrics:watch(runtimes, outcomes)
  local known = {}
  for _, runtime in ipairs(runtimes) do
    known[runtime] = true
    for _, outcome in ipairs(outcomes) do self.results:add({ runtime = runtime, outcome = outcome }, 0) end
    for _, kind in ipairs(KINDS) do self.failures:add({ runtime = runtime, kind = kind }, 0) end
    self.failing:set({ runtime = runtime }, 0)
  end
  for _, name in ipairs { "results", "failures", "steps", "checked", "created", "age", "failing" } do
    self[name]:keep("runtime", known)
  end
  for runtime in pairs(self.born) do self.born[runtime] = known[runtime] and self.born[runtime] end
end

--- The steps of a job that has ended, in whatever way.
---@param job table
function Metrics:took(job)
  for step, seconds in pairs(rawget(job, "steps") or {}) do
    self.steps:add({ runtime = job.runtime, step = step }, seconds)
  end
end

--- A look has found or made an image.
---@param runtime string
---@param outcome string?
---@param created number?  when the image was built, in seconds since 1970; nil: not known
function Metrics:good(runtime, outcome, created)
  self.results:add({ runtime = runtime, outcome = outcome or "none" }, 1)
  self.checked:set({ runtime = runtime }, math.floor(core.sys.now()))
  self.failing:set({ runtime = runtime }, 0)
  self.born[runtime] = created
  self.created:set({ runtime = runtime }, created)
end

--- A look has failed.
---@param runtime string
---@param kind string
function Metrics:bad(runtime, kind)
  self.failures:add({ runtime = runtime, kind = kind }, 1)
  self.failing:set({ runtime = runtime }, 1)
end

--- Write the file. Readers see the old one or the new one.
---@return true? ok
---@return string? message
---@return string? code
function Metrics:write()
  if not self.path then return true end
  local now = core.sys.now()
  for runtime, created in pairs(self.born) do
    self.age:set({ runtime = runtime }, math.max(0, math.floor(now - created)))
  end
  return core.fs.write_atomic(self.path, self.all:text(), MODE)
end

return metrics
