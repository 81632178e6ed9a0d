--- The lines of a report of `molbuild doctor`, as texts.
local doctor_report = require "molbuild.machine.doctor_report"

local doctor_lines = {}

--- The lines that FN adds to a report: "status check: message".
---@param fn fun(report: molbuild.DoctorReport, ...)
---@return string[]
---@return molbuild.DoctorReport
function doctor_lines.of(fn, ...)
  local report, list = doctor_report.new(), {}
  fn(report, ...)
  for index, line in ipairs(report) do list[index] = ("%s %s: %s"):format(line.status, line.check, line.message) end
  return list, report
end

--- The line with a beginning; raises without one.
---@param list string[]
---@param beginning string
---@return string
function doctor_lines.find(list, beginning)
  for _, line in ipairs(list) do
    if line:sub(1, #beginning) == beginning then return line end
  end
  error(("no line %s in:\n%s"):format(beginning, table.concat(list, "\n")), 2)
end

return doctor_lines
