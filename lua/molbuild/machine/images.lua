--- The images that were built by a policy, as an engine has them: whose they are, what they are called, what uses them.
local names = require "molbuild.base.names"
local amounts = require "molbuild.base.amounts"
local short = require("molbuild.base.sha").short
local stock = require "molbuild.engine.stock"
local store = require "molbuild.repository.cache"
local unverified = require "molbuild.machine.unverified"
local LABEL = require("molbuild.engine.image").LABEL

local images = {
  --- The label that makes an image one of ours. Its value is the runtime.
  LABEL = LABEL.runtime,
}

---@class molbuild.OwnImage
---@field id string
---@field runtime string
---@field commit string?
---@field names string[]  all its names, as the engine gives them
---@field tag string?  the tag of its first name that a build gave
---@field created integer?  when it was built; seconds since 1970
---@field size integer?  bytes
---@field shared integer?  bytes of it that other images also use
---@field own integer?  bytes that no other image uses
---@field last_used integer?  when the newest of its containers was created
---@field containers string[]  the names of those that use it, running or not
---@field latest string?  its name `:latest`, or that of its platform
---@field other string?  a name that no build gave
---@field unverified string[]  names that runs give until an image is verified: what is left of killed ones, or in use now
---@field base_of string?  an image that was built from it, where the engine knows that
---@field pinned boolean?
---@field place integer?  its place in the order of builds on this machine

local HEX12 = ("%x"):rep(12)

-- Whether a policy's step `tag` gives such a tag: the commit's beginning, and an ending, or a working tree's digest.
local function is_of_build(tag, commit)
  return tag:find("^" .. HEX12 .. "$") ~= nil or tag:find("^" .. HEX12 .. "%-") ~= nil or tag:find "^dev%-%x+" ~= nil
    or commit ~= nil and #commit >= 12 and tag:find(commit:sub(1, 12), 1, true) ~= nil
end

-- podman adds its own registry to a name without one, and docker's program adds docker's when podman serves it.
local function bare(repository)
  return (repository:gsub("^localhost/", ""):gsub("^docker%.io/", ""))
end

local function is_own(repository, runtime, known)
  local name = bare(repository)
  return name == known or name:match "[^/]+$" == "workspace-template-" .. runtime
end

local function note_tag(entry, name, known)
  local repository, tag = name:match "^(.+):([^:/]+)$"
  local own = repository and is_own(repository, entry.runtime, known)
  if own and unverified.is(name) then
    table.insert(entry.unverified, name)
  elseif own and (tag == "latest" or tag:find "^latest%-") then
    entry.latest = entry.latest or tag
  elseif own and is_of_build(tag, entry.commit) then
    entry.tag = entry.tag or tag
  else
    entry.other = entry.other or name
  end
end

-- podman gives each name with its digest, too. A digest alone is the name of an image that was pulled by it.
local function note_digests(entry, digests, known)
  for _, name in ipairs(digests) do
    local repository = name:match "^(.+)@"
    if #entry.names == 0 or not repository or not is_own(repository, entry.runtime, known) then
      entry.other = entry.other or name
    end
  end
end

local function is_runtime(value)
  return type(value) == "string" and (pcall(names.component, value, "the label"))
end

local function entry_of(image, image_name)
  local runtime = image.labels[images.LABEL]
  if not is_runtime(runtime) then return nil end
  local commit = image.labels[LABEL.revision]
  local entry = {
    id = image.id, runtime = runtime, commit = commit ~= "" and commit or nil, names = image.tags, size = image.size,
    created = amounts.time(image.labels[LABEL.created]) or image.created, containers = {}, unverified = {},
  }
  local known = image_name(runtime)
  for _, name in ipairs(image.tags) do note_tag(entry, name, known) end
  note_digests(entry, image.digests, known)
  return entry
end

local function note_containers(by_id, containers)
  for _, container in ipairs(containers) do
    local entry = by_id[container.image]
    if entry then
      table.insert(entry.containers, container.name)
      entry.last_used = math.max(entry.last_used or 0, container.created or 0)
    end
  end
  for _, entry in pairs(by_id) do table.sort(entry.containers) end
end

local function note_parents(by_id, all)
  for _, image in ipairs(all) do
    local base = image.parent and by_id[image.parent]
    if base then base.base_of = image.tags[1] or image.id:sub(1, 19) end
  end
end

-- The image of a pin: its commit, or its id. A tag alone shows the beginning of a commit.
local function is_pinned(entry, pins)
  if pins[entry.id] or entry.commit and pins[entry.commit] then return true end
  local beginning = not entry.commit and (entry.tag or ""):match("^" .. HEX12)
  for commit in pairs(beginning and pins or {}) do
    if commit:sub(1, 12) == beginning then return true end
  end
  return nil
end

---@class molbuild.ImagesOptions
---@field pins table<string, true>?  commits and ids of images that a pin names
---@field image_name (fun(runtime: string): string?)?  the name of a runtime's images, where it is not the usual one
---@field cache string?  the cache's directory, for the order of builds

--- Whether A is newer than B: by their times, then by the order of builds.
local function is_newer(a, b)
  if (a.created or 0) ~= (b.created or 0) then return (a.created or 0) > (b.created or 0) end
  if (a.place or 0) ~= (b.place or 0) then return (a.place or 0) > (b.place or 0) end
  return a.id > b.id
end

-- A build's place is found by the beginning of its commit, or of its working tree's digest. Each runtime's order is read once.
local function note_places(list, cache)
  local orders = {}
  for _, entry in ipairs(cache and list or {}) do
    orders[entry.runtime] = orders[entry.runtime] or store.order(("%s/%s"):format(cache, entry.runtime))
    entry.place = orders[entry.runtime][short((entry.commit or entry.tag or ""):gsub("^dev%-", ""))]
  end
end

--- The images of an engine that carry our label, the newest first. Labels whose value is no name of a runtime are not ours.
---@param engine molbuild.Engine
---@param options molbuild.ImagesOptions
---@return molbuild.OwnImage[]
---@raise failed | missing_tool
function images.list(engine, options)
  local all = stock.images(engine, images.LABEL)
  local list, by_id = {}, {}
  for _, image in ipairs(all) do
    local entry = not by_id[image.id] and entry_of(image, options.image_name or function() end)
    if entry then
      list[#list + 1], by_id[image.id] = entry, entry
      entry.pinned = is_pinned(entry, options.pins or {})
    end
  end
  note_places(list, options.cache)
  note_parents(by_id, all)
  -- Asked last: a container that is created in between is seen.
  if #list > 0 then note_containers(by_id, stock.containers(engine)) end
  table.sort(list, is_newer)
  return list
end

--- Add the sizes that an engine has measured.
---@param list molbuild.OwnImage[]
---@param usage molbuild.StockUsage
function images.measure(list, usage)
  for _, entry in ipairs(list) do
    local found = usage.images[entry.id] or usage.images[entry.id:sub(1, 19)] -- podman's program prints ids in part
    if found then
      entry.shared = found.shared
      entry.own = entry.size and found.shared and math.max(0, (found.size or entry.size) - found.shared)
    end
  end
end

return images
