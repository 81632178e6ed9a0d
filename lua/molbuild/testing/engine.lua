--- A container engine of a test's world: the images that it has, and the Engine API for them. Its program, which builds, is in
--- docker.lua.
local core = require "molbuild.core"
local faults = require "molbuild.testing.faults"
local json = require "cjson"

local engine = {}

local CREATED = 1700000000 -- when images were created: each one a second after the one before

---@class molbuild.testing.Image
---@field id string
---@field tags string[]
---@field labels table<string, string>
---@field platform string
---@field created integer  seconds since 1970

---@class molbuild.testing.Engine
---@field platform string  its own
---@field builder "buildkit"|"classic"
---@field podman boolean
---@field images molbuild.testing.Image[]
---@field containers { name: string, image: string, labels: table?, argv: string[]? }[]  running or not
---@field registry table<string, table>  what a pull gets, and a push has put, by reference
local Engine = {}
Engine.__index = Engine

---@param options { platform: string?, builder: string?, podman: boolean?, command: string? }?
---@param images table<string, { labels: table?, platform: string? }>?  by reference
---@param address string?  where it listens: unix://PATH or tcp://HOST:PORT; the usual socket when absent
---@return molbuild.testing.Engine
function engine.new(options, images, address)
  local self = setmetatable({
    platform = "linux/amd64", builder = "buildkit", podman = false, images = {}, containers = {}, registry = {}, faults = {},
    plans = {}, number = 0,
  }, Engine)
  for name, value in pairs(options or {}) do
    self[name] = value
  end
  self.command = self.command or self.podman and "podman" or "docker"
  self.address = address or self.podman and "unix:///run/podman/podman.sock" or "unix:///var/run/docker.sock"
  self.socket = self.address:match "^unix://(/.*)$"
  for ref, image in pairs(images or {}) do
    self:add(ref, image)
  end
  return self
end

local function with_tag(ref)
  return ref:find ":[^/]*$" and ref or ref .. ":latest"
end

--- The image of a name or an id.
---@param ref string
---@return molbuild.testing.Image?
function Engine:image(ref)
  local name = with_tag(ref):gsub("^docker%.io/", ""):gsub("^localhost/", "")
  for _, image in ipairs(self.images) do
    if image.id == ref then
      return image
    end
    for _, tag in ipairs(image.tags) do
      if tag == name then
        return image
      end
    end
  end
  return nil
end

-- Take a name from the image that has it.
function Engine:untag(ref)
  for _, image in ipairs(self.images) do
    for index = #image.tags, 1, -1 do
      if image.tags[index] == ref then
        table.remove(image.tags, index)
      end
    end
  end
end

--- Give an image another name.
---@param image molbuild.testing.Image
---@param ref string
function Engine:name(image, ref)
  local name = with_tag(ref):gsub("^docker%.io/", ""):gsub("^localhost/", "")
  self:untag(name)
  table.insert(image.tags, name)
end

--- An image that the engine has from now on.
---@param ref string
---@param fields { labels: table<string, string>?, platform: string?, id: string? }?
---@return molbuild.testing.Image
function Engine:add(ref, fields)
  fields = fields or {}
  self.number = self.number + 1
  local image = {
    id = fields.id or "sha256:" .. core.sha256.hex(("%s %d"):format((ref:gsub("%.unverified$", "")), self.number)), tags = {},
    labels = fields.labels or {}, created = fields.created or CREATED + self.number,
    platform = fields.platform or self.platform, files = fields.files, build_args = fields.build_args,
    volumes = fields.volumes, size = fields.size,
  }
  table.insert(self.images, image)
  self:name(image, ref)
  return image
end

--- Remove what a name stands for.
---@param ref string
function Engine:remove(ref)
  local gone = self:image(ref)
  for index, image in ipairs(self.images) do
    if image == gone then
      table.remove(self.images, index)
      return
    end
  end
end

-- What goes wrong -----------------------------------------------------------------------------------------------------

--- Make questions fail.
---@param what "unreachable"|"stuck"|integer  no engine answers; it never answers; a status
---@param count integer?  how many of them; all when absent. The program finds the engine as the API does
function Engine:fails(what, count)
  if what ~= "unreachable" and what ~= "stuck" and math.type(what) ~= "integer" then
    error(('engine:fails: "%s" is not one of unreachable, stuck, nor a status'):format(tostring(what)), 2)
  end
  faults.add(self.faults, what, count)
end

--- Let everything go well again.
function Engine:recovers()
  self.faults, self.plans = {}, {}
end

--- Take the fault that the next question meets.
function Engine:take_fault()
  return faults.take(self.faults)
end

--- Whether no engine answers at the moment.
function Engine:is_gone()
  return self.faults[1] ~= nil and self.faults[1].what == "unreachable"
end

--- Say how the next builds (pulls, pushes) go: what they print, how long they take, how they end.
---@param operation "build"|"pull"|"push"|"run"
---@param plan table  see docker.lua
---@param count integer?  how many of them; all when absent
function Engine:plan(operation, plan, count)
  if operation ~= "build" and operation ~= "pull" and operation ~= "push" and operation ~= "run" then
    error(('engine: "%s" is not one of build, pull, push, run'):format(tostring(operation)), 3)
  end
  self.plans[#self.plans + 1] = { operation = operation, plan = plan, left = count or math.huge }
end

--- Say how the next builds go.
---@param plan { prints: string|string[]|nil, seconds: number?, exit: integer?, says: string?, image: table?, signal: integer? }|
---  fun(build: table, call: molbuild.testing.Call): integer?
---@param count integer?  all of them when absent
function Engine:builds(plan, count)
  self:plan("build", type(plan) == "function" and { fn = plan } or plan, count)
end

--- Say how the next containers go, which the setting smoke runs.
---@param plan { prints: string|string[]|nil, seconds: number?, exit: integer? }|
---  fun(container: table, call: molbuild.testing.Call): integer?  math.huge seconds: it never ends
---@param count integer?  all of them when absent
function Engine:runs(plan, count)
  self:plan("run", type(plan) == "function" and { fn = plan } or plan, count)
end

--- Make an operation fail in its last step.
---@param operation "build"|"pull"|"push"
---@param cause string  "disk full", "no network", "rate limit", "access denied", "not found", "wrong processor", "engine gone",
---  "silence", "killed" or "no image"; or the program's last line
---@param count integer?  all of them when absent
function Engine:fails_after(operation, cause, count)
  self:plan(operation, { cause = cause }, count)
end

--- Take the plan of an operation that begins.
---@param operation string
---@return table plan  empty when there is none
function Engine:take_plan(operation)
  for index, entry in ipairs(self.plans) do
    if entry.operation == operation then
      entry.left = entry.left - 1
      if entry.left <= 0 then
        table.remove(self.plans, index)
      end
      return entry.plan
    end
  end
  return {}
end

-- The API -------------------------------------------------------------------------------------------------------------

local VERSION = "1.51"

local function answer(status, body)
  return {
    status = status, headers = { ["Api-Version"] = VERSION, ["Content-Type"] = "application/json" },
    body = type(body) == "string" and body or json.encode(body),
  }
end

--- An image as the engine describes it.
---@param image molbuild.testing.Image
---@return table
function Engine:described(image)
  local system, architecture, variant = image.platform:match "^([^/]+)/([^/]+)/?(.*)$"
  local names = {}
  for index, tag in ipairs(image.tags) do
    names[index] = self.podman and "localhost/" .. tag or tag
  end
  return {
    Id = image.id, RepoTags = names, Os = system, Architecture = architecture, Variant = variant ~= "" and variant or nil,
    Size = image.size or 0, Config = { Labels = image.labels, Volumes = image.volumes },
  }
end

--- The engine's own versions and platform.
---@return table
function Engine:server()
  local system, architecture = self.platform:match "^([^/]+)/([^/]+)"
  return { Version = "28.2.2", ApiVersion = VERSION, Os = system, Arch = architecture }
end

--- The images that have a label, as the engine lists them.
---@param label string  "name=value", or a name alone
---@return table[]
function Engine:labelled(label)
  local name, value = label:match "^([^=]*)=(.*)$"
  local list = {}
  for _, image in ipairs(self.images) do
    local found = image.labels[name or label]
    local listed = found ~= nil and (not name or found == value) and self:described(image)
    list[#list + 1] = listed and {
      Id = listed.Id, RepoTags = listed.RepoTags, Labels = image.labels, Created = image.created, Size = 0, ParentId = "",
    } or nil
  end
  return list
end

--- The id of a container.
---@param container { name: string }
---@return string
function Engine.id_of(container)
  return core.sha256.hex(container.name)
end

--- The containers that have a label; all of them without one.
---@param label string?  "name=value", or a name alone
---@return table[]
function Engine:containers_with(label)
  local name, value = (label or ""):match "^([^=]*)=?(.*)$"
  local list = {}
  for _, container in ipairs(self.containers) do
    local found = (container.labels or {})[name]
    if not label or found and (value == "" or found == value) then list[#list + 1] = container end
  end
  return list
end

--- Remove a container, whatever it does.
---@param ref string  its name or its id
---@return boolean there
function Engine:remove_container(ref)
  for index, container in ipairs(self.containers) do
    if container.name == ref or self.id_of(container) == ref then
      table.remove(self.containers, index)
      return true
    end
  end
  return false
end

-- Containers, as the engine lists them.
local function containers_of(self, label)
  local list = {}
  for index, container in ipairs(self:containers_with(label)) do
    local image = self:image(container.image)
    list[index] = {
      Id = self.id_of(container), Names = { "/" .. container.name }, ImageID = image and image.id, State = "exited",
      Labels = container.labels,
    }
  end
  return list
end

--- Remove an image that one name at most stands for, or a name; an image that a container uses stays.
---@param ref string
---@return integer status
---@return table answer
function Engine:delete(ref)
  local image = self:image(ref)
  if not image then return 404, { message = "No such image: " .. ref } end
  if image.id == ref and #image.tags > 1 then return 409, { message = "conflict: image is referenced in multiple repositories" } end
  for _, container in ipairs(#image.tags <= 1 and self.containers or {}) do
    if self:image(container.image) == image then return 409, { message = "conflict: used by container " .. container.name } end
  end
  if #image.tags > 1 then
    self:untag((with_tag(ref):gsub("^docker%.io/", ""):gsub("^localhost/", "")))
    return 200, { { Untagged = ref } }
  end
  self:remove(ref)
  return 200, { { Deleted = image.id } }
end

-- What the engine holds; nil for another question.
local function answer_stock(self, request, path, label)
  local ref = request.method == "DELETE" and path:match "^/images/(.+)$"
  local container = request.method == "DELETE" and path:match "^/containers/(.+)$"
  if ref then
    return answer(self:delete(ref))
  elseif container then
    local there = self:remove_container(container)
    return answer(there and 204 or 404, there and "" or { message = "No such container: " .. container })
  elseif path == "/containers/json" then
    local list = containers_of(self, label)
    return answer(200, #list > 0 and list or "[]")
  elseif path == "/system/df" then
    return answer(200, "{}")
  elseif path == "/info" then
    return answer(200, { Name = "world", DockerRootDir = "/" }) -- the world's machine, so that its free space is known
  end
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- The label that a question asks for.
local function label_of(query)
  local filters = query:match "filters=([^&]*)"
  return filters and json.decode(decoded(filters)).label[1]
end

-- The true answer to a request.
function Engine:answer(request)
  local path, query = request.path:gsub("^/v%d+%.%d+", ""):match "^([^?]*)%??(.*)$"
  local ref, question = path:match "^/images/(.+)/(%l+)$"
  local image = ref and self:image(decoded(ref))
  if path == "/_ping" then
    return answer(200, "OK")
  elseif path == "/version" then
    return answer(200, self:server())
  elseif path == "/images/json" then
    local list = self:labelled(label_of(query))
    return answer(200, #list > 0 and list or "[]")
  elseif ref and not image and request.method ~= "DELETE" then
    return answer(404, { message = "No such image: " .. with_tag(ref) })
  elseif question == "json" then
    return answer(200, self:described(image))
  elseif question == "tag" and request.method == "POST" then
    self:name(image, ("%s:%s"):format(decoded(query:match "repo=([^&]*)"), decoded(query:match "tag=([^&]*)")))
    return answer(201, "")
  end
  return answer_stock(self, request, path, label_of(query)) or answer(404, { message = "page not found" })
end

--- Put the engine into a network, at its socket.
---@param network molbuild.testing.Network
function Engine:serve(network)
  local port = self.address:match "^tcp://(.-)/?$"
  local function takes(request)
    if port then
      return request.url:match "^%a+://([^/]+)" == port
    end
    return request.unix_socket ~= nil and request.unix_socket == self.socket
  end
  network:add("engine", takes, function(request)
    local fault = self:take_fault()
    if fault == "unreachable" then
      return network:failure(request, "connect")
    elseif fault == "stuck" then
      return network:failure(request, "timeout")
    elseif fault then
      return answer(fault, { message = "set by the test" })
    end
    return self:answer(request)
  end)
end

return engine
