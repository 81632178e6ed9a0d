--- The Engine API, for questions: image details, tagging, the engine's platform. molbuild itself speaks it over the engine's
--- socket, so that a question costs no child process. For endpoints that it does not support, engine/init.lua runs the CLI.
local core = require "molbuild.core"
local endpoint = require "molbuild.engine.endpoint"
local env = require "molbuild.base.env"
local json = require "molbuild.base.json"

local api = {
  --- Seconds: an engine that takes longer to answer is considered stuck.
  TIMEOUT = 60,
}

local ANSWER_MAX = 4 * 1024 * 1024
--- The oldest API that has these requests in this form, and the newest one that was checked.
local OLDEST, NEWEST = "1.24", "1.51"

-- Versions ----------------------------------------------------------------------------------------------------------

--- A version as a number that compares as versions do: 1.9 < 1.24 < 1.100.
local function ordinal(version)
  local major, minor = (version or ""):match "^(%d%d?)%.(%d%d?%d?)$"
  return major and tonumber(major) * 1000 + tonumber(minor)
end

---@class molbuild.EngineApi
---@field endpoint table
---@field version string?  for the requests; the first one names none, and its answer sets it
---@field podman boolean
local Api = {}
Api.__index = Api

--- The API of the engine that the program COMMAND would use. nil when only the program can reach it, or when it is
--- neither docker nor podman. MOLBUILD_DOCKER_API=0 leaves everything to the program.
---@param command string  the program's name or path
---@return molbuild.EngineApi?
function api.connect(command)
  local kind = command:match "[^/]*$"
  if not endpoint.knows(kind) or not env.switch("MOLBUILD_DOCKER_API", true) then
    return nil
  end
  local wanted = kind == "docker" and env.get "DOCKER_API_VERSION"
  local version = wanted and wanted:gsub("^v", "") or nil
  if version and (ordinal(version) or 0) < ordinal(OLDEST) then
    return nil
  end
  local at = endpoint.find(kind)
  return at and setmetatable({ endpoint = at, version = version, podman = kind == "podman" }, Api) or nil
end

--- Agree on a version: the engine's own, up to the newest known one. False when it is too old, or no engine answered.
function Api:negotiate(response)
  local theirs = response.headers["api-version"]
  local number = ordinal(theirs)
  if not number or number < ordinal(OLDEST) then
    return false
  end
  self.version = self.version or number < ordinal(NEWEST) and theirs or NEWEST
  return true
end

-- Questions ---------------------------------------------------------------------------------------------------------

local function message_of(response)
  local answer = json.decode(response.body)
  local text = type(answer) == "table" and answer.message
  return type(text) == "string" and text or "status " .. response.status
end


--- One request, bounded by TIMEOUT seconds. nil, message, code when the engine gave no answer, or supports no version
--- that molbuild supports.
---@param max integer?  the most bytes of the answer
function Api:request(method, path, timeout, max)
  local at = self.endpoint
  local response, message, code = core.http.request {
    url = at.base .. (self.version and "/v" .. self.version or "") .. path,
    method = method,
    unix_socket = at.unix_socket,
    proxy = at.proxy,
    ca_file = at.ca_file,
    cert_file = at.cert_file,
    key_file = at.key_file,
    timeout = timeout or api.TIMEOUT,
    max_body = max or ANSWER_MAX,
    max_redirects = 0,
  }
  if not response then
    return nil, message, code
  elseif not self:negotiate(response) then
    return nil, "no engine with an API of 1.24 or newer answers there", "protocol"
  elseif response.status == 400 and message_of(response):find("client version", 1, true) then
    return nil, message_of(response), "protocol"
  end
  return response
end

--- A JSON document from the engine. nil without a message for a 404.
---@param method string
---@param path string
---@param timeout number?  seconds
---@param max integer?  the most bytes of the answer
---@return any value
---@return string? message  on failure
---@return string? code  when the engine gave no answer
---@return integer? status  of an answer that is a failure
function Api:value(method, path, timeout, max)
  local response, message, code = self:request(method, path, timeout, max)
  if not response then
    return nil, message, code
  elseif response.status == 404 then
    return nil
  elseif response.status ~= 200 then
    return nil, "the engine reports: " .. message_of(response), nil, response.status
  end
  local object = json.decode(response.body)
  if object then
    return object
  end
  return nil, "the engine's answer is not a JSON object"
end

--- One request whose answer has no document.
---@param method string
---@param path string
---@param timeout number?  seconds
---@return integer? status
---@return string? message  of an answer that is a failure, or why there is none
---@return string? code  when the engine gave no answer
function Api:status(method, path, timeout)
  local response, message, code = self:request(method, path, timeout)
  if not response then return nil, message, code end
  return response.status, response.status >= 300 and "the engine reports: " .. message_of(response) or nil
end

--- The engine's description of an image, unchanged.
---@param ref string  a reference that engine/init.lua has checked
---@return table? image  nil when the engine has none, and on failure
---@return string? message  on failure
---@return string? code  when the engine gave no answer
function Api:image(ref)
  return self:value("GET", ("/images/%s/json"):format(ref))
end

--- The filter for what has a label, as a query has it.
---@param label string  "name", or "name=value"
---@return string
function api.label_filter(label)
  local filter = ('{"label":[%s]}'):format(json.string(label))
  return (filter:gsub("[^%w._~-]", function(character) return ("%%%02X"):format(character:byte()) end))
end

--- The path of the question for the images that have a label.
---@param label string  "name", or "name=value"
---@return string
function api.labelled_path(label)
  return "/images/json?filters=" .. api.label_filter(label)
end

--- The images that have a label, unchanged: a list of tables with Id, RepoTags and Labels.
---@param label string  "name=value"
---@return table[]? images
---@return string? message  on failure
---@return string? code  when the engine gave no answer
function Api:labelled(label)
  return self:value("GET", api.labelled_path(label))
end

--- The engine's versions and platform, unchanged: a table with Os and Arch.
---@return table? version
---@return string? message  on failure
---@return string? code  when the engine gave no answer
function Api:server()
  return self:value("GET", "/version")
end

--- Whether the engine answers.
---@param timeout number  seconds
---@return boolean? there
---@return string? message
---@return string? code
function Api:ping(timeout)
  local response, message, code = self:request("GET", "/_ping", timeout)
  return response and true, message, code
end

--- A name for podman's API. The API adds Docker Hub to a name without a registry, while podman's program treats it as
--- local.
local function local_name(repo)
  local registry = repo:match "^([^/]+)/"
  return registry and (registry == "localhost" or registry:find "[%.:]") and repo or "localhost/" .. repo
end

--- Tag an image.
---@param ref string
---@param alias string
---@return boolean? done
---@return string? message  why it failed
---@return string? code  when the engine gave no answer
function Api:tag(ref, alias)
  local repo, tag = alias:match "^(.*):([^:/]+)$"
  repo, tag = repo or alias, tag or "latest"
  repo = self.podman and local_name(repo) or repo
  local response, message, code = self:request("POST", ("/images/%s/tag?repo=%s&tag=%s"):format(ref, repo, tag))
  if not response then
    return nil, message, code
  elseif response.status == 201 then
    return true
  end
  return nil, "the engine reports: " .. message_of(response)
end

return api
