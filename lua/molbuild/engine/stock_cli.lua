--- What an engine holds, by its program: the questions of engine/stock.lua, where the API is not available. Each gets the program
--- and whether it is podman.
local amounts = require "molbuild.base.amounts"
local of_image = require "molbuild.engine.image"
local child = require "molbuild.base.child"
local json = require "molbuild.base.json"
local said = require("molbuild.base.text").said

local stock_cli = {}

local OUTPUT_MAX = 64 * 1024 * 1024
local AT_ONCE = 50 -- objects that one command describes

local function table_of(value)
  return type(value) == "table" and value or {}
end

--- The ids that a command prints, each once.
local function ids(cli, arguments)
  local result = cli:ask(arguments, OUTPUT_MAX)
  if result.code ~= 0 then return cli:failure(arguments[1], result) end
  local list, seen = {}, {}
  for id in result.stdout:gmatch "%S+" do
    if not seen[id] then list[#list + 1], seen[id] = id, true end
  end
  return list
end

--- Describe what a command lists. What has gone in between is left out: the program describes the others, and fails.
local function described(cli, kind, arguments, fn)
  local list, message, code = ids(cli, arguments)
  if not list then return nil, message, code end
  local all = {}
  for first = 1, #list, AT_ONCE do
    local command = table.move(list, first, math.min(first + AT_ONCE - 1, #list), 3, { kind, "inspect" })
    local result = cli:ask(command, OUTPUT_MAX)
    local document = json.decode(result.stdout)
    if type(document) ~= "table" then return cli:failure(kind .. " inspect", result) end
    for _, entry in ipairs(document) do all[#all + 1] = fn(entry) end
  end
  return all
end

--- Images with a label: see stock_api.lua.
function stock_cli.images(cli, _, label)
  local list = { "images", "--quiet", "--no-trunc", "--filter", "label=" .. label }
  return described(cli, "image", list, function(image)
    local labels = {}
    for name, value in pairs(table_of(table_of(image.Config).Labels)) do labels[name] = said(value) end
    return {
      id = of_image.id(image.Id), labels = labels,
      tags = of_image.names(image.RepoTags), digests = of_image.names(image.RepoDigests),
      created = amounts.time(image.Created), size = math.tointeger(tonumber(image.Size)), parent = of_image.id(image.Parent),
    }
  end)
end

--- All containers: see stock_api.lua.
function stock_cli.containers(cli, _, label)
  local list = { "ps", "--all", "--quiet", "--no-trunc", label and "--filter" or nil, label and "label=" .. label or nil }
  return described(cli, "container", list, function(container)
    local labels = {}
    for name, value in pairs(table_of(table_of(container.Config).Labels)) do labels[name] = said(value) end
    return {
      id = said(container.Id), name = (said(container.Name) or said(container.Id) or "?"):gsub("^/", ""),
      image = of_image.id(container.Image), created = amounts.time(container.Created),
      state = said(table_of(container.State).Status), labels = labels,
    }
  end)
end

-- docker's table as JSON. Its sizes are rounded.
local function docker_usage(cli)
  local result = cli:ask({ "system", "df", "--verbose", "--format", "{{json .}}" }, OUTPUT_MAX)
  local document = result.code == 0 and json.decode(result.stdout)
  if type(document) ~= "table" then return cli:failure("system df", result) end
  local usage = { images = {} }
  for _, image in ipairs(table_of(document.Images)) do
    local id = of_image.id(image.ID)
    if id then usage.images[id] = { size = amounts.printed(image.Size), shared = amounts.printed(image.SharedSize) } end
  end
  for _, entry in ipairs(table_of(document.BuildCache)) do
    usage.cache = (usage.cache or 0) + (entry.Shared ~= "true" and amounts.printed(entry.Size) or 0)
  end
  return usage
end

-- podman prints the sizes of each image in a table only, and its id in part.
local function podman_usage(cli)
  local result = cli:ask({ "system", "df", "--verbose" }, OUTPUT_MAX)
  if result.code ~= 0 then return cli:failure("system df", result) end
  local usage = { images = {}, by_beginning = true }
  for line in (result.stdout:match "SHARED SIZE[^\n]*\n(.-)\n\n" or ""):gmatch "[^\n]+" do
    local id = line:match "^%S+%s+%S+%s+(%x+)%s"
    local size, shared = line:match "%s(%d[%d.]*%a+)%s+(%d[%d.]*%a+)%s+%d[%d.]*%a+%s+%d+%s*$"
    if id and size then usage.images["sha256:" .. id] = { size = amounts.printed(size), shared = amounts.printed(shared) } end
  end
  return usage
end

--- The space that images take: see stock_api.lua.
function stock_cli.usage(cli, podman)
  return (podman and podman_usage or docker_usage)(cli)
end

--- Where an engine keeps its images: see stock_api.lua. podman reports the size of the file system and how much of it is used.
function stock_cli.info(cli, podman)
  local result = cli:ask({ "info", "--format", podman and "json" or "{{json .}}" }, OUTPUT_MAX)
  local info = result.code == 0 and json.decode(result.stdout)
  if type(info) ~= "table" then return cli:failure("info", result) end
  local store = table_of(info.store)
  local whole, used = tonumber(store.graphRootAllocated), tonumber(store.graphRootUsed)
  return {
    name = said(info.Name) or said(table_of(info.host).hostname),
    root = said(info.DockerRootDir) or said(store.graphRoot),
    free = whole and used and math.tointeger(math.max(0, whole - used)) or nil,
  }
end

local ABSENT = { "No such image", "image not known" }

--- Remove an image or a name: see stock_api.lua.
function stock_cli.remove(cli, _, ref, keeps_steps)
  local result = cli:ask({ "image", "rm", keeps_steps and "--no-prune" or ref, keeps_steps and ref or nil }, OUTPUT_MAX)
  local is_old = keeps_steps and result.code ~= 0 and result.tail:find("unknown flag", 1, true) -- of podman
  if is_old then return stock_cli.remove(cli, _, ref) end
  if result.code == 0 then return { deleted = result.stdout:find("Deleted: ", 1, true) ~= nil or nil } end
  for _, words in ipairs(ABSENT) do
    if result.tail:find(words, 1, true) then return { gone = true } end
  end
  local _, message, code = cli:failure("image rm", result)
  if code then return nil, message, code end
  return { refused = child.last_words(result) }
end

-- What the programs print about a container that is not there.
local GONE = { "[Nn]o such container", "no container with " }

--- Remove a container: see stock_api.lua.
function stock_cli.remove_container(cli, _, name)
  local result = cli:ask { "rm", "--force", "--volumes", name }
  if result.code == 0 then return true end
  for _, words in ipairs(GONE) do
    if result.tail:find(words) then return true end
  end
  return cli:failure("rm", result)
end

--- Remove parts of the build cache: see stock_api.lua.
function stock_cli.prune_cache(cli, podman, bytes)
  if podman then return 0 end
  local result = cli:ask({ "builder", "prune", "--all", "--force", ("--keep-storage=%d"):format(bytes) }, OUTPUT_MAX)
  if result.code ~= 0 then return cli:failure("builder prune", result) end
  return amounts.printed(result.stdout:match "Total[^\n]*:%s*([%d.]+%s*%a+)") or 0
end

return stock_cli
