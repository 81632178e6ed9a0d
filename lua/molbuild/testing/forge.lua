--- A forge of a test's world: repositories with branches and trees, Gitea's API for them, and what goes wrong with them. git
--- (git.lua) finds here what it fetches.
local core = require "molbuild.core"
local faults = require "molbuild.testing.faults"
local json = require "cjson"

local forge = {}

--- The content of a repository by default.
local TEMPLATE = { Dockerfile = "FROM scratch\nCOPY . /\n" }

---@class molbuild.testing.Repository
---@field name string
---@field branches table<string, string>  the commit that each points at
---@field commits table<string, table<string, any>>  the tree of each: the content of its files, by path
---@field former table<string, string>  by commit: the one that its branch pointed at before

---@class molbuild.testing.Forge
---@field private boolean  whether it wants the token
---@field token string?
---@field user string?  the token's
local Forge = {}
Forge.__index = Forge

local function serialized(tree)
  local lines = {}
  for path, what in pairs(tree) do
    local text = type(what) == "table" and ("%s %s %s"):format(what.link or "", what.mode or "", what.text or "") or what
    lines[#lines + 1] = ("%s %d %s"):format(path, #text, text)
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function is_tree(branches)
  for _, value in pairs(branches) do
    if type(value) ~= "table" or type(value.text) == "string" or type(value.link) == "string" then
      return true
    end
  end
  return false
end

---@param options { private: boolean?, token: string?, user: string? }?
---@param repositories table<string, table>?  branches, each a tree, or the tree of the branch main; when absent every
---  repository that is asked for is there
---@return molbuild.testing.Forge
function forge.new(options, repositories)
  local self = setmetatable({
    repositories = {}, faults = {}, pushes = 0, everything = repositories == nil,
    private = false, token = "forge-token-0123456789",
  }, Forge)
  for name, value in pairs(options or {}) do
    self[name] = value
  end
  for name, branches in pairs(repositories or {}) do
    self:repository(name)
    for branch, tree in pairs(is_tree(branches) and { main = branches } or branches) do
      self:push(name, tree, branch)
    end
  end
  return self
end

-- Whether a longer name is that of the repository NAME: policies put something before it.
local function ends_in(longer, name)
  return longer == name or longer:sub(-#name - 1) == "-" .. name
end

--- The repository of a name; made when there is none.
---@param name string  the end of its path, or its whole URL
---@return molbuild.testing.Repository
function Forge:repository(name)
  local found = self.repositories[name]
  for longer, repository in pairs(not found and self.repositories or {}) do
    found = found or ends_in(longer, name) and repository or nil
  end
  if not found then
    found = { name = name, branches = {}, commits = {}, former = {} }
    self.repositories[name] = found
  end
  return found
end

--- Commit a tree to a branch.
---@param name string  of the repository, which is made when there is none
---@param tree table<string, string|{ text: string?, mode: integer?, link: string? }>  the content of each file
---@param branch string?  main when absent
---@return string sha
function Forge:push(name, tree, branch)
  local repository = self:repository(name)
  branch, self.pushes = branch or "main", self.pushes + 1
  local sha = core.sha256.hex(("%s\n%s\n%d\n%s"):format(name, branch, self.pushes, serialized(tree))):sub(1, 40)
  repository.former[sha] = repository.branches[branch]
  repository.branches[branch], repository.commits[sha] = sha, tree
  return sha
end

--- The commit that a branch points at.
---@param name string
---@param branch string?
---@return string?
function Forge:head(name, branch)
  local repository = self:repository(name)
  if self.everything and not next(repository.branches) then
    self:push(name, TEMPLATE)
  end
  return repository.branches[branch or "main"]
end

--- Remove a repository, or one branch of it.
---@param name string
---@param branch string?
function Forge:remove(name, branch)
  local repository = self:repository(name)
  if branch then
    repository.branches[branch] = nil
  else
    self.repositories[repository.name], self.everything = nil, false
  end
end

--- The repository that a URL's path ends in: by its whole URL, its name, or what follows a dash in that.
---@param url string
---@return molbuild.testing.Repository?
function Forge:find(url)
  local bare = url:gsub("%.git$", ""):gsub("/+$", "")
  local last, found = bare:match "[^/]*$", self.repositories[bare] or self.repositories[url]
  for name, repository in pairs(self.repositories) do
    local fits = ends_in(last, name)
    if not found and fits or found and fits and #name > #found.name then
      found = repository
    end
  end
  if not found and self.everything and last ~= "" then
    self:push(last, TEMPLATE)
    found = self.repositories[last]
  end
  return found
end

-- What goes wrong -----------------------------------------------------------------------------------------------------

--- Make requests fail, or change their answers: the API's, and git's.
---@param what string|integer|table  "timeout", "resolve", "connect", "reset" or "tls"; a status; or { status, headers, body }
---@param count integer?  how many of them; all when absent
function Forge:fails(what, count)
  local known = { timeout = true, resolve = true, connect = true, reset = true, tls = true }
  if type(what) == "string" and not known[what] then
    error(('forge:fails: "%s" is not one of timeout, resolve, connect, reset, tls, nor a status'):format(what), 2)
  end
  faults.add(self.faults, what, count)
end

--- Let everything go well again.
function Forge:recovers()
  self.faults = {}
end

--- Take the fault that the next request meets.
---@return string|integer|table|nil
function Forge:take_fault()
  return faults.take(self.faults)
end

--- Let the next fetches by git find a replica that has not got the branches' commits yet.
---@param count integer?  one when absent
function Forge:lags(count)
  self.lag = count or 1
end

-- The API -------------------------------------------------------------------------------------------------------------

local function answer(status, body)
  return { status = status, headers = { ["Content-Type"] = "application/json; charset=utf-8" }, body = json.encode(body) }
end

local function not_found(words)
  return answer(404, { message = "The target couldn't be found.", errors = words and { words } or json.null, url = "" })
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- Whether a request of the API may see the repositories; if not, what it is answered.
function Forge:refusal(request)
  if self.private and request.headers.Authorization ~= "token " .. self.token then
    return answer(401, { message = "token is required", url = "" })
  end
end

local function branch_answer(repository, branch)
  local sha = repository and repository.branches[branch]
  if sha then
    return answer(200, { name = branch, commit = { id = sha, message = "a commit of the test" } })
  end
  return not_found(repository and ("branch does not exist [name: %s]"):format(branch) or nil)
end

--- The true answer to a request.
function Forge:answer(request)
  local where = request.url:gsub("[?#].*$", "")
  local org, name, branch = where:match "/api/v1/repos/([^/]+)/([^/]+)/branches/(.+)$"
  if not org then
    org, name = where:match "/api/v1/repos/([^/]+)/([^/]+)$"
  end
  if not org then
    return not_found()
  end
  local refusal = self:refusal(request)
  local repository = not refusal and self:find(("%s/%s/%s"):format(where:match "^(.-)/api/v1/", org, name))
  if refusal or branch then
    return refusal or branch_answer(repository, decoded(branch))
  end
  return repository and answer(200, { id = 1, name = name, full_name = org .. "/" .. name, default_branch = "main" })
    or not_found()
end

--- Put the forge into a network: it answers all requests that no other server answers, except for the engine's socket and
--- for hosts that are not the forge's.
---@param network molbuild.testing.Network
function Forge:serve(network)
  network:add("forge", function(request) return not request.unix_socket end, function(request)
    local fault = self:take_fault()
    if type(fault) == "string" then
      return network:failure(request, fault)
    elseif type(fault) == "table" then
      return { status = fault.status or 200, headers = fault.headers or {}, body = fault.body or "" }
    elseif fault then
      return answer(fault, { message = "set by the test", url = "" })
    end
    return self:answer(request)
  end)
end

return forge
