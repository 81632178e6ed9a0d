--- The checks that a fork adds: `doctor_checks`, a list of functions and of { name, function }.
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"

local doctor_own = {}

local STATUSES = { ok = true, warning = true, failure = true }

local function mistake(format, ...)
  errors.raise { kind = "bug", message = format:format(...) }
end

-- The name and the function of an entry. A wrong entry is a check that fails: the other ones have their lines.
local function entry_of(entry, index)
  if type(entry) == "function" then return ("own check %d"):format(index), entry end
  local name, fn = nil, nil
  if type(entry) == "table" then name, fn = entry[1], entry[2] end
  if type(name) == "string" and type(fn) == "function" then return name, fn end
  return "doctor_checks", function()
    mistake("doctor_checks[%d] must be a function or { name, function }, not %s", index, expect.shown(entry))
  end
end

-- What a check returned, as a line: nothing or a text is a success; a table says more.
local function add_result(report, name, result)
  if result == nil or type(result) == "string" then return report:ok(name, result or "passed") end
  if type(result) ~= "table" or not STATUSES[result.status] or type(result.message) ~= "string" then
    mistake('the check %s must return nothing, a text, or { status = "ok", "warning" or "failure", message = text }, not %s',
      name, expect.shown(result))
  elseif result.status == "ok" then
    report:ok(name, result.message)
  elseif result.status == "warning" then
    report:warn(name, result.message, result.hint)
  else
    report:fail(name, errors.new { kind = result.kind, message = result.message, hint = result.hint })
  end
end

--- Add the checks of a policy's own.
---@param checks molbuild.DoctorCheck[]
---@param machine molbuild.Machine
---@return molbuild.DoctorCheck[] checks
function doctor_own.add(checks, machine)
  local list = rawget(machine.policy, "doctor_checks") or {}
  for index, entry in ipairs(type(list) == "table" and list or { list }) do
    local name, fn = entry_of(entry, index)
    table.insert(checks, { name, function(report)
      add_result(report, name, fn { policy = machine.policy, jobs = machine.jobs, engine = machine.engine })
    end })
  end
  return checks
end

return doctor_own
