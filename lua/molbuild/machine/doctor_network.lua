--- The checks of what is between this machine and a forge: proxies, and the user's git configuration.
local command = require "molbuild.repository.command"
local core = require "molbuild.core"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"
local overrides = require "molbuild.repository.overrides"

local doctor_network = {}

-- Programs use only one of two variables that differ in case. curl and git do not use HTTP_PROXY in capitals.
local function conflict_of(values, jobs)
  for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy", "no_proxy" } do
    local lower, upper = values[name], values[name:upper()]
    if lower and upper and lower ~= upper then
      return ("%s and %s differ: some programs use the one, some the other"):format(name, name:upper())
    end
  end
  for _, job in ipairs(values.HTTP_PROXY and not values.http_proxy and jobs or {}) do
    if job.repo_url:find "^http:" then return "HTTP_PROXY has no effect on requests to the forge, http_proxy has" end
  end
end

--- The proxies that the variables name.
---@param report molbuild.DoctorReport
---@param jobs table[]
function doctor_network.proxies(report, jobs)
  local words, values = {}, {}
  for _, entry in ipairs(network.proxies()) do
    words[#words + 1] = ("%s=%s"):format(entry[1], entry[2])
    values[entry[1]] = entry[2]
  end
  local conflict = conflict_of(values, jobs)
  if #words == 0 then
    report:ok("proxies", "none is set")
  elseif conflict then
    report:warn("proxies", ("%s; %s"):format(table.concat(words, ", "), conflict), "set both names to the same value")
  else
    report:ok("proxies", table.concat(words, ", "))
  end
end

-- git ------------------------------------------------------------------------------------------------------------------

local function instead_line(report, settings, job)
  local target = overrides.instead_of(settings, job.repo_url)
  if not target then return end
  local shown = core.mask.url(target)
  report:warn("git settings", ("url.*.insteadOf: git reads %s instead of %s%s"):format(shown, core.mask.url(job.repo_url),
    job.lookup == "gitea" and ", and the commit is looked up at the latter" or ""),
    "use the address itself as the prefix, or remove that setting")
end

local function verify_line(report, settings, job)
  local by = job.repo_url:find "^https:" and not job.token and overrides.unverified(settings, job.repo_url)
  if by then
    report:warn("git settings", ("%s: git accepts any certificate of %s"):format(by, origin.of(job.repo_url)),
      "remove it; for a private CA, set SSL_CERT_FILE to its certificate")
  end
end

local function only_git_line(report, settings, job)
  local names = job.lookup == "gitea" and overrides.only_git(settings, job.repo_url) or {}
  if #names > 0 then
    report:warn("git settings", table.concat(names, ", ") .. ": only git uses this, the lookup of the commit does not",
      "set HTTPS_PROXY and SSL_CERT_FILE, which both use")
  end
end

--- What becomes of the user's git configuration.
---@param report molbuild.DoctorReport
---@param jobs table[]  one for each forge
function doctor_network.git(report, jobs)
  local settings, before = overrides.parse(command.ask(overrides.QUESTION)), #report
  local with = { token = false, helpers = false }
  for _, job in ipairs(jobs) do
    with.token = with.token or job.token ~= nil
    with.helpers = with.helpers or rawget(job, "credential_helper") == "1"
    instead_line(report, settings, job)
    verify_line(report, settings, job)
    only_git_line(report, settings, job)
  end
  local names = overrides.names(settings, with)
  if #names > 0 then
    report:ok("git settings", "overridden: " .. table.concat(names, ", "))
  elseif #report == before then
    report:ok("git settings", "none is overridden")
  end
end

return doctor_network
