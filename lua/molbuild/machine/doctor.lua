--- `molbuild doctor`: everything that a run depends on, checked. Nothing is changed: no directory is made, no lock is kept, no
--- image is built.
local core = require "molbuild.core"
local cache = require "molbuild.machine.doctor_cache"
local demands = require "molbuild.engine.demands"
local docker = require "molbuild.engine"
local engine = require "molbuild.machine.doctor_engine"
local errors = require "molbuild.base.errors"
local forge = require "molbuild.machine.doctor_forge"
local doctor_report = require "molbuild.machine.doctor_report"
local network = require "molbuild.machine.doctor_network"
local origin = require "molbuild.forge.origin"
local own = require "molbuild.machine.doctor_own"
local programs = require "molbuild.machine.doctor_programs"
local rows = require "molbuild.base.rows"
local seal = require "molbuild.base.seal"
local settings = require "molbuild.base.settings"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"
local token = require "molbuild.forge.token"

local doctor = {}

-- Seconds for one check with all of its parts.
local BOUND = 60

---@class molbuild.Machine
---@field policy table
---@field jobs table[]  those of the runtimes that are checked
---@field settings table[]  without jobs: the settings that can be read nevertheless
---@field optional table<string, true>  runtimes that were not named: they need not have a repository
---@field needs fun(job: table): string  as of doctor.run
---@field engine molbuild.Engine?  the first job's; nil when it cannot even be named

---@class molbuild.DoctorCheck
---@field [1] string  its name
---@field [2] fun(report: molbuild.DoctorReport)

-- Running checks --------------------------------------------------------------------------------------------------------

--- Call FN in a task of its own, for at most SECONDS. What it would log as a warning is collected.
local function collecting(warnings, seconds, name, fn, ...)
  local arguments = table.pack(...)
  local late = errors.new { kind = "timeout", message = ("%s: no end within %d s"):format(name, seconds) }
  return task.timeout(seconds, function()
    local scope = task.scope()
    scope.wants_lines, scope.said = false, {}
    function scope.events(event)
      if event.event == "log" and event.level == "warn" then warnings[#warnings + 1] = event.message end
    end
    return fn(table.unpack(arguments, 1, arguments.n))
  end, late)
end

local function run_check(check)
  local report, warnings = doctor_report.new(), {}
  report:try(check[1], collecting, warnings, BOUND, check[1], check[2], report)
  for _, message in ipairs(warnings) do report:warn(check[1], message) end
  return report
end

--- Run checks side by side. Their lines come in the order of the checks.
---@param checks molbuild.DoctorCheck[]
---@return molbuild.DoctorReport
function doctor.run_checks(checks)
  local report = doctor_report.new()
  for _, each in ipairs(task.map(checks, {}, run_check)) do report:append(each) end
  return report
end

-- Settings ----------------------------------------------------------------------------------------------------------------

-- A failure about the token is that of the check of the token.
local function check_of(policy, failure)
  for _, row in ipairs(rawget(policy, "settings") or {}) do
    local names = row[3] == "secret" and { row[1], row.variable } or {}
    for _, name in ipairs(names) do
      if failure.message:find(name, 1, true) then return "token" end
    end
  end
  return "settings"
end

-- A setting that is wrong for one runtime does not stop the others.
local function note_failures(report, machine, failures)
  local seen = {}
  for _, entry in ipairs(failures) do
    local failure, is_new = entry.failure, not seen[entry.failure.message]
    local check = check_of(machine.policy, failure)
    seen[failure.message] = true
    if is_new and machine.optional[entry.name] and machine.jobs[1] and failure.kind ~= "bug" then
      report:warn(check, failure.message, failure.hint)
    elseif is_new then
      report:fail(check, failure)
    end
  end
end

-- The warning about a token's file is a line of its own.
local function is_about_file(jobs, message)
  for _, job in ipairs(jobs) do
    local source = job.token and job.token:source()
    if source and source.file and token.exposed(source.file, source.setting) == message then return true end
  end
  return false
end

local function note_warnings(report, machine, warnings)
  local seen = {}
  for _, message in ipairs(warnings) do
    if not seen[message] and not is_about_file(machine.jobs, message) then report:warn("settings", message) end
    seen[message] = true
  end
end

--- The jobs of some runtimes: what a run would get from the settings.
local function read_settings(report, machine, names)
  local warnings, failures = {}, {}
  for _, name in ipairs(names) do
    local ok, job = xpcall(collecting, errors.handler, warnings, BOUND, "settings", machine.policy.job, name)
    if ok then
      table.insert(machine.jobs, job)
    elseif errors.is_cancelled(job) then
      error(job, 0)
    else
      table.insert(failures, { name = name, failure = job })
    end
  end
  -- A token that cannot be used leaves the other settings readable.
  for _, name in ipairs(not machine.jobs[1] and rawget(machine.policy, "settings") and names or {}) do
    local ok, values = pcall(settings.read, machine.policy, name)
    table.insert(machine.settings, ok and values or nil)
  end
  note_failures(report, machine, failures)
  note_warnings(report, machine, warnings)
end

-- The checks --------------------------------------------------------------------------------------------------------------

-- Values of jobs, each once, in their order.
local function each_of(jobs, value_of)
  local list, seen = {}, {}
  for _, job in ipairs(jobs) do
    local value = value_of(job)
    if value and not seen[value] then
      seen[value] = true
      list[#list + 1] = value
    end
  end
  return list
end

-- The jobs that need one of these.
local function only(machine, ...)
  local list = {}
  for _, job in ipairs(machine.jobs[1] and machine.jobs or machine.settings) do
    list[#list + 1] = text.is_one_of(machine.needs(job), { ... }) and job or nil
  end
  return list
end

-- A forge by its address.
local function where_of(url)
  return url:find "^https?://" and origin.of(url) or core.mask.url(url:match "^%a[%w+.-]*://[^/]*" or url)
end

-- The jobs of each forge.
local function by_forge(jobs)
  local list, by = {}, {}
  for _, job in ipairs(jobs) do
    local where = where_of(job.repo_url)
    if not by[where] then
      by[where] = {}
      list[#list + 1] = by[where]
    end
    table.insert(by[where], job)
  end
  return list
end

local function longest_of(jobs)
  local longest = 3600
  for _, job in ipairs(jobs) do longest = math.max(longest, 3 * (rawget(job, "ceiling") or 0)) end
  return longest
end

-- The engines of jobs, each with its jobs. Without jobs, the one that would be used.
local function engines_of(machine, jobs)
  local list, by = {}, {}
  for _, job in ipairs(jobs) do
    local engine_of = rawget(job, "engine") or machine.engine
    local command = engine_of and engine_of.command
    if command and not by[command] then
      by[command] = { engine = engine_of, jobs = {} }
      list[#list + 1] = by[command]
    end
    if command then table.insert(by[command].jobs, job) end
  end
  local is_idle = machine.jobs[1] or machine.settings[1] or not machine.engine
  return (list[1] or is_idle) and list or { { engine = machine.engine, jobs = {} } }
end

local function add_engine(checks, machine, used, native)
  local builders, program = {}, used.engine.command
  for _, job in ipairs(used.jobs) do builders[#builders + 1] = machine.needs(job) == "build" and job or nil end
  table.insert(checks, { program, function(report) programs.program(report, machine, program) end })
  if builders[1] or not used.jobs[1] then
    table.insert(checks, { "builder", function(report) engine.builder(report, used.engine) end })
  end
  for _, job in ipairs(builders) do
    if demands.any(job) then
      table.insert(checks, { "demands", function(report) engine.demands(report, used.engine, job) end })
    end
  end
  local platforms = each_of(builders, function(job) return rawget(job, "platform") end)
  table.insert(checks, { "engine", function(report) engine.engine(report, used.engine, platforms, native) end })
end

local function add_forges(checks, machine, jobs)
  local forges = by_forge(jobs)
  if #jobs > 0 and rawget(jobs[1], "offline") then
    table.insert(checks, { "forge", function(report) report:ok("forge", "not asked: molbuild is offline") end })
    return
  end
  for _, list in ipairs(forges) do
    table.insert(checks, { "forge", function(report)
      report.about = #forges > 1 and where_of(list[1].repo_url) or nil
      forge.check(report, machine, list)
    end })
  end
end

-- The jobs whose commits must be signed, one for each choice of files.
local function with_signers(machine, jobs)
  local list, seen = {}, {}
  for _, job in ipairs(machine.jobs[1] and jobs or {}) do
    local key = ("%s\n%s\n%s"):format(rawget(job, "allowed_signers"), rawget(job, "revoked_signers"), rawget(job, "signers_mode"))
    list[#list + 1] = rawget(job, "allowed_signers") and not seen[key] and job or nil
    seen[key] = true
  end
  return list
end

local function checks_of(machine, options)
  local jobs = only(machine, "build")
  local with_forge = machine.jobs[1] and jobs or {}
  local checks = {
    { "molbuild", programs.own },
    { "policy", function(report) programs.policy(report, options.findings()) end },
  }
  if #jobs > 0 then
    table.insert(checks, { "git", function(report) programs.program(report, machine, "git") end })
  end
  for _, job in ipairs(with_signers(machine, jobs)) do
    table.insert(checks, { "signers", function(report) require("molbuild.machine.doctor_signers").check(report, job) end })
  end
  for _, used in ipairs(engines_of(machine, only(machine, "build", "engine"))) do
    add_engine(checks, machine, used, options.native)
  end
  for _, root in ipairs(each_of(jobs, function(job) return job.cache end)) do
    table.insert(checks, { "cache", function(report) cache.check(report, root, longest_of(jobs)) end })
  end
  table.insert(checks, { "proxies", function(report) network.proxies(report, with_forge) end })
  if #with_forge > 0 and core.process.find "git" then
    local first = {}
    for index, list in ipairs(by_forge(with_forge)) do first[index] = list[1] end
    table.insert(checks, { "git settings", function(report) network.git(report, first) end })
  end
  if require("molbuild.machine.doctor_signing").is_asked(jobs[1]) then
    table.insert(checks, { "signing", function(report) require("molbuild.machine.doctor_signing").check(report, jobs[1]) end })
  end
  add_forges(checks, machine, with_forge)
  return own.add(checks, machine)
end

-- Failures and warnings have a hint, which the table shows behind the message.
local function shown(message, line)
  return line.hint and ("%s; hint: %s"):format(message, line.hint) or message
end

local OPTIONS = { needs = true, findings = true, native = true }

--- Check everything that a run of some runtimes depends on.
---@param policy table
---@param args string[]  runtimes, or --all; empty: all that the policy knows
---@param options { needs: (fun(job: table): string), findings: (fun(): table[]), native: string? }  needs: what a run of a job
---  needs, "build", "engine" or "nothing"; findings: what `molbuild check` finds, for doctor_programs.policy; native: the setting
---  for images of the engine's own platform, for a hint
---@return molbuild.Rows
---@raise usage | cancelled
function doctor.run(policy, args, options)
  seal.options("molbuild.doctor.run", options, OPTIONS)
  local names, optional = policy.names(#args > 0 and args or { "--all" })
  local machine = {
    policy = policy, jobs = {}, settings = {}, optional = optional or {}, needs = options.needs,
  }
  local report = doctor_report.new()
  read_settings(report, machine, names)
  machine.engine = machine.jobs[1] and rawget(machine.jobs[1], "engine") or select(2, report:try("engine", docker.engine))
  report:append(doctor.run_checks(checks_of(machine, options)))
  local result = rows.new { columns = { { "status" }, { "check" }, { "message", shown = shown } } }
  for _, line in ipairs(report) do result:add(line) end
  result.exit = report:exit()
  return result
end

return doctor
