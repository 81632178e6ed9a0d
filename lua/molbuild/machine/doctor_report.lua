--- What the checks of a machine have found: one line for each check.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local doctor_report = {}

---@class molbuild.DoctorLine
---@field check string
---@field status "ok"|"warning"|"failure"
---@field message string
---@field hint string?
---@field exit integer?  of a failure

---@class molbuild.DoctorReport
---@field about string?  named in the next lines: which of several
---@field [integer] molbuild.DoctorLine
local Report = {}
Report.__index = Report

--- Nothing found yet.
---@return molbuild.DoctorReport
function doctor_report.new()
  return setmetatable({}, Report)
end

-- Texts come from servers, programs and files, too.
local function clean(words)
  return words and text.one_line(core.mask.text(tostring(words))) or nil
end

local function add(self, status, check, message, hint, exit)
  message = self.about and ("%s: %s"):format(self.about, message) or message
  self[#self + 1] = { check = clean(check), status = status, message = clean(message), hint = clean(hint), exit = exit }
end

--- A check that passed.
---@param check string  its name
---@param message string  what was found
function Report:ok(check, message)
  add(self, "ok", check, message)
end

--- Something that does not stop a run.
---@param check string
---@param message string
---@param hint string?
function Report:warn(check, message, hint)
  add(self, "warning", check, message, hint)
end

--- Something that a run would fail with: that failure, or a line with its exit status.
---@param check string
---@param failure any  a raised value
function Report:fail(check, failure)
  local e = errors.object(failure)
  add(self, "failure", check, e.message, e.hint, errors.exit_code(e))
end

--- Call a function. Its failure becomes the line of a check; a cancellation is raised again.
---@param check string
---@param fn function
---@param ... any
---@return boolean ok
---@return any result
function Report:try(check, fn, ...)
  local ok, result = xpcall(fn, errors.handler, ...)
  if ok then return true, result end
  if errors.is_cancelled(result) then error(result, 0) end
  self:fail(check, result)
  return false
end

--- The lines of another report, behind its own.
---@param other molbuild.DoctorReport
function Report:append(other)
  table.move(other, 1, #other, #self + 1, self)
end

--- The exit status: 0, or that of the first failure.
---@return integer
function Report:exit()
  for _, line in ipairs(self) do
    if line.status == "failure" then return line.exit end
  end
  return 0
end

return doctor_report
