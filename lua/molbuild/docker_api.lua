--- The Engine API, for questions: what an image is, and tagging it. Spoken over the engine's socket by molbuild itself,
--- so that a question costs no child process. Where the endpoint is one it does not speak, docker.lua asks the CLI.
local core = require "molbuild.core"
local env = require "molbuild.env"

local docker_api = {}

local ANSWER_MAX = 4 * 1024 * 1024
local CONFIG_MAX = 1024 * 1024
--- Seconds: an engine that takes longer is stuck.
local TIMEOUT = 60
--- The oldest API with these two requests as they are used here.
local OLDEST = 1.24

local function read_json(path)
  local text = core.fs.read(path, CONFIG_MAX)
  local ok, value = pcall(require("cjson").decode, text or "")
  return ok and type(value) == "table" and value or nil
end

--- The host that a context of the docker CLI names; nil for one that is not there, or has TLS files of its own.
local function context_host(config_dir, name)
  if name == "default" then
    return "unix:///var/run/docker.sock"
  end
  local id = core.sha256.hex(name)
  local meta = read_json(("%s/contexts/meta/%s/meta.json"):format(config_dir, id))
  local endpoints = meta and type(meta.Endpoints) == "table" and meta.Endpoints
  local docker = endpoints and type(endpoints.docker) == "table" and endpoints.docker
  if not docker or core.fs.lstat(("%s/contexts/tls/%s"):format(config_dir, id)) then
    return nil
  end
  return type(docker.Host) == "string" and docker.Host or nil
end

--- The engine's address as the docker CLI finds it: DOCKER_HOST, DOCKER_CONTEXT, the current context of its
--- configuration, the usual socket. nil when only the CLI can tell.
---@return string?
function docker_api.host()
  local host = env.get "DOCKER_HOST"
  if host then
    return host
  end
  local home = env.get "HOME"
  local config_dir = env.get "DOCKER_CONFIG" or home and home .. "/.docker"
  local name = env.get "DOCKER_CONTEXT"
  if not name and config_dir then
    local config = read_json(config_dir .. "/config.json")
    name = config and type(config.currentContext) == "string" and config.currentContext ~= "" and config.currentContext
  end
  if not name then
    return "unix:///var/run/docker.sock"
  end
  return config_dir and context_host(config_dir, name)
end

--- How to reach a host: what a request needs besides its path. nil for one that is not spoken here (ssh, named pipes).
---@param host string
---@return table?
function docker_api.endpoint(host)
  local socket = host:match "^unix://(/.*)$"
  if socket then
    local stat = core.fs.lstat(socket)
    return stat and { base = "http://docker", unix_socket = socket } or nil
  end
  local address = host:match "^tcp://([%w%.%-]+:%d+)/?$" or host:match "^tcp://(%[[%x:]+%]:%d+)/?$"
  if not address then
    return nil
  end
  if not env.get "DOCKER_TLS_VERIFY" then
    return { base = "http://" .. address }
  end
  local home = env.get "HOME"
  local certificates = env.get "DOCKER_CERT_PATH" or home and home .. "/.docker"
  return certificates and {
    base = "https://" .. address,
    ca_file = certificates .. "/ca.pem",
    cert_file = certificates .. "/cert.pem",
    key_file = certificates .. "/key.pem",
  }
end

---@class molbuild.EngineApi
local Api = {}
Api.__index = Api

--- The API of the engine that the environment names; nil when only the CLI can reach it. MOLBUILD_DOCKER_API=0 leaves
--- everything to the CLI.
---@return molbuild.EngineApi?
function docker_api.connect()
  if env.get "MOLBUILD_DOCKER_API" == "0" then
    return nil
  end
  local host = docker_api.host()
  local endpoint = host and docker_api.endpoint(host)
  return endpoint and setmetatable({ endpoint = endpoint }, Api) or nil
end

--- One request. nil, message, code when the engine gave no answer, or speaks too old an API.
function Api:request(method, path)
  local endpoint = self.endpoint
  local response, message, code = core.http.request {
    url = endpoint.base .. path,
    method = method,
    unix_socket = endpoint.unix_socket,
    ca_file = endpoint.ca_file,
    cert_file = endpoint.cert_file,
    key_file = endpoint.key_file,
    timeout = TIMEOUT,
    max_body = ANSWER_MAX,
    max_redirects = 0,
  }
  if not response then
    return nil, message, code
  end
  local version = tonumber((response.headers["api-version"] or ""):match "^%d+%.%d+$")
  if not version or version < OLDEST then
    return nil, "no Docker Engine of API 1.24 or newer answers there", "protocol"
  end
  return response
end

local function message_of(response)
  local ok, answer = pcall(require("cjson").decode, response.body)
  local text = ok and type(answer) == "table" and answer.message
  return type(text) == "string" and text or "status " .. response.status
end

--- As Engine:image() of docker.lua, but for an engine that cannot be reached, which is nil, message, code.
function Api:image(ref)
  local response, message, code = self:request("GET", ("/images/%s/json"):format(ref))
  if not response then
    return nil, message, code
  elseif response.status == 404 then
    return nil
  elseif response.status ~= 200 then
    return nil, "the engine says: " .. message_of(response)
  end
  local ok, image = pcall(require("cjson").decode, response.body)
  return ok and image or nil, not ok and "the engine's answer is no JSON" or nil
end

--- Tag an image. Returns true, or nil, message.
function Api:tag(ref, alias)
  local repo, tag = alias:match "^(.*):([^:/]+)$"
  local response, message, code = self:request("POST", ("/images/%s/tag?repo=%s&tag=%s"):format(ref, repo, tag))
  if not response then
    return nil, message, code
  end
  return response.status == 201 or nil, message_of(response)
end

return docker_api
