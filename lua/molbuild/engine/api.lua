--- The Engine API, for questions: image details, tagging, the engine's platform. molbuild itself speaks it over the engine's
--- socket, so that a question costs no child process. For endpoints that it does not support, engine/init.lua runs the CLI.
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"

local api = {
  --- Seconds: an engine that takes longer to answer is considered stuck.
  TIMEOUT = 60,
}

local ANSWER_MAX = 4 * 1024 * 1024
local CONFIG_MAX = 1024 * 1024
--- The oldest API that has these requests in this form, and the newest one that was checked.
local OLDEST, NEWEST = "1.24", "1.51"

-- Where the engine is -----------------------------------------------------------------------------------------------

-- The program reports what it cannot read, except for a file that would block it without a message.
local function read_json(path)
  local text, message, code = core.fs.read(path, CONFIG_MAX)
  errors.must(text or code ~= "invalid", message, code, { kind = "usage", hint = "put a regular file there" })
  local value = json.decode(text or "")
  return type(value) == "table" and value or nil
end

--- A field of an untrusted table, if it is a table.
local function field(value, name)
  return type(value) == "table" and type(value[name]) == "table" and value[name] or nil
end

local function existing(path)
  return core.fs.lstat(path) and path or nil
end

--- The TLS files of a client, as the docker CLI names them in a directory.
local function tls_files(dir)
  return { ca_file = dir .. "/ca.pem", cert_file = existing(dir .. "/cert.pem"), key_file = existing(dir .. "/key.pem") }
end

--- The fields of a request for a host, all but its path. nil for an endpoint that is not supported: ssh, named pipes,
--- incomplete addresses.
---@param host string
---@param tls { ca_file: string, cert_file: string?, key_file: string? }?
---@return table?
local function endpoint_of(host, tls)
  local socket = host:match "^unix://(/.*)$"
  if socket then
    return not tls and existing(socket) and { base = "http://docker", unix_socket = socket } or nil
  end
  local address = host:match "^tcp://([%w%.%-]+:%d+)/?$" or host:match "^tcp://(%[[%x:]+%]:%d+)/?$"
  -- No program uses a proxy for this machine. For another one, Go's rules decide which hosts a proxy is used for.
  local is_here = address and origin.is_loopback("http://" .. address)
  if not address or (network.has_proxy() and not is_here) then
    return nil
  end
  local endpoint = tls or {}
  endpoint.proxy = is_here and "" or nil
  endpoint.base = (tls and "https://" or "http://") .. address
  return endpoint
end

--- The endpoint of a docker CLI context. It has its own TLS files; those of the environment are ignored.
local function context_endpoint(config_dir, name)
  local id = core.sha256.hex(name)
  local meta = read_json(("%s/contexts/meta/%s/meta.json"):format(config_dir, id))
  local docker = field(field(meta, "Endpoints"), "docker")
  if not docker or type(docker.Host) ~= "string" or docker.SkipTLSVerify == true then
    return nil
  end
  local dir = ("%s/contexts/tls/%s/docker"):format(config_dir, id)
  return endpoint_of(docker.Host, existing(dir) and tls_files(dir))
end

--- The context that the docker CLI uses without DOCKER_HOST; nil for the default context.
local function current_context(config_dir)
  local name = env.get "DOCKER_CONTEXT"
  if not name then
    local config = read_json(config_dir .. "/config.json")
    name = config and type(config.currentContext) == "string" and config.currentContext
  end
  return name and name ~= "" and name ~= "default" and name or nil
end

--- The docker CLI's engine: DOCKER_HOST, DOCKER_CONTEXT, the current context of its configuration, the default socket.
local function docker_endpoint()
  local host, home = env.get "DOCKER_HOST", env.get "HOME"
  local config_dir = env.get "DOCKER_CONFIG" or home and home .. "/.docker"
  if not config_dir and not host then
    return nil -- The CLI gets the user's home from the system.
  end
  local context = not host and current_context(config_dir)
  if context then
    return context_endpoint(config_dir, context)
  end
  local tls
  if env.get "DOCKER_TLS_VERIFY" then
    local dir = env.get "DOCKER_CERT_PATH" or config_dir
    tls = dir and tls_files(dir)
  end
  if not tls and (env.get "DOCKER_TLS_VERIFY" or env.get "DOCKER_TLS") then
    return nil -- No certificates, or no CA to verify the engine's certificate.
  end
  return endpoint_of(host or "unix:///var/run/docker.sock", tls)
end

--- Variables with which podman uses other images than the service of the default socket.
local PODMAN_OWN = { "CONTAINER_CONNECTION", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "STORAGE_OPTS" }

--- podman's service: CONTAINER_HOST, the user's socket, the system's.
local function podman_endpoint()
  local host, runtime_dir = env.get "CONTAINER_HOST", env.xdg "XDG_RUNTIME_DIR"
  if host then
    return endpoint_of(host)
  end
  for _, name in ipairs(PODMAN_OWN) do
    if env.get(name) then
      return nil
    end
  end
  return runtime_dir and endpoint_of("unix://" .. runtime_dir .. "/podman/podman.sock")
    or endpoint_of "unix:///run/podman/podman.sock"
end

local ENDPOINTS = { docker = docker_endpoint, podman = podman_endpoint }

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
  local find = ENDPOINTS[kind]
  if not find or not env.switch("MOLBUILD_DOCKER_API", true) then
    return nil
  end
  local wanted = kind == "docker" and env.get "DOCKER_API_VERSION"
  local version = wanted and wanted:gsub("^v", "") or nil
  if version and (ordinal(version) or 0) < ordinal(OLDEST) then
    return nil
  end
  local endpoint = find()
  return endpoint and setmetatable({ endpoint = endpoint, version = version, podman = kind == "podman" }, Api) or nil
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
function Api:request(method, path, timeout)
  local endpoint = self.endpoint
  local response, message, code = core.http.request {
    url = endpoint.base .. (self.version and "/v" .. self.version or "") .. path,
    method = method,
    unix_socket = endpoint.unix_socket,
    proxy = endpoint.proxy,
    ca_file = endpoint.ca_file,
    cert_file = endpoint.cert_file,
    key_file = endpoint.key_file,
    timeout = timeout or api.TIMEOUT,
    max_body = ANSWER_MAX,
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

--- A JSON object from the engine. nil without a message for a 404.
local function ask_object(self, path)
  local response, message, code = self:request("GET", path)
  if not response then
    return nil, message, code
  elseif response.status == 404 then
    return nil
  elseif response.status ~= 200 then
    return nil, "the engine reports: " .. message_of(response)
  end
  local object = json.decode(response.body)
  if object then
    return object
  end
  return nil, "the engine's answer is not a JSON object"
end

--- The engine's description of an image, unchanged.
---@param ref string  a reference that engine/init.lua has checked
---@return table? image  nil when the engine has none, and on failure
---@return string? message  on failure
---@return string? code  when the engine gave no answer
function Api:image(ref)
  return ask_object(self, ("/images/%s/json"):format(ref))
end

--- The engine's versions and platform, unchanged: a table with Os and Arch.
---@return table? version
---@return string? message  on failure
---@return string? code  when the engine gave no answer
function Api:server()
  return ask_object(self, "/version")
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
