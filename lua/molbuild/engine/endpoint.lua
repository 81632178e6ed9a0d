--- Where the engine is that a program would reach: the docker program's, or podman's. Nothing is asked of it here.
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"

local endpoint = {}

local CONFIG_MAX = 1024 * 1024

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
  local found = tls or {}
  found.proxy = is_here and "" or nil
  found.base = (tls and "https://" or "http://") .. address
  return found
end

---@class molbuild.EnginePlace
---@field host string?  "unix:///var/run/docker.sock"; nil when only the program knows it
---@field from string  where that is set
---@field tls table?
---@field only_program boolean?  only the program can reach it

--- The endpoint of a docker CLI context. It has its own TLS files; those of the environment are ignored.
local function context_place(config_dir, name, from)
  local id = core.sha256.hex(name)
  local meta = read_json(("%s/contexts/meta/%s/meta.json"):format(config_dir, id))
  local docker = field(field(meta, "Endpoints"), "docker") or {}
  local host = type(docker.Host) == "string" and docker.Host or nil
  local dir = ("%s/contexts/tls/%s/docker"):format(config_dir, id)
  return {
    host = host, from = ('the context "%s" of %s'):format(name, from), tls = existing(dir) and tls_files(dir),
    only_program = not host or docker.SkipTLSVerify == true,
  }
end

--- The context that the docker CLI uses without DOCKER_HOST, and where it is set; nil for the default context.
local function current_context(config_dir)
  local name, from = env.get "DOCKER_CONTEXT", "DOCKER_CONTEXT"
  if not name then
    local config = read_json(config_dir .. "/config.json")
    name, from = config and type(config.currentContext) == "string" and config.currentContext, config_dir .. "/config.json"
  end
  return name and name ~= "" and name ~= "default" and name or nil, from
end

--- The docker CLI's engine: DOCKER_HOST, DOCKER_CONTEXT, the current context of its configuration, the default socket.
---@return molbuild.EnginePlace
local function docker_place()
  local host, home = env.get "DOCKER_HOST", env.get "HOME"
  local config_dir = env.get "DOCKER_CONFIG" or home and home .. "/.docker"
  if not config_dir and not host then
    return { from = "docker's configuration in the user's home (HOME is not set)", only_program = true }
  end
  local context, from
  if not host then context, from = current_context(config_dir) end
  if context then
    return context_place(config_dir, context, from)
  end
  local tls
  if env.get "DOCKER_TLS_VERIFY" then
    local dir = env.get "DOCKER_CERT_PATH" or config_dir
    tls = dir and tls_files(dir)
  end
  return {
    host = host or "unix:///var/run/docker.sock", from = host and "DOCKER_HOST" or "the default", tls = tls,
    -- No certificates, or no CA to verify the engine's certificate.
    only_program = not tls and (env.get "DOCKER_TLS_VERIFY" or env.get "DOCKER_TLS") ~= nil,
  }
end

--- Variables with which podman uses other images than the service of the default socket.
local PODMAN_OWN = { "CONTAINER_CONNECTION", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "STORAGE_OPTS" }

--- podman's service: CONTAINER_HOST, the user's socket, the system's.
---@return molbuild.EnginePlace
local function podman_place()
  local host, runtime_dir = env.get "CONTAINER_HOST", env.xdg "XDG_RUNTIME_DIR"
  if host then
    return { host = host, from = "CONTAINER_HOST" }
  end
  for _, name in ipairs(PODMAN_OWN) do
    if env.get(name) then
      return { from = name, only_program = true }
    end
  end
  local own = runtime_dir and runtime_dir .. "/podman/podman.sock"
  if own and existing(own) then
    return { host = "unix://" .. own, from = "XDG_RUNTIME_DIR" }
  end
  return { host = "unix:///run/podman/podman.sock", from = "the default" }
end

local PLACES = { docker = docker_place, podman = podman_place }

--- Whether a program is known here: docker and podman are.
---@param kind string  the program's name
---@return boolean
function endpoint.knows(kind)
  return PLACES[kind] ~= nil
end

--- Which engine a program would reach, and what names it.
---@param kind string  a known program's name
---@return molbuild.EnginePlace
---@raise usage
function endpoint.place(kind)
  return PLACES[kind]()
end

--- How to reach the engine that a program would reach.
---@param kind string  a known program's name
---@return { base: string, unix_socket: string?, proxy: string?, ca_file: string?, cert_file: string?, key_file: string? }?
---  for core.http.request, with the URL that a path follows; nil when only the program can reach it
---@raise usage
function endpoint.find(kind)
  local place = endpoint.place(kind)
  return not place.only_program and endpoint_of(place.host, place.tls) or nil
end

return endpoint
