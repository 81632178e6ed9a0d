--- Questions to an engine by its API: the program docker takes longer to start than most of them take. HOST names the engine as
--- DOCKER_HOST does; when absent, it is the engine of the specs.
local cjson = require "cjson"
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local docker = {}

local function endpoint(host)
  host = host or os.getenv "DOCKER_HOST" or "unix:///var/run/docker.sock"
  local socket = host:match "^unix://(.+)$"
  return socket and "http://docker" or "http://" .. assert(host:match "^tcp://(.+)$", host), socket
end

local function ask(method, path, host, document)
  local base, socket = endpoint(host)
  local answer = task.run(function()
    return assert(core.http.request {
      method = method, url = base .. path, unix_socket = socket, proxy = "", timeout = 60, max_body = 1 << 24,
      headers = document and { ["Content-Type"] = "application/json" }, body = document and cjson.encode(document),
    })
  end)
  if answer.status >= 400 and answer.status ~= 404 then error(("%s %s: %s"):format(method, path, answer.body), 3) end
  return answer.status ~= 404 and answer.body or nil
end

--- The names of the images that PATTERN matches, sorted; of all when it is absent, with <none>:<none> for each that has no name.
---@param pattern string?  as `docker images` takes it
---@param host string?
---@return string[]
function docker.tags(pattern, host)
  local tags = {}
  local filters = pattern and ('{"reference":["%s"]}'):format(pattern) or "{}"
  filters = filters:gsub("%W", function(c) return ("%%%02X"):format(c:byte()) end)
  for _, image in ipairs(cjson.decode(ask("GET", "/images/json?filters=" .. filters, host))) do
    if image.RepoTags ~= cjson.null then table.move(image.RepoTags, 1, #image.RepoTags, #tags + 1, tags) end
  end
  table.sort(tags)
  return tags
end

--- What `docker image inspect` prints of an image; nil when there is none.
---@param ref string
---@param host string?
---@return table?
function docker.image(ref, host)
  local body = ask("GET", ("/images/%s/json"):format(ref), host)
  return body and cjson.decode(body)
end

--- The id of an image that must be there.
---@param ref string
---@param host string?
---@return string
function docker.id(ref, host)
  return (docker.image(ref, host) or error("no image " .. ref, 2)).Id
end

--- What a file of an image holds. To run a program in it that prints the file takes three times as long.
---@param ref string
---@param path string
---@return string
function docker.file(ref, path)
  local id = cjson.decode(ask("POST", "/containers/create", nil, { Image = ref, Cmd = { "none" } })).Id
  local archive = ask("GET", ("/containers/%s/archive?path=%s"):format(id, path))
  ask("DELETE", "/containers/" .. id)
  assert(archive, "no file " .. path)
  local size = tonumber(archive:match("^%d+", 125), 8) -- as ustar has it
  return archive:sub(513, 512 + size)
end

--- Remove the names of images, and with the last name an image itself. By name: an image that others build upon cannot be
--- removed by its id.
---@param pattern string
---@param host string?
function docker.remove(pattern, host)
  for _, tag in ipairs(docker.tags(pattern, host)) do ask("DELETE", ("/images/%s?force=1"):format(tag), host) end
end

--- Give an image one more name, or move that name to it.
---@param ref string
---@param name string  with a tag
---@param host string?
function docker.tag(ref, name, host)
  ask("POST", ("/images/%s/tag?repo=%s&tag=%s"):format(ref, name:match "^(.*):([^:]*)$"), host)
end

--- The architecture of the engine's machine, as in the name of a platform.
---@param host string?
---@return string
function docker.architecture(host)
  return cjson.decode(ask("GET", "/version", host)).Arch
end

--- The number of containers, in whatever state.
---@return integer
function docker.containers()
  return #cjson.decode(ask("GET", "/containers/json?all=1"))
end

return docker
