--- The checks of the policy, and of the programs that a run needs.
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"

local doctor_programs = {}

local ANSWER = 20 -- seconds

-- git reads its configuration first, which is another check.
local NO_CONFIGURATION = { GIT_CONFIG_GLOBAL = "/dev/null", GIT_CONFIG_NOSYSTEM = "1" }

local function version_of(path)
  local result = child.run {
    argv = { path, "--version" }, env = NO_CONFIGURATION, timeout = ANSWER, capture = 65536, silent = true,
  }
  local line = (result.stdout or ""):match "[^\n]+"
  if result.code ~= 0 or not line then
    errors.raise {
      kind = "missing_tool", message = ("%s --version: %s"):format(path, child.last_words(result)), hint = "install it again",
    }
  end
  return line
end

-- The error that a run would have.
local function missing(machine, name)
  local job = machine.jobs[1]
  local ok, failure = pcall(machine.policy.preflight, job)
  if not ok and errors.is(failure) and failure.message:find(('"%s" not found'):format(name), 1, true) then error(failure, 0) end
  return child.find(name, nil, "install it")
end

--- A program: where it is, and its version.
---@param report molbuild.DoctorReport
---@param machine molbuild.Machine
---@param name string
function doctor_programs.program(report, machine, name)
  local path = core.process.find(name) or missing(machine, name)
  report:ok(name:match "[^/]*$", ("%s (%s)"):format(version_of(path), path))
end

--- This program.
---@param report molbuild.DoctorReport
function doctor_programs.own(report)
  local version = task.scope().version or "of an unknown version"
  report:ok("molbuild", ("molbuild %s, %s (%s)"):format(version, _VERSION, core.sys.executable() or "?"))
end

--- The policy: its file, and those that it loads; its version of the contract; what `molbuild check` finds.
---@param report molbuild.DoctorReport
---@param found { path: string, api: integer?, newest: integer, findings: { line: integer, message: string }[] }[]  the policy's own
---  file is last
function doctor_programs.policy(report, found)
  local paths, problems = {}, {}
  for index = #found, 1, -1 do
    paths[#paths + 1] = found[index].path
    for _, finding in ipairs(found[index].findings) do
      problems[#problems + 1] = ("%s:%d: %s"):format(found[index].path, finding.line, finding.message)
    end
  end
  local last = found[#found]
  local words = ("%s, api %s of %d"):format(table.concat(paths, " on "), last.api or "of its own", last.newest)
  if problems[1] then
    local more = problems[2] and (" (and %d more)"):format(#problems - 1) or ""
    return report:fail("policy", errors.new {
      kind = "failed", message = words .. ": " .. problems[1] .. more, hint = "molbuild check " .. last.path,
    })
  end
  report:ok("policy", words .. ", no mistake found")
end

return doctor_programs
