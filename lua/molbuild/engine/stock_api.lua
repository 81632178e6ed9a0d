--- What an engine holds, by its API: the questions of engine/stock.lua. Each gets the API and the most seconds that it may take.
local of_image = require "molbuild.engine.image"
local said = require("molbuild.base.text").said

local stock_api = {}

local MAX = 64 * 1024 * 1024 -- bytes of an answer that lists everything

local function number_of(value)
  value = math.tointeger(tonumber(value))
  return value and value >= 0 and value or nil
end

local function labels_of(map)
  local labels = {}
  for name, value in pairs(type(map) == "table" and map or {}) do
    labels[name] = type(value) == "string" and value or nil
  end
  return labels
end

--- A list of the engine's objects, each converted. An entry that FN rejects is left out.
local function converted(list, fn)
  local all = {}
  for _, entry in ipairs(list) do
    all[#all + 1] = type(entry) == "table" and fn(entry) or nil
  end
  return all
end

--- Images with a label.
---@param api molbuild.EngineApi
---@param label string
---@return molbuild.StockImage[]?
---@return string? message
---@return string? code
function stock_api.images(api, seconds, label)
  local path = require("molbuild.engine.api").labelled_path(label)
  local list, message, code = api:value("GET", path, seconds, MAX)
  if type(list) ~= "table" then return nil, message, code end
  return converted(list, function(image)
    local id = of_image.id(image.Id)
    return id and {
      id = id, tags = of_image.names(image.RepoTags), digests = of_image.names(image.RepoDigests), labels = labels_of(image.Labels),
      created = number_of(image.Created), size = number_of(image.Size), parent = of_image.id(image.ParentId),
    }
  end)
end

--- All containers, or those with a label.
---@param api molbuild.EngineApi
---@param label string?
---@return molbuild.StockContainer[]?
---@return string? message
---@return string? code
function stock_api.containers(api, seconds, label)
  local filter = label and "&filters=" .. require("molbuild.engine.api").label_filter(label) or ""
  local list, message, code = api:value("GET", "/containers/json?all=1" .. filter, seconds, MAX)
  if type(list) ~= "table" then return nil, message, code end
  return converted(list, function(container)
    local names = of_image.names(container.Names)
    return {
      id = said(container.Id), name = (names[1] or said(container.Id) or "?"):gsub("^/", ""),
      image = of_image.id(container.ImageID) or said(container.Image), created = number_of(container.Created),
      state = said(container.State), labels = labels_of(container.Labels),
    }
  end)
end

--- The space that images take. podman reports 0 for all layers.
---@param api molbuild.EngineApi
---@return molbuild.StockUsage?
---@return string? message
---@return string? code
function stock_api.usage(api, seconds)
  local document, message, code = api:value("GET", "/system/df?type=image&type=build-cache", seconds, MAX)
  if type(document) ~= "table" then return nil, message, code end
  local usage = { images = {}, layers = not api.podman and number_of(document.LayersSize) or nil }
  for _, image in ipairs(type(document.Images) == "table" and document.Images or {}) do
    local id = type(image) == "table" and of_image.id(image.Id)
    if id then usage.images[id] = { size = number_of(image.Size), shared = number_of(image.SharedSize) } end
  end
  for _, entry in ipairs(not api.podman and type(document.BuildCache) == "table" and document.BuildCache or {}) do
    usage.cache = (usage.cache or 0) + (entry.Shared ~= true and number_of(entry.Size) or 0)
  end
  return usage
end

--- Where an engine keeps its images, and on which machine.
---@param api molbuild.EngineApi
---@return { name: string?, root: string?, free: integer? }?
---@return string? message
---@return string? code
function stock_api.info(api, seconds)
  local info, message, code = api:value("GET", "/info", seconds)
  if type(info) ~= "table" then return nil, message, code end
  return { name = said(info.Name), root = said(info.DockerRootDir) }
end

--- Remove an image or a name.
---@param api molbuild.EngineApi
---@param ref string
---@param keeps_steps boolean?
---@return molbuild.Removal?
---@return string? message
---@return string? code
function stock_api.remove(api, seconds, ref, keeps_steps)
  local path = "/images/" .. ref .. (keeps_steps and "?noprune=1" or "")
  local list, message, code, status = api:value("DELETE", path, seconds, MAX)
  if type(list) ~= "table" then
    if code then return nil, message, code end
    return message and { refused = message, status = status } or { gone = true }
  end
  local removal = {}
  for _, entry in ipairs(list) do
    removal.deleted = removal.deleted or type(entry) == "table" and said(entry.Deleted) ~= nil or nil
  end
  return removal
end

--- Remove a container, whatever its state.
---@param api molbuild.EngineApi
---@param name string
---@return boolean? done
---@return string? message
---@return string? code
function stock_api.remove_container(api, seconds, name)
  local status, message, code = api:status("DELETE", ("/containers/%s?force=1&v=1"):format(name), seconds)
  if not status then return nil, message, code end
  return (status < 300 or status == 404) or nil, message
end

--- Remove parts of the build cache. podman has none: its layers are images.
---@param api molbuild.EngineApi
---@param bytes integer
---@return integer? reclaimed
---@return string? message
---@return string? code
function stock_api.prune_cache(api, seconds, bytes)
  if api.podman then return 0 end
  -- The first name is that of engines before API 1.48.
  local path = ("/build/prune?all=1&keep-storage=%d&reserved-space=%d"):format(bytes, bytes)
  local document, message, code = api:value("POST", path, seconds, MAX)
  if type(document) ~= "table" then return nil, message, code end
  return number_of(document.SpaceReclaimed) or 0
end

return stock_api
