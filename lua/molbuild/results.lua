--- The stdout of a run: the values that the policy returned, as text or as JSON; as JSON also the failures.
local results = {}

local FIRST = {
  "runtime", "image", "sha", "image_id", "outcome", "wanted", "reason", "behind_s", "building", "head_age_s", "seconds", "steps",
  "error",
}
local ERROR = { "kind", "exit", "message", "hint", "retry" }

---@class molbuild.Results
---@field asked string[]  the requested runtimes, recorded by job.asked()
local Results = {}
Results.__index = Results

--- No results yet.
---@return molbuild.Results
function results.new()
  return setmetatable({ asked = {}, by_image = {}, runtimes = {} }, Results)
end

-- The record of a runtime; a policy without jobs has one record without a name.
function Results:_of(runtime)
  local name = runtime or ""
  self.runtimes[name] = self.runtimes[name] or { steps = {} }
  return self.runtimes[name]
end

local notes = {}

function notes.result(self, e)
  self.by_image[e.image] = e
  self:_of(e.runtime).result = e
end

-- The run's first failure is the reason it ended; a runtime has one failure.
function notes.failed(self, e)
  if e.runtime then
    self:_of(e.runtime).failed = e
    self.first = self.first or e
  else
    self.failed = self.failed or e
  end
end

function notes.step_ended(self, e)
  local steps = self:_of(e.runtime).steps
  steps[e.step] = (steps[e.step] or 0) + e.seconds
end

function notes.job_ended(self, e)
  self:_of(e.runtime).ended = e
end

--- Record the outcome of a runtime. Other events are ignored.
---@param e table
function Results:event(e)
  local note = not e.now and notes[e.event] -- not of a verb that keeps running
  if note then
    note(self, e)
  end
end

local function encoded(fields)
  local object = {}
  for _, name in ipairs(FIRST) do
    object[name] = fields[name]
  end
  return require("molbuild.progress.encode").object(object, FIRST) .. "\n"
end

-- An image with its details, or a verb's rows; any other value, which a custom policy may return, alone.
function Results:_object(value)
  if type(value) == "table" then return value:json(require("molbuild.progress.encode").object) end
  local known = self.by_image[value]
  if known then
    return encoded(known)
  end
  local plain = type(value) == "number" and value or tostring(value)
  return require("molbuild.progress.encode").object { value = plain } .. "\n"
end

--- The text for stdout: one line per value, in the returned order.
---@param values table  as of table.pack
---@param json boolean?  one JSON object per line
---@return string
function Results:text(values, json)
  local lines = {}
  for index = 1, values.n do
    local value = values[index]
    lines[index] = json and self:_object(value) or type(value) == "table" and value:text() or tostring(value) .. "\n"
  end
  return table.concat(lines)
end

-- The error of a `failed` event. Its texts have been masked.
local function error_of(e)
  local object = {}
  for _, name in ipairs(ERROR) do
    object[name] = e[name]
  end
  return object
end

function Results:_failure(runtime, e)
  local known = self:_of(runtime)
  local ended = known.ended or {}
  return encoded {
    runtime = runtime, sha = ended.sha, outcome = "failed", seconds = ended.seconds, steps = known.steps,
    error = error_of(e),
  }
end

function Results:_was_skipped(runtime)
  local ended = self:_of(runtime).ended
  return ended ~= nil and ended.skipped == true
end

function Results:_were_all_skipped()
  for _, runtime in ipairs(self.asked) do
    if not self:_was_skipped(runtime) then
      return false
    end
  end
  return true
end

--- The text for stdout, as JSON, of a failed run: an object for each requested runtime, including successful ones. A
--- runtime that did not begin, or was cancelled, has the error of the run. An error of the run that no runtime has is an
--- object without a runtime. A skipped runtime has no object, unless all were skipped. A `failed` event must have reported
--- the error before.
---@return string
function Results:failures()
  local lines, covered, all_skipped = {}, false, self:_were_all_skipped()
  for _, runtime in ipairs(self.asked) do
    local known = self:_of(runtime)
    if known.result then
      lines[#lines + 1] = encoded(known.result)
    elseif all_skipped or not self:_was_skipped(runtime) then
      covered = covered or not known.failed
      lines[#lines + 1] = self:_failure(runtime, known.failed or self.failed or self.first)
    end
  end
  if self.failed and not covered then
    lines[#lines + 1] = encoded { outcome = "failed", error = error_of(self.failed) }
  end
  return table.concat(lines)
end

return results
