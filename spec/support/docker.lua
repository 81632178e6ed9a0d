--- Questions to the engine of the specs (DOCKER_HOST), by its API: the program docker takes longer to start than most of them take.
local cjson = require "cjson"
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local docker = {}

local function endpoint()
  local host = os.getenv "DOCKER_HOST" or "unix:///var/run/docker.sock"
  local socket = host:match "^unix://(.+)$"
  return socket and "http://docker" or "http://" .. assert(host:match "^tcp://(.+)$", host), socket
end

local function ask(method, path)
  local base, socket = endpoint()
  local answer = task.run(function()
    return assert(core.http.request {
      method = method, url = base .. path, unix_socket = socket, proxy = "", timeout = 60, max_body = 1 << 24,
    })
  end)
  if answer.status >= 400 and answer.status ~= 404 then error(("%s %s: %s"):format(method, path, answer.body), 3) end
  return answer.status ~= 404 and answer.body or nil
end

--- The names of the images that PATTERN matches, sorted.
---@param pattern string  as `docker images` takes it
---@return string[]
function docker.tags(pattern)
  local tags = {}
  local filters = ('{"reference":["%s"]}'):format(pattern):gsub("%W", function(c) return ("%%%02X"):format(c:byte()) end)
  for _, image in ipairs(cjson.decode(ask("GET", "/images/json?filters=" .. filters))) do
    if image.RepoTags ~= cjson.null then table.move(image.RepoTags, 1, #image.RepoTags, #tags + 1, tags) end
  end
  table.sort(tags)
  return tags
end

--- What `docker image inspect` prints of an image; nil when there is none.
---@param ref string
---@return table?
function docker.image(ref)
  local body = ask("GET", ("/images/%s/json"):format(ref))
  return body and cjson.decode(body)
end

--- The id of an image that must be there.
---@param ref string
---@return string
function docker.id(ref)
  return (docker.image(ref) or error("no image " .. ref, 2)).Id
end

--- Remove the names of images, and with the last name an image itself. By name: an image that others build upon cannot be
--- removed by its id.
---@param pattern string
function docker.remove(pattern)
  for _, tag in ipairs(docker.tags(pattern)) do ask("DELETE", ("/images/%s?force=1"):format(tag)) end
end

--- The number of containers, in whatever state.
---@return integer
function docker.containers()
  return #cjson.decode(ask("GET", "/containers/json?all=1"))
end

return docker
