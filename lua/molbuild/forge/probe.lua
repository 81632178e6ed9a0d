--- One request to a forge that shows how far it gets: its name, the connection, the certificate, an answer, its clock.
local core = require "molbuild.core"
local gitea = require "molbuild.forge.gitea"
local origin = require "molbuild.forge.origin"
local reason = require "molbuild.forge.reason"
local retry = require "molbuild.base.retry"

local probe = {}

--- The stages of a request, in order.
probe.STAGES = { "DNS", "connect", "TLS", "answer" }

local STAGE_OF_CODE = {
  resolve = "DNS", connect = "connect", denied = "connect", reset = "connect", tls = "TLS",
  invalid = "TLS", -- a file of certificates that cannot be used
}

-- What libcurl prints when the time was over.
local STAGE_OF_TIMEOUT = {
  { "Resolving timed out", "DNS" }, { "Connection timed out", "connect" }, { "onnect to", "connect" },
  { "SSL connection timeout", "TLS" },
}

--- The stage in which a request failed.
---@param code string?  as of core.http.request
---@param message string
---@return "DNS"|"connect"|"TLS"|"answer"
function probe.stage(code, message)
  if STAGE_OF_CODE[code] then return STAGE_OF_CODE[code] end
  for _, case in ipairs(code == "timeout" and STAGE_OF_TIMEOUT or {}) do
    if message:find(case[1], 1, true) then return case[2] end
  end
  return "answer"
end

---@class molbuild.Probe
---@field url string  the requested one
---@field failure molbuild.Error?
---@field stage string?  of the failure
---@field response molbuild.core.HttpResponse?
---@field seconds number  that the answer took
---@field ahead number?  seconds by which this machine's clock is ahead of the forge's; nil when the forge has sent no date

--- Send it. It carries no token. Waits.
---@param repo_url string  http or https
---@param options { api: boolean, direct: boolean, timeout: number }  api: the forge is a Gitea, whose version is requested; direct:
---  no proxy is used
---@return molbuild.Probe
function probe.ask(repo_url, options)
  local url = options.api and gitea.own_url(repo_url, "version") or repo_url
  local before, started = core.sys.now(), core.sys.monotonic()
  local response, message, code = core.http.request {
    url = url, method = options.api and "GET" or "HEAD", timeout = options.timeout, connect_timeout = options.timeout,
    certificate = true, follow = false, max_body = 65536,
    proxy = options.direct and origin.is_direct(repo_url) and "" or nil,
  }
  local seconds = core.sys.monotonic() - started
  if not response then
    return { url = url, failure = reason.failure(url, nil, message, code), stage = probe.stage(code, message), seconds = seconds }
  end
  local date = retry.http_date(response.headers.date or "")
  -- The header has whole seconds, and was written at some time between the two.
  return { url = url, response = response, seconds = seconds, ahead = date and before + seconds / 2 - (date + 0.5) }
end

return probe
