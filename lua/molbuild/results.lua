--- What a run prints on stdout: the values that the policy returned, as text or as JSON; as JSON also what failed.
local results = {}

local FIRST = { "runtime", "image", "sha", "image_id", "outcome", "seconds", "steps", "error" }
local ERROR = { "kind", "exit", "message", "hint", "retry" }

---@class molbuild.Results
---@field asked string[]  the runtimes that the policy was asked for, noted by job.asked()
local Results = {}
Results.__index = Results

--- No results yet.
---@return molbuild.Results
function results.new()
  return setmetatable({ asked = {}, by_image = {}, runtimes = {} }, Results)
end

-- What is known of a runtime; a policy without jobs has one without a name.
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

-- The first one of the whole run is why it ended; of those of a runtime there is one.
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

--- Take note of what a runtime came to. Other events are left alone.
---@param e table
function Results:event(e)
  local note = notes[e.event]
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

-- An image with all that is known about it; a value of another kind, which a policy of one's own may return, alone.
function Results:_object(value)
  local known = self.by_image[value]
  if known then
    return encoded(known)
  end
  local plain = type(value) == "number" and value or tostring(value)
  return require("molbuild.progress.encode").object { value = plain } .. "\n"
end

--- The text for stdout: a line a value, in the order returned.
---@param values table  as of table.pack
---@param json boolean?  one JSON object a line
---@return string
function Results:text(values, json)
  local lines = {}
  for index = 1, values.n do
    lines[index] = json and self:_object(values[index]) or tostring(values[index]) .. "\n"
  end
  return table.concat(lines)
end

-- The error of a `failed` event. What is in it has been masked.
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

--- The text for stdout, as JSON, of a run that failed: an object for each runtime that was asked for, also for one that
--- succeeded; one that did not begin, or was cancelled, has the error of the run. An error of the run that none of them
--- has is an object without a runtime. What was skipped has none, unless all of it was. A `failed` event must have said
--- what failed.
---@return string
function Results:failures()
  local lines, told, all_skipped = {}, false, self:_were_all_skipped()
  for _, runtime in ipairs(self.asked) do
    local known = self:_of(runtime)
    if known.result then
      lines[#lines + 1] = encoded(known.result)
    elseif all_skipped or not self:_was_skipped(runtime) then
      told = told or not known.failed
      lines[#lines + 1] = self:_failure(runtime, known.failed or self.failed or self.first)
    end
  end
  if self.failed and not told then
    lines[#lines + 1] = encoded { outcome = "failed", error = error_of(self.failed) }
  end
  return table.concat(lines)
end

return results
