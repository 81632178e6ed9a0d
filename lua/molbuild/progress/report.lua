-- Failures, kept until they are shown.

local errors = require "molbuild.base.errors"
local say = require "molbuild.progress.say"
local text = require "molbuild.base.text"

local TAIL_LINES = 40

local report = {}

---@class molbuild.Report
local Report = {}
Report.__index = Report

--- An empty report.
---@param paint fun(text: string, name: string?): string
---@param words molbuild.Words
---@param verbose boolean?  whether tracebacks include the library's own lines
---@return molbuild.Report
function report.new(paint, words, verbose)
  return setmetatable({ paint = paint, words = words, verbose = verbose, failures = {}, order = {}, runtimes = 0 }, Report)
end

--- Record the runtimes in the order they start: failures are shown in that order.
---@param runtime string?
function Report:expect(runtime)
  if runtime and not self.order[runtime] then
    self.runtimes = self.runtimes + 1
    self.order[runtime] = self.runtimes
  end
end

--- Keep a failure.
---@param e table  failed
function Report:add(e)
  self:expect(e.runtime)
  table.insert(self.failures, { event = e, place = self.order[e.runtime] or math.huge, index = #self.failures })
end

-- A user who stopped the run does not need the last output.
local function wants_tail(e)
  return e.tail and #e.tail > 0 and e.kind ~= "signal" and e.kind ~= "cancelled"
end

local function append_tail(lines, e, words)
  local first = math.max(1, #e.tail - TAIL_LINES + 1)
  local count = #e.tail - first + 1
  lines[#lines + 1] = say.head(words) .. "the last " .. (count == 1 and "line:" or count .. " lines:")
  for i = first, #e.tail do
    lines[#lines + 1] = "  | " .. text.one_line(e.tail[i])
  end
end

--- The heading of a failure: its runtime and step.
---@param e table  failed
---@param words molbuild.Words
---@return string
function report.heading(e, words)
  local who = e.runtime and text.one_line(e.runtime) .. ": " or ""
  return say.head(words) .. who .. "failed" .. (e.step and " in step " .. text.one_line(e.step) or "")
end

local function append(self, lines, e)
  local words = self.words
  if e.runtime or e.step then
    lines[#lines + 1] = self.paint(report.heading(e, words), "red")
  end
  if wants_tail(e) then
    append_tail(lines, e, words)
  end
  if e.log then
    lines[#lines + 1] = say.head(words) .. "the whole log: " .. text.one_line(e.log)
  end
  for line in errors.format(errors.new(e), words.prefix and "molbuild: " .. words.prefix, self.verbose):gmatch("[^\n]+") do
    lines[#lines + 1] = line
  end
end

--- The lines for all failures kept so far, each under its runtime's name. The failures are then forgotten.
---@return string[]
function Report:take()
  table.sort(self.failures, function(a, b)
    if a.place == b.place then
      return a.index < b.index
    end
    return a.place < b.place
  end)
  local lines = {}
  for _, failure in ipairs(self.failures) do
    append(self, lines, failure.event)
  end
  self.failures = {}
  return lines
end

return report
