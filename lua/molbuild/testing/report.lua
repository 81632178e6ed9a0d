--- What `molbuild test` prints: each failure with its file and line, the coverage, and last the counts; or all of it as JSON, one
--- object per line.
local encode = require "molbuild.progress.encode"

local report = {}

local FIRST = { "test", "path", "line", "status", "message", "traceback", "seconds" }
local COUNTS = { "tests", "passed", "failed", "errors", "pending", "files", "seconds" }
local FILE = { "file", "percent", "lines", "missed" }

---@class molbuild.testing.Report
---@field counts table<string, number>
local Report = {}
Report.__index = Report

---@param options { json: boolean?, verbose: boolean?, write: fun(text: string) }
---@return molbuild.testing.Report
function report.new(options)
  return setmetatable({
    json = options.json, verbose = options.verbose, write = options.write,
    counts = { tests = 0, passed = 0, failed = 0, errors = 0, pending = 0, files = 0 },
  }, Report)
end

local NAMES = { passed = "passed", failed = "failed", error = "errors", pending = "pending" }
local WORDS = { passed = "ok", failed = "FAILED", error = "ERROR", pending = "pending" }

local function indented(text)
  return "    " .. text:gsub("\n", "\n    ") .. "\n"
end

local function as_json(result)
  return encode.object({
    test = result.name, path = result.path, line = result.line, status = result.status, message = result.message,
    traceback = result.traceback, seconds = result.seconds,
  }, FIRST)
end

local function as_text(result, verbose)
  local place = result.line and ("%s:%d"):format(result.path, result.line) or result.path
  local text = ("%s %s: %s\n"):format(WORDS[result.status], place, result.name)
  if result.message and result.message ~= result.name then
    text = text .. indented(result.message)
  end
  if result.traceback and verbose then
    text = text .. indented(result.traceback)
  end
  return text
end

--- Report a test.
---@param result molbuild.testing.Result
function Report:result(result)
  local counts = self.counts
  counts.tests = counts.tests + 1
  counts[NAMES[result.status]] = counts[NAMES[result.status]] + 1
  if self.json then
    self.write(as_json(result) .. "\n")
  elseif result.status ~= "passed" or self.verbose then
    self.write(as_text(result, self.verbose))
  end
end

-- 3, 4, 5, 9 as "3-5, 9"
local function ranges(lines)
  local parts, index = {}, 1
  while lines[index] do
    local first, last = lines[index], lines[index]
    while lines[index + 1] == last + 1 do
      index, last = index + 1, last + 1
    end
    parts[#parts + 1] = first == last and tostring(first) or ("%d-%d"):format(first, last)
    index = index + 1
  end
  return table.concat(parts, ", ")
end

local function percent(file)
  return file.lines > 0 and 100 * file.reached / file.lines or 100
end

local function coverage_text(result)
  local lines = {}
  for _, file in ipairs(result.files) do
    lines[#lines + 1] = ("%s: %.0f %% of %d lines%s"):format(file.path, percent(file), file.lines,
      #file.missed > 0 and "; not reached: " .. ranges(file.missed) or "")
  end
  for _, what in ipairs { "steps", "outcomes" } do
    if #result[what] > 0 then
      lines[#lines + 1] = ("%s that no test reaches: %s"):format(what, table.concat(result[what], ", "))
    end
  end
  local short = result.least and result.percent < result.least
  lines[#lines + 1] = ("coverage: %.1f %%%s"):format(result.percent,
    short and (", less than the %g %% of --min-coverage"):format(result.least) or "")
  return table.concat(lines, "\n") .. "\n"
end

local ARRAYS = { missed = true, steps = true, outcomes = true }

local function coverage_json(result)
  local lines = {}
  for index, file in ipairs(result.files) do
    local object = { file = file.path, percent = percent(file), lines = file.lines, missed = file.missed }
    lines[index] = encode.object(object, FILE, ARRAYS)
  end
  local all = { coverage = result.percent, least = result.least, steps = result.steps, outcomes = result.outcomes }
  lines[#lines + 1] = encode.object(all, { "coverage", "least", "steps", "outcomes" }, ARRAYS)
  return table.concat(lines, "\n") .. "\n"
end

--- Report what the tests reach.
---@param result molbuild.testing.Coverage
function Report:coverage(result)
  self.write(self.json and coverage_json(result) or coverage_text(result))
end

local function count(number, one, several)
  return ("%d %s"):format(number, number == 1 and one or several)
end

--- The last line.
---@param seconds number
function Report:summary(seconds)
  local counts = self.counts
  counts.seconds = seconds
  if self.json then
    return self.write(encode.object(counts, COUNTS) .. "\n")
  end
  local parts = { ("%d passed"):format(counts.passed) }
  for _, name in ipairs { "failed", "errors", "pending" } do
    if counts[name] > 0 or name == "failed" then
      parts[#parts + 1] = name == "errors" and count(counts.errors, "error", "errors") or ("%d %s"):format(counts[name], name)
    end
  end
  self.write(("%s: %s (%.2f s)\n"):format(count(counts.tests, "test", "tests"), table.concat(parts, ", "), seconds))
end

return report
