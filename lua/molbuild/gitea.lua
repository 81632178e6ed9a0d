--- What a Gitea-compatible forge knows about a repository, by its API.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local names = require "molbuild.names"
local network = require "molbuild.network"
local origin = require "molbuild.origin"
local retry = require "molbuild.retry"
local sha = require "molbuild.sha"

local gitea = {}

local ANSWER_MAX = 64 * 1024

local function encode(text)
  return (text:gsub("[^%w%-._~/]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

--- The API's address of a branch. The last two parts of the repository's path are organisation and name; what stands
--- before them is where the forge itself lives.
---@param repo_url string  https://host/org/repo
---@param branch string
---@return string
---@raise usage
function gitea.branch_url(repo_url, branch)
  local url, message = core.url.parse(repo_url)
  if not url then
    errors.raise { kind = "usage", message = message }
  end
  local base, org, repo = url.path:match "^(.*)/([^/]+)/([^/]+)$"
  if not org then
    errors.raise {
      kind = "usage",
      message = ('"%s" does not name a repository: an organisation and a name are needed'):format(core.mask.url(repo_url)),
    }
  end
  repo = repo:gsub("%.git$", "")
  return errors.must(core.url.build {
    scheme = url.scheme,
    host = url.host,
    port = url.port,
    path = ("%s/api/v1/repos/%s/%s/branches/%s"):format(base, org, repo, encode(names.branch(branch))),
  })
end

local function fail(response, code, message, api)
  local target = response and origin.redirect_of(response, api)
  if code == "cancelled" then
    errors.raise { kind = "cancelled", message = message }
  elseif not response then
    errors.raise { kind = "remote", message = message, code = code, hint = network.hint(code) }
  elseif response.status == 404 then
    errors.raise { kind = "not_found", message = "repo not found at " .. api }
  elseif response.status == 401 or response.status == 403 then
    errors.raise { kind = "auth", message = ("auth failure (%d) at %s"):format(response.status, api) }
  elseif target then
    errors.raise {
      kind = "remote",
      code = "redirect",
      message = ("the repository moved: %s leads to %s; change the prefix"):format(api, target),
      hint = "with a token no redirect is followed: it is for the origin of the prefix alone",
    }
  end
  errors.raise {
    kind = "remote",
    message = ("unexpected status %d at %s"):format(response.status, api),
    status = response.status,
    retry_after = response.headers["retry-after"],
  }
end

--- The commit in the branch API's answer, whatever the answer holds.
---@param body string
---@param where string  said in the message
---@return string sha  40 or 64 lowercase hex digits
---@raise remote
function gitea.commit_of(body, where)
  local answer = require("molbuild.json").decode(body)
  local commit = type(answer) == "table" and answer.commit
  return sha.check(type(commit) == "table" and commit.id, where)
end

local function ask(api, options, seconds)
  local response, message, code = core.http.request {
    url = api,
    headers = {
      Accept = "application/json",
      Authorization = options.token and "token " .. options.token or nil,
    },
    timeout = seconds,
    max_body = ANSWER_MAX,
    -- With a token nothing is followed, and none is shown to a proxy: it is for this origin alone.
    follow = not options.token,
    proxy = options.token and origin.is_direct(api) and "" or nil,
  }
  if not response or response.status ~= 200 then
    fail(response, code, message, api)
  end
  return gitea.commit_of(response.body, api)
end

--- The commit that a branch points at, asked from a Gitea-compatible forge. One GET; no git needed. What may be over
--- in a moment (see retry.transient) is tried again, three times in all.
---@param repo_url string  https://host/org/repo
---@param branch string
---@param options { token: string?, timeout: number? }  timeout in seconds, for all of it, 30 when absent
---@return string sha  40 or 64 lowercase hex digits
---@raise usage | remote | auth | not_found | cancelled
function gitea.branch_head(repo_url, branch, options)
  local api = gitea.branch_url(repo_url, branch)
  return retry.run({ what = "HEAD lookup", attempts = 3, within = options.timeout or 30 }, function(left)
    return ask(api, options, left)
  end)
end

return gitea
