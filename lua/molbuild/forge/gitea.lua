--- What a Gitea-compatible forge reports about a repository through its API.
local core = require "molbuild.core"
local seal = require "molbuild.base.seal"
local credential = require "molbuild.forge.credential"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"
local retry = require "molbuild.base.retry"
local sha = require "molbuild.base.sha"
local shown = require("molbuild.base.text").shown
local task = require "molbuild.base.task"

local gitea = {}

--- The largest answer. It repeats the commit's message, and a signature's payload again with escapes; release notes are long.
local ANSWER_MAX = 4 * 1024 * 1024
--- The most bytes of an answer outside of strings. A genuine answer is long only because of its texts. Parsed lists and
--- objects take many times their length in memory.
local STRUCTURE_MAX = 64 * 1024

local function encode(text)
  return (text:gsub("[^%w%-._~/]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

local function parts_of(repo_url)
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
  return url, base, org, (repo:gsub("%.git$", ""))
end

local function api_url(url, path)
  return errors.must(core.url.build { scheme = url.scheme, host = url.host, port = url.port, path = path })
end

--- The API's address of a repository. The last two parts of the repository's path are organisation and name. Any parts
--- before them are the path of the forge itself.
---@param repo_url string  https://host/org/repo
---@return string
---@raise usage
local function repository_url(repo_url)
  local url, base, org, repo = parts_of(repo_url)
  return api_url(url, ("%s/api/v1/repos/%s/%s"):format(base, org, repo))
end

--- The API's address of something that belongs to no repository.
---@param repo_url string  https://host/org/repo
---@param what "version"|"user"
---@return string
---@raise usage
function gitea.own_url(repo_url, what)
  local url, base = parts_of(repo_url)
  return api_url(url, ("%s/api/v1/%s"):format(base, what))
end

--- The API's address of a branch.
---@param repo_url string  https://host/org/repo
---@param branch string
---@return string
---@raise usage
function gitea.branch_url(repo_url, branch)
  return ("%s/branches/%s"):format(repository_url(repo_url), encode(names.branch(branch)))
end

--- The part of an answer to parse. Escapes are removed from a large one, since each takes memory: the commit's id has none.
---@return string?  nil when lists and objects take more of it than a genuine answer needs
local function readable(body)
  if #body <= STRUCTURE_MAX then
    return body
  end
  local plain = body:gsub("\\.", "?")
  return #plain:gsub('"[^"]*"', '""') <= STRUCTURE_MAX and plain or nil
end

--- The commit in the branch API's answer. The answer is untrusted.
---@param body string
---@param where string  named in the message
---@return string sha  40 or 64 lowercase hex digits
---@raise remote
function gitea.commit_of(body, where)
  local text = readable(body)
  local answer = text and require("molbuild.base.json").decode(text)
  local commit = type(answer) == "table" and answer.commit
  return sha.check(type(commit) == "table" and commit.id, where)
end

local function request(api, options, seconds, etag)
  local secret = credential.secret_for(options.token, api)
  local response, message, code = core.http.request {
    url = api,
    headers = {
      Accept = "application/json",
      Authorization = secret and "token " .. secret or nil,
      ["If-None-Match"] = etag,
    },
    timeout = seconds,
    max_body = ANSWER_MAX,
    -- With a token, no other origin is contacted, and the token passes no proxy: it is for this origin only.
    follow = not secret or "origin",
    proxy = secret and origin.is_direct(api) and "" or nil,
  }
  if response and response.ca_bundle then
    log.detail_once("certificates are verified with %s: the directory of the system's store does not suffice", response.ca_bundle)
  end
  return response, message, code
end

--- A forge redirects the old name until another user takes the old name. Only the user can update the address.
local function warn_of_move(api, url)
  if url == api then return end
  local from, to = core.url.parse(api), core.url.parse(url)
  if from and to and from.path ~= to.path then
    log.warn("the repository has a new name: %s leads to %s; change the prefix", api, shown(core.mask.url(url)))
  end
end

-- What explains a failure is loaded when there is one.
local function why()
  return require "molbuild.forge.reason"
end

local function ask(api, options, seconds)
  local versions = task.scope().versions -- of a run that asks again and again
  local known = versions and versions:of(api, options.token)
  local response, message, code = request(api, options, seconds, known and known.etag)
  if known and response and response.status == 304 then
    network.note(response.url, response.address)
    return known.commit
  elseif not response or response.status ~= 200 then
    error(why().failure(api, response, message, code), 0)
  end
  local page = not response.body:find "^%s*{" and why().page(response, api)
  if page then
    error(page, 0)
  end
  local id = gitea.commit_of(response.body, api)
  network.note(response.url, response.address)
  warn_of_move(api, response.url)
  if versions then versions:keep(api, options.token, response.headers.etag, id) end
  return id
end

--- Whether git finds the repository, but no such branch in it; nil when git does not report it.
local function git_lacks_branch(repo_url, branch, options)
  if not options.ask_git then
    return nil
  end
  local ok, result = errors.try(options.ask_git, repo_url, branch, { token = options.token, timeout = 10 })
  return not ok and errors.is(result, "not_found") and result.missing == "branch" or nil
end

--- Whether a 404 is about the branch: by the forge's message, else by a request for the repository, else by git. nil when
--- none of them reports it.
local function lacks_branch(failure, repo_url, branch, options)
  if why().is_branch(failure.said) then
    return true
  end
  local response = request(repository_url(repo_url), options, 10)
  if response and (response.status == 200 or response.status == 404 and why().is_api(response)) then
    return response.status == 200
  end
  return git_lacks_branch(repo_url, branch, options)
end

--- A 404 may mean the repository or the branch: find out which.
local function explain(failure, repo_url, branch, options)
  if errors.is(failure, "not_found") and failure.code ~= "no_api" then
    failure.missing = lacks_branch(failure, repo_url, branch, options) and "branch" or "repository"
    if failure.missing == "branch" then
      failure.message = ('no branch "%s" at %s'):format(branch, gitea.branch_url(repo_url, branch))
    end
  end
  error(failure, 0)
end

--- Whether a forge knows a token.
---@param repo_url string  https://host/org/repo
---@param token molbuild.Credential
---@param seconds number
---@return boolean? accepted  nil when the forge does not tell
---@return string? login  the token's user; nil also for a token without the scope for that
---@raise usage | auth
function gitea.accepts(repo_url, token, seconds)
  local response = request(gitea.own_url(repo_url, "user"), { token = token }, seconds)
  local status = response and response.status
  local answer = status == 200 and require("molbuild.base.json").decode(readable(response.body) or "")
  if type(answer) == "table" and type(answer.login) == "string" then
    return true, shown(answer.login)
  elseif status == 401 or status == 403 then
    return status == 403
  end
end

--- From now on the requests of this task and its children for a branch are conditional: a forge that gives its answers an ETag
--- need not send one again that has not changed. For a run that asks again and again.
function gitea.remember()
  task.scope().versions = require("molbuild.forge.versions").new()
end

local OPTIONS = { token = true, timeout = true, ask_git = true }

--- The commit that a branch points at, from a Gitea-compatible forge. One GET, without git. A temporary failure (see
--- retry.transient) is retried, three attempts in all.
---@param repo_url string  https://host/org/repo
---@param branch string
---@param options { token: molbuild.Credential?, timeout: number?, ask_git: (fun(...): string)? }  timeout as of
---  retry.head_lookup; ask_git: git.branch_head, called for a 404 that the forge does not explain
---@return string sha  40 or 64 lowercase hex digits
---@raise usage | remote | auth | not_found | cancelled  not_found has `missing`: "branch" or "repository"; `said` is the
---  forge's message, if the error's message does not contain it; the code "no_api": the server has no Gitea API
function gitea.branch_head(repo_url, branch, options)
  seal.options("molbuild.gitea.branch_head", options, OPTIONS)
  local api = gitea.branch_url(repo_url, branch)
  local ok, result = pcall(retry.head_lookup, options.timeout, function(left)
    return ask(api, options, left)
  end)
  return ok and result or explain(result, repo_url, branch, options)
end

--- The most commits of a list, as Gitea bounds it.
local LIST_MAX = 50

local LIST_OPTIONS = { token = true, timeout = true }

--- How many commits a commit is ahead of a former one, by one request. Best effort: a failure gives nil.
---@param repo_url string  https://host/org/repo
---@param commit string
---@param former string
---@param options { token: molbuild.Credential?, timeout: number? }  timeout: 5 seconds when absent
---@return integer? count  nil when it is not known, or when the former commit is not in the history
---@return boolean? is_more  the former commit is further away than that
function gitea.commits_since(repo_url, commit, former, options)
  seal.options("molbuild.gitea.commits_since", options, LIST_OPTIONS)
  local query = ("commits?sha=%s&limit=%d&stat=false&verification=false&files=false"):format(commit, LIST_MAX)
  local response = request(repository_url(repo_url) .. "/" .. query, options, options.timeout or 5)
  local text = response and response.status == 200 and readable(response.body)
  local list = text and require("molbuild.base.json").decode(text)
  local ids = {}
  for index, entry in ipairs(type(list) == "table" and list or {}) do
    ids[index] = type(entry) == "table" and entry.sha
    if ids[index] == former and ids[1] == commit then return index - 1 end
  end
  if ids[1] == commit and #ids >= LIST_MAX then return LIST_MAX, true end
end

return gitea
