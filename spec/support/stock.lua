--- An engine in memory for specs of gc: images, containers, and the answers of docker's API about them. It refuses to remove what
--- docker refuses to remove. `meanwhile` is called before each request, and stands for other programs.
local stock = {}

---@class FakeEngine
---@field images table[]  { id, tags, labels, created, size, parent? }
---@field containers table[]  { name, image }
---@field requests string[]
---@field failing table<string, string>  by image id: why it cannot be removed
---@field meanwhile fun(self: FakeEngine, request: string)?
local Engine = {}
Engine.__index = Engine

---@return FakeEngine
function stock.new()
  return setmetatable({ images = {}, containers = {}, requests = {}, failing = {}, podman = false }, Engine)
end

function Engine:add(image)
  self.number = (self.number or 0) + 1
  image.id = image.id or ("sha256:%064x"):format(self.number)
  image.tags, image.labels = image.tags or {}, image.labels or {}
  table.insert(self.images, image)
  return image
end

--- The image of an id or a name.
function Engine:find(ref)
  for index, image in ipairs(self.images) do
    if image.id == ref then return image, index end
    for place, tag in ipairs(image.tags) do
      if tag == ref then return image, index, place end
    end
  end
end

--- Give an image a name, which another one loses.
function Engine:name(ref, name)
  local image = assert(self:find(ref))
  local other, _, place = self:find(name)
  if other then table.remove(other.tags, place) end
  table.insert(image.tags, name)
end

function Engine:image(ref)
  self:note("INSPECT " .. ref)
  local image = self:find(ref)
  return image and { id = image.id, tags = image.tags, labels = image.labels }
end

function Engine:tag(ref, name)
  self:note("TAG " .. ref .. " " .. name)
  self:name(ref, name)
end

function Engine:note(request)
  table.insert(self.requests, request)
  if self.meanwhile then self:meanwhile(request) end
end

local function described(image)
  return {
    Id = image.id, RepoTags = #image.tags > 0 and image.tags or nil, RepoDigests = image.digests, Labels = image.labels,
    Created = image.created, Size = image.size or 1000, ParentId = image.parent or "",
  }
end

local answers = {}

function answers.images(self)
  local list = {}
  for _, image in ipairs(self.images) do
    list[#list + 1] = image.labels["app.molecule.runtime"] and described(image) or nil
  end
  return list
end

function answers.containers(self)
  local list = {}
  for index, container in ipairs(self.containers) do
    list[index] = {
      Id = ("%064x"):format(index), Names = { "/" .. container.name }, ImageID = container.image, Created = container.created,
      State = "exited",
    }
  end
  return list
end

function answers.usage(self)
  local list, layers = {}, 0
  for index, image in ipairs(self.images) do
    list[index] = { Id = image.id, Size = image.size or 1000, SharedSize = 100 }
    layers = layers + (image.size or 1000) - 100
  end
  layers = layers + (#list > 0 and 100 or 0)
  return { Images = list, LayersSize = layers, BuildCache = { { Size = self.cache or 0, Shared = false } } }
end

-- Why docker refuses: DELETE /images/REF without force.
local function refusal(self, image, is_id)
  local is_last = #image.tags <= 1
  if self.failing[image.id] then return self.failing[image.id] end
  if is_id and #image.tags > 1 then return "image is referenced in multiple repositories" end
  for _, container in ipairs(self.containers) do
    if container.image == image.id and is_last then return "image is being used by container " .. container.name end
  end
  for _, other in ipairs(self.images) do
    if other.parent == image.id and is_last then return "image has dependent child images" end
  end
end

local function delete(self, ref)
  local image, index, place = self:find(ref)
  if not image then return nil end
  local why = refusal(self, image, not place)
  if why then return nil, why, nil, 409 end
  if place then table.remove(image.tags, place) end
  if place and #image.tags > 0 then return { { Untagged = ref } } end
  table.remove(self.images, index)
  return { { Deleted = image.id } }
end

-- As engine/api.lua: the value of a request.
local function value(self, method, path)
  self:note(method .. " " .. path)
  local ref = method == "DELETE" and path:match "^/images/([^?]+)$"
  if ref then return delete(self, ref) end
  local name = path:match "^/images/json" and "images" or path:match "^/containers/json" and "containers"
    or path:match "^/system/df" and "usage"
  if name then return answers[name](self) end
  if path == "/info" then return { Name = "elsewhere", DockerRootDir = "/nonexistent" } end
  local bound = path:match "^/build/prune%?all=1&keep%-storage=(%d+)"
  assert(bound, "no such request: " .. method .. " " .. path)
  local reclaimed = math.max(0, (self.cache or 0) - tonumber(bound))
  self.cache = (self.cache or 0) - reclaimed
  return { SpaceReclaimed = reclaimed }
end

--- As Engine:ask, by the API.
function Engine:ask(question)
  local api = { podman = self.podman, value = function(_, method, path) return value(self, method, path) end }
  return question.api(api)
end

return stock
