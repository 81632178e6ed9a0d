--- Jobs that need others first: an image that is built from another one.
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"

local needs = {}

local function mistake(format, ...)
  errors.raise { kind = "bug", message = format:format(...) }
end

-- Add the job of NAME, and those that it needs. ABOVE has the names of the jobs that led to it.
local function add(state, name, above)
  for _, other in ipairs(above) do
    if other == name then
      mistake("per_runtime.%s.needs: a circle: %s, %s", above[#above], table.concat(above, ", "), name)
    end
  end
  if state.by_name[name] then return end
  local job = state.make(name)
  state.by_name[name] = job
  local path = table.move(above, 1, #above, 1, {})
  path[#path + 1] = name
  for _, other in ipairs(rawget(job, "needs") or {}) do add(state, other, path) end
  if not state.is_named[name] then table.insert(state.others, job) end
end

--- The jobs of some runtimes, in their order and as often as they are named, and behind them those of all that these need.
---@param names string[]
---@param make fun(name: string): table  makes a job; its field `needs` lists names
---@return table[] jobs
---@raise bug  a job needs itself
function needs.jobs(names, make)
  local state = { others = {}, by_name = {}, is_named = {}, make = make }
  for _, name in ipairs(names) do state.is_named[name] = true end
  local list = {}
  for index, name in ipairs(names) do
    add(state, name, {})
    list[index] = state.by_name[name]
  end
  return table.move(state.others, 1, #state.others, #list + 1, list)
end

---@class molbuild.Gates
local Gates = {}
Gates.__index = Gates

--- For each job something that others can wait for. Sets `is_base` in those that others need.
---@param jobs table[]
---@return molbuild.Gates
function needs.gates(jobs)
  local self, is_base = setmetatable({ by_name = {} }, Gates), {}
  for _, job in ipairs(jobs) do
    local semaphore = task.semaphore(1)
    for _, name in ipairs(rawget(job, "needs") or {}) do is_base[name] = true end
    self.by_name[job.runtime] = { job = job, semaphore = semaphore, held = semaphore:acquire() }
  end
  for _, job in ipairs(jobs) do job.is_base = is_base[job.runtime] end
  return self
end

--- A job has ended; FAILURE is why, where it failed.
---@param job table
---@param failure molbuild.Error?
function Gates:open(job, failure)
  local gate = self.by_name[job.runtime]
  gate.failure = failure
  getmetatable(gate.held).__close(gate.held)
end

--- Wait until all that a job needs have ended well. They become its field `needed`, by name.
---@param job table
---@raise any  the failure of one of them
function Gates:wait(job)
  local list = rawget(job, "needs") or {}
  if #list == 0 then return end
  job.needed = {}
  for _, name in ipairs(list) do
    local gate = self.by_name[name] or mistake("%s needs %s, which is not among the jobs", job.runtime, name)
    do
      local _ <close> = gate.semaphore:acquire()
    end
    if gate.failure then
      error(errors.wrap(gate.failure, ("%s needs %s, which failed"):format(job.runtime, name)), 0)
    end
    job.needed[name] = gate.job
  end
end

return needs
