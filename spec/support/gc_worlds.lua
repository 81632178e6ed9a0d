--- Random worlds for gc: images with and without labels, names of ours and of others, containers, pins. What may go and what must
--- stay is decided by a model that knows how a world was made.
local worlds = {}

local LABEL, REVISION = "app.molecule.runtime", "org.opencontainers.image.revision"
local DAY = 86400

---@class GcWorld
---@field runtimes string[]
---@field images table[]  tags, labels, created, content; runtime, and what the model knows: own, latest, used, pinned, foreign
---@field containers table[]  { name, image }: image is one of the world's
---@field pins table<string, true>
---@field options table  of gc
---@field now integer

-- Chances of what an image is called, and labelled.
local function pick(random, chances)
  local number, sum = random(100), 0
  for _, pair in ipairs(chances) do
    sum = sum + pair[1]
    if number <= sum then return pair[2] end
  end
end

local NAMES = {
  { 50, "own" }, { 10, "none" }, { 8, "own and foreign" }, { 7, "foreign" }, { 8, "two" }, { 9, "platform" }, { 8, "odd" },
}
local LABELS = { { 76, "ours" }, { 8, "none" }, { 6, "others" }, { 5, "invalid" }, { 5, "no revision" } }

local function repository(runtime)
  return "molecule-local/workspace-template-" .. runtime
end

local function names_of(kind, runtime, commit, number)
  local own, foreign = ("%s:%s"):format(repository(runtime), commit:sub(1, 12)), ("me/%s:%d"):format(runtime, number)
  return ({
    own = { own }, none = {}, ["own and foreign"] = { own, foreign }, foreign = { foreign },
    two = { own, own .. "-arm64" }, platform = { own .. "--ci" }, odd = { repository(runtime) .. ":stable-" .. number },
  })[kind]
end

local function labels_of(kind, runtime, commit)
  return ({
    ours = { [LABEL] = runtime, [REVISION] = commit }, none = {}, others = { maintainer = runtime, [REVISION] = commit },
    invalid = { [LABEL] = "../" .. runtime, [REVISION] = commit }, ["no revision"] = { [LABEL] = runtime },
  })[kind]
end

-- An image as it is made, and what the model knows of it.
local function image_of(world, random, runtime, number)
  local commit = ("%08x%04x"):format(random(0, 2 ^ 31), number) .. ("%x"):format(random(1, 15)):rep(28)
  local named, labelled = pick(random, NAMES), pick(random, LABELS)
  return {
    runtime = runtime, commit = commit, number = number, tags = names_of(named, runtime, commit, number),
    labels = labels_of(labelled, runtime, commit), created = world.now - random(0, 40) * DAY - number,
    ours = labelled == "ours" or labelled == "no revision", dangling = named == "none",
    foreign = named:find "foreign" ~= nil or named == "odd", counts = named ~= "foreign" and named ~= "odd" and named ~= "none",
  }
end

local LATEST = { "latest", "latest-arm64", "latest--ci", "latest-arm-v7--ci" }

local function add_runtime(world, random, runtime, most)
  local own = {}
  for _ = 1, random(2, most) do
    local image = image_of(world, random, runtime, #world.images + 1)
    world.images[#world.images + 1], own[#own + 1] = image, image
    if random(6) == 1 then
      world.containers[#world.containers + 1] = { name = ("%s-%d"):format(runtime, image.number), image = image }
      image.used = true
    end
    if random(8) == 1 then
      world.pins[image.commit] = true
      image.pinned = #image.tags > 0 or image.labels[REVISION] ~= nil
    end
  end
  for index = 1, random(0, 2) do
    local image = own[random(#own)]
    table.insert(image.tags, ("%s:%s"):format(repository(runtime), LATEST[(random(#LATEST) + index) % #LATEST + 1]))
    image.latest, image.dangling, image.counts = true, false, true
  end
end

-- Two images cannot have one name: the later one has it.
local function settle_names(world)
  local owner = {}
  for _, image in ipairs(world.images) do
    for index = #image.tags, 1, -1 do
      local name = image.tags[index]
      if owner[name] then table.remove(image.tags, index) end
      owner[name] = owner[name] or image
    end
  end
  for _, image in ipairs(world.images) do
    image.latest, image.counts = false, image.counts and not image.latest
    for _, name in ipairs(image.tags) do
      local tag = name:match "^molecule%-local/[^:]+:(.*)$"
      image.latest = image.latest or tag ~= nil and tag:find "^latest" ~= nil
      image.counts = image.counts or tag ~= nil and not tag:find "^stable"
    end
    image.dangling = #image.tags == 0
  end
end

--- A world, always the same one for a seed and a number.
---@param seed integer
---@param number integer
---@param options { now: integer, small: boolean? }  small: one runtime, with at most four images
---@return GcWorld
function worlds.new(seed, number, options)
  math.randomseed(seed, number)
  local random = math.random
  local world = { images = {}, containers = {}, pins = {}, runtimes = {}, now = options.now }
  for index = 1, options.small and 1 or random(1, 2) do
    world.runtimes[index] = ("w%d%s"):format(number, ("ab"):sub(index, index))
    add_runtime(world, random, world.runtimes[index], options.small and 4 or 6)
  end
  settle_names(world)
  world.options = { keep = random(0, 3), older_than = random(3) == 1 and random(1, 30) * DAY or nil }
  return world
end

-- The model --------------------------------------------------------------------------------------------------------------

local function is_pinned(world, image)
  if not world.pins[image.commit] then return false end
  return image.labels[REVISION] ~= nil or #image.tags > 0 and image.tags[1]:find(image.commit:sub(1, 12), 1, true) ~= nil
end

--- The images that must be gone after gc, by number. All others must be there, with all of their names.
---@param world GcWorld
---@return table<integer, true>
function worlds.expected(world)
  local gone = {}
  for _, runtime in ipairs(world.runtimes) do
    local counted = {}
    for _, image in ipairs(world.images) do
      if image.runtime == runtime and image.ours and image.counts then counted[#counted + 1] = image end
    end
    table.sort(counted, function(a, b) return a.created > b.created end)
    local kept = {}
    for index = 1, math.min(world.options.keep, #counted) do kept[counted[index]] = true end
    for _, image in ipairs(world.images) do
      local is_old = not world.options.older_than or world.now - image.created > world.options.older_than
      local is_needed = image.used or image.latest or image.foreign or is_pinned(world, image) or kept[image]
      if image.runtime == runtime and image.ours and is_old and not is_needed then gone[image.number] = true end
    end
  end
  return gone
end

return worlds
