--- The checks of a forge: its name, the connection, the certificate, the commits, git, the clock, the token.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local git = require "molbuild.repository.git"
local gitea = require "molbuild.forge.gitea"
local json = require "molbuild.base.json"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"
local probe = require "molbuild.forge.probe"
local short = require("molbuild.base.sha").short
local task = require "molbuild.base.task"
local token = require "molbuild.forge.token"

local doctor_forge = {}

-- Seconds for one answer; runtimes that are asked for side by side.
local ANSWER, SIDE_BY_SIDE = 15, 8

local CERTIFICATE_DAYS = 14
local CLOCK_SECONDS = 30
local DAY = 86400

local function date(seconds)
  return os.date("!%Y-%m-%d", math.floor(seconds))
end

local function is_web(url)
  return url:find "^https?://" ~= nil
end

-- Stages of one request -----------------------------------------------------------------------------------------------

local function certificate_line(report, found)
  local ends = found.response.certificate_ends
  if found.url:find "^http:" then
    if origin.is_loopback(found.url) then return end
    return report:warn("forge TLS", "plain http: what is fetched can be read and changed on the network", "use https")
  elseif not ends then
    return report:ok("forge TLS", "valid")
  end
  local days = math.floor((ends - core.sys.now()) / DAY)
  local words = ("valid until %s (%d days)"):format(date(ends), days)
  if days < CERTIFICATE_DAYS then
    report:warn("forge TLS", words, "it must be renewed on the server")
  else
    report:ok("forge TLS", words)
  end
end

local function clock_line(report, ahead)
  if not ahead then return end
  local words = ("this machine's clock is %.0f s %s the forge's"):format(math.abs(ahead), ahead > 0 and "ahead of" or "behind")
  if math.abs(ahead) > CLOCK_SECONDS then
    report:warn("clock", words, "set the clock (timedatectl): certificates, ages and dates of images depend on it")
  else
    report:ok("clock", math.abs(ahead) < 2 and "as the forge's" or words)
  end
end

-- A certificate that is refused for its dates may be right, and this machine's clock wrong.
local function explain(failure, stage)
  local said = failure.message:lower()
  if stage == "TLS" and (said:find("expired", 1, true) or said:find("not yet valid", 1, true)) then
    failure.message = ("%s (by this machine's clock it is %s)"):format(failure.message, os.date "!%Y-%m-%d %H:%M UTC")
  end
  return failure
end

local PASSED = { DNS = "the name was resolved", connect = "a connection was made", TLS = "the certificate was accepted" }

local function passed_line(report, stage, found, host)
  if not found.response then
    report:ok("forge " .. stage, PASSED[stage])
  elseif stage == "DNS" then
    local address = found.response.address
    report:ok("forge DNS", address == host and ("%s is an address"):format(host)
      or network.has_proxy() and ("%s: the answer came from %s, which may be a proxy"):format(host, address)
      or ("%s is %s"):format(host, address))
  elseif stage == "connect" then
    report:ok("forge connect", ("%s answered in %.0f ms"):format(origin.of(found.url), found.seconds * 1000))
  else
    certificate_line(report, found)
  end
end

--- The lines about one request.
---@param report molbuild.DoctorReport
---@param found molbuild.Probe
---@return boolean ok  whether the forge answered
function doctor_forge.stages(report, found)
  local host = ((core.url.parse(found.url) or {}).host or found.url):gsub("[%[%]]", "") -- of an IPv6 address
  for _, stage in ipairs(probe.STAGES) do
    if found.stage == stage then
      report:fail("forge " .. stage, explain(found.failure, stage))
      return false
    elseif stage ~= "answer" and not (stage == "TLS" and not found.url:find "^https:" and not found.response) then
      passed_line(report, stage, found, host)
    end
  end
  clock_line(report, found.ahead)
  return true
end

-- Commits -------------------------------------------------------------------------------------------------------------

local function heads_of(machine, jobs)
  return task.map(jobs, { limit = SIDE_BY_SIDE, settle = true }, function(job)
    local head = machine.policy.head
    -- As a run does, in the time that is left here.
    if rawget(job, "head_timeout") then job.head_timeout = math.min(job.head_timeout, ANSWER) end
    if rawget(job, "head_max_age") then job.head_max_age = 0 end -- a former answer shows nothing
    return expect.value("head", head, "commit", head(job))
  end)
end

-- A runtime that was not named may be missing on this forge, as for a run with --all, or in the file that pins the commits.
local function is_absent(machine, job, failure)
  return machine.optional[job.runtime] ~= nil and (errors.is(failure, "not_found") or errors.is(failure, "usage"))
end

-- Sorts the answers: jobs with a commit, names without a repository, failures.
local function sorted(machine, jobs, heads)
  local found, absent, failures = {}, {}, {}
  for index, job in ipairs(jobs) do
    local head = heads[index]
    if head.ok then
      found[#found + 1] = { job = job, sha = head.value }
    elseif is_absent(machine, job, head.error) then
      absent[#absent + 1] = { job = job, error = head.error }
    else
      failures[#failures + 1] = { job = job, error = head.error }
    end
  end
  return found, absent, failures
end

local function names_of(entries)
  local list = {}
  for index, entry in ipairs(entries) do list[index] = entry.job.runtime end
  return table.concat(list, ", ")
end

local function version_of(found)
  local answer = found and found.response and found.response.status == 200 and json.decode(found.response.body)
  local version = type(answer) == "table" and answer.version
  return type(version) == "string" and ("Gitea %s: "):format(version:sub(1, 40)) or ""
end

local function answer_line(report, before, found, absent, failures)
  if failures[1] then
    local failure = errors.object(failures[1].error)
    if failures[2] then failure.message = ("%s (and %d more runtimes fail)"):format(failure.message, #failures - 1) end
    return report:fail("forge answer", failure)
  elseif not found[1] then
    return report:fail("forge answer", absent[1].error)
  end
  local one = ("%s of %s is %s"):format(found[1].job.branch, found[1].job.runtime, short(found[1].sha))
  local words = before .. (found[2] and ("the commits of %d runtimes"):format(#found) or one)
  if absent[1] and absent[1].error.kind == "usage" then
    report:warn("forge answer", ("%s; not of %s: %s"):format(words, names_of(absent), tostring(absent[1].error)))
  elseif absent[1] then
    report:warn("forge answer", ("%s; no repository of %s"):format(words, names_of(absent)), "--all leaves them out")
  else
    report:ok("forge answer", words)
  end
end

-- The lookup may work where git does not: git has its own proxies, certificates and credentials.
local function git_line(report, entry)
  local job = entry.job
  local ok, sha = report:try("forge git", git.branch_head, job.repo_url, job.branch, { token = job.token, timeout = ANSWER })
  if ok then report:ok("forge git", ("it reads %s of %s: %s"):format(job.branch, core.mask.url(job.repo_url), short(sha))) end
end

-- Token ---------------------------------------------------------------------------------------------------------------

local function validity(job, answered)
  if job.lookup ~= "gitea" then return answered and "the forge answered with it" or "not verified" end
  local accepted, login = gitea.accepts(job.repo_url, job.token, ANSWER)
  if accepted == false then
    errors.raise {
      kind = "auth", message = ("the forge refuses the token from %s (401)"):format(job.token:source()[1]),
      hint = ("verify %s: the token may have expired, or may be another forge's"):format(job.token:source()[1]),
    }
  end
  return login and ("valid, of the user " .. login) or accepted and "valid" or answered and "the forge answered with it"
    or "not verified: the forge does not tell"
end

local function check_token(report, job, answered)
  local source = job.token:source()
  local words = ("from %s, for %s: %s"):format(source[1], origin.of(job.repo_url), validity(job, answered))
  local exposed = source.file and token.exposed(source.file, source.setting)
  if exposed then
    report:warn("token", words .. "; other users can read that file", "chmod go= " .. source.file)
  else
    report:ok("token", words)
  end
end

local function token_lines(report, jobs, answered)
  local seen = {}
  for _, job in ipairs(jobs) do
    local where = job.token and job.token:source()[1]
    if where and not seen[where] then
      seen[where] = true
      report:try("token", check_token, report, job, answered)
    end
  end
  if not next(seen) and is_web(jobs[1].repo_url) then
    report:ok("token", "none found: only public repositories can be read")
  end
end

--- All checks of one forge.
---@param report molbuild.DoctorReport
---@param machine molbuild.Machine
---@param jobs table[]  whose repositories have this origin
function doctor_forge.check(report, machine, jobs)
  local first, found = jobs[1], nil
  if is_web(first.repo_url) then
    found = probe.ask(first.repo_url, { api = first.lookup == "gitea", direct = first.token ~= nil, timeout = ANSWER })
    if not doctor_forge.stages(report, found) then return end
  end
  for _, job in ipairs(jobs) do
    job.token = job.token or token.later(job.repo_url) -- of a run that may need no network
  end
  local commits, absent, failures = sorted(machine, jobs, heads_of(machine, jobs))
  answer_line(report, version_of(found), commits, absent, failures)
  if commits[1] and commits[1].job.lookup ~= "git" then git_line(report, commits[1]) end
  token_lines(report, jobs, commits[1] ~= nil)
end

return doctor_forge
