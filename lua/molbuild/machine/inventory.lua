--- What builds have left on this machine: images in the engine, trees, logs, records and repositories in the cache. It is what the
--- verb `list` prints.
local amounts = require "molbuild.base.amounts"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local images = require "molbuild.machine.images"
local leftovers = require "molbuild.machine.leftovers"
local maps = require "molbuild.base.maps"
local needed = require "molbuild.machine.needed"
local stock = require "molbuild.engine.stock"

local inventory = {}

-- Of a policy -------------------------------------------------------------------------------------------------------

--- The runtimes that the arguments of a verb name; nil for none, or --all: everything on this machine.
---@param policy table
---@param words string[]
---@return string[]?
---@raise usage
function inventory.named(policy, words)
  local known, names = maps.set(policy.runtimes), {}
  for _, word in ipairs(words) do
    if word == "--all" then return nil end
    if not known[word] then
      errors.raise {
        kind = "usage",
        message = ('unknown runtime "%s"%s (one of %s)'):format(word, require("molbuild.base.nearest").hint(word, known),
          table.concat(policy.runtimes, ", ")),
      }
    end
    names[#names + 1] = word
  end
  return #names > 0 and names or nil
end

-- What a file of pins or a manifest names: commits, and the ids of images.
local function add_pins(pins, path, setting)
  for name in pairs(require("molbuild.machine.manifest").pinned(path, setting)) do pins[name] = true end
end

--- The pins of a policy: those of its manifest, and those of the usual file in the current directory.
local function pins_of(job)
  local pins, usual = {}, require("molbuild.machine.pins").FILE
  if job.manifest then add_pins(pins, job.manifest, job.variables.manifest) end
  if core.fs.type(usual) == "file" then add_pins(pins, usual) end
  return pins
end

--- What belongs to a policy: its engine, its cache, the names of its images, its pins.
---@param policy table
---@param runtimes string[]?
---@return { engine: molbuild.Engine, cache: string, known: string[], image_name: function, pins: table<string, true> }
---@raise usage | failed  also when a file of pins cannot be read: what it names is not known then
function inventory.of_policy(policy, runtimes)
  local first = (runtimes or policy.runtimes)[1]
  local job = policy.job(first)
  local base = job.image:sub(-#first) == first and job.image:sub(1, -#first - 1)
  return {
    engine = job.engine, cache = job.cache, known = policy.runtimes, pins = pins_of(job),
    image_name = function(runtime) return base and base .. runtime or runtime == first and job.image or nil end,
  }
end

-- Rows --------------------------------------------------------------------------------------------------------------

-- What is known of a tag: an image, and files of the cache that have its name, or the beginning of it.
local function row_of(self, runtime, tag, image)
  local row = { kind = image and "image" or "build", runtime = runtime, tag = tag, files = {}, image = image }
  table.insert(self.rows, row)
  if tag then
    local key = runtime .. " " .. tag
    self.by_tag[key] = self.by_tag[key] or row
    -- Trees and logs are those of a commit, or of a working tree's digest: of all tags that begin with it.
    local beginning = runtime .. " " .. tag:gsub("^dev%-", ""):sub(1, 12)
    self.by_beginning[beginning] = self.by_beginning[beginning] or row
  end
  return row
end

local function add_images(self, list)
  for _, image in ipairs(list) do
    local row = row_of(self, image.runtime, image.tag, image)
    row.commit, row.image_id, row.created, row.size = image.commit, image.id, image.created, image.size
    row.own, row.shared, row.last_used = image.own, image.shared, image.last_used
    row.latest, row.pinned, row.names = image.latest, image.pinned, image.names
    row.containers = #image.containers > 0 and image.containers or nil
    row.needed = needed.by(image)
    row.unverified = #image.unverified > 0 or nil
  end
end

local function add_file(self, left)
  if left.kind == "repository" then
    table.insert(self.rows, { kind = "repository", runtime = left.runtime, disk = leftovers.size(left.path), path = left.path })
  elseif left.kind == "staging" then
    table.insert(self.rows, { kind = "unfinished", runtime = left.runtime, disk = leftovers.size(left.path), path = left.path })
  elseif left.tag then
    local key = left.runtime .. " " .. left.tag
    local row = self.by_tag[key]
    -- A record is that of one tag. A tree and a log are those of a commit, whatever its image is called.
    local is_of_record = left.kind == "record" or left.kind == "signature"
    if not is_of_record and not (row and row.image) then row = self.by_beginning[key] end
    row = row or row_of(self, left.runtime, left.tag)
    if left.kind ~= "signature" then row.files[#row.files + 1] = left.kind end
    row.disk = (row.disk or 0) + (leftovers.size(left.path) or 0)
    if left.kind == "record" then self.records[left.path] = row end
  end
end

local function add_records(self)
  for path, row in pairs(self.records) do
    local record = require("molbuild.machine.record").read(path)
    if record then
      row.commit, row.created = row.commit or record.commit, row.created or record.finished
      row.failed = record.error and record.error.message
      row.exit = record.error and record.error.exit
      row.seconds = record.seconds
    end
  end
end

local ORDER = { image = 1, build = 2, unfinished = 3, repository = 4 }

local function sort(rows)
  table.sort(rows, function(a, b)
    if a.runtime ~= b.runtime then return a.runtime < b.runtime end
    if a.kind ~= b.kind then return ORDER[a.kind] < ORDER[b.kind] end
    if (a.created or 0) ~= (b.created or 0) then return (a.created or 0) > (b.created or 0) end
    return (a.tag or a.image_id or a.path or "") < (b.tag or b.image_id or b.path or "")
  end)
end

local function sums(rows)
  local sum = { images = 0, own = 0, disk = 0 }
  for _, row in ipairs(rows) do
    sum.images = sum.images + (row.kind == "image" and 1 or 0)
    sum.own, sum.disk = sum.own + (row.own or row.size or 0), sum.disk + (row.disk or 0)
  end
  return sum
end

---@class molbuild.Inventory
---@field rows table[]  one for each image or build, and for each repository
---@field images integer  how many
---@field own integer  bytes that only one image uses, in sum
---@field disk integer  bytes in the cache
---@field layers integer?  bytes of all layers in the engine, also those of images that are not ours
---@field build_cache integer?  bytes
---@field free integer?  bytes that are free where the engine keeps its images

--- All that is on this machine.
---@param options { engine: molbuild.Engine, cache: string, image_name: function?, pins: table<string, true>?, runtimes: string[]? }
---@return molbuild.Inventory
---@raise failed | missing_tool
function inventory.take(options)
  local self = { rows = {}, by_tag = {}, by_beginning = {}, records = {} }
  local asked = options.runtimes and maps.set(options.runtimes)
  local list, usage = images.list(options.engine, {
    pins = options.pins, image_name = options.image_name,
    cache = options.cache,
  }), stock.usage(options.engine)
  images.measure(list, usage)
  for index = #list, 1, -1 do
    if asked and not asked[list[index].runtime] then table.remove(list, index) end
  end
  add_images(self, list)
  for _, runtime in ipairs(leftovers.runtimes(options.cache)) do
    for _, left in ipairs((not asked or asked[runtime]) and leftovers.of(options.cache, runtime) or {}) do add_file(self, left) end
  end
  add_records(self)
  sort(self.rows)
  local sum = sums(self.rows)
  sum.rows, sum.layers, sum.build_cache = self.rows, usage.layers, usage.cache
  sum.free = stock.free(options.engine)
  return sum
end

-- The table ---------------------------------------------------------------------------------------------------------

-- What a person wants to know of a row, in a few words.
local function state_of(row, now)
  local words = {}
  local function add(format, ...) words[#words + 1] = format:format(...) end
  if row.kind == "repository" then add "repository" elseif row.kind == "unfinished" then add "unfinished tree" end
  if row.latest then add(":%s", row.latest) end
  if row.containers then add("in use by %s", table.concat(row.containers, " ")) end
  if row.last_used then add("used %s ago", amounts.age(now - row.last_used)) end
  if row.pinned then add "pinned" end
  if row.unverified then add(row.tag and "left by a killed run: %s" or "not verified: %s", row.image.unverified[1]) end
  if row.kind == "image" and #row.names == 0 then add "no name" end
  if row.image and row.image.other then add("also called %s", row.image.other) end
  if row.failed then add("failed: %s", row.failed) elseif row.kind == "build" then add "no image" end
  if #(row.files or {}) > 0 then add("%s", table.concat(row.files, " ")) end
  return table.concat(words, ", ")
end

local function sum_of(all)
  local number = ("%d %s"):format(all.images, all.images == 1 and "image" or "images")
  local parts = { number, ("cache %s"):format(amounts.size(all.disk)) }
  if (all.layers or 0) > 0 then table.insert(parts, 2, ("all layers of the engine %s"):format(amounts.size(all.layers))) end
  if all.build_cache then parts[#parts + 1] = ("build cache %s"):format(amounts.size(all.build_cache)) end
  if all.free then parts[#parts + 1] = ("%s free"):format(amounts.size(all.free)) end
  return table.concat(parts, ", ")
end

-- A row without what only this file uses.
local function printed(row, now)
  row.age = row.created and math.max(0, now - row.created)
  row.state = state_of(row, now)
  row.size = row.size or row.disk
  row.files = #(row.files or {}) > 0 and row.files or nil -- JSON has no empty list here
  row.names = #(row.names or {}) > 0 and row.names or nil
  row.image = nil
  return row
end

--- An inventory as rows. The last one is the sum.
---@param all molbuild.Inventory
---@param now integer?  seconds since 1970, for ages; the time of the clock when absent
---@return molbuild.Rows
function inventory.rows(all, now)
  now = now or os.time()
  local rows = require("molbuild.base.rows").new { columns = {
    { "runtime" }, { "tag" }, { "age", align = "right", shown = amounts.age }, { "size", align = "right", shown = amounts.size },
    { "own", align = "right", shown = amounts.size }, { "state" },
  } }
  for _, row in ipairs(all.rows) do rows:add(printed(row, now)) end
  rows:add {
    kind = "sum", tag = "sum", own = all.own, state = sum_of(all), images = all.images, disk = all.disk, layers = all.layers,
    build_cache = all.build_cache, free = all.free,
  }
  return rows
end

--- The verb: `molbuild list ensure.lua [runtime...]`.
---@param policy table
---@param args string[]
---@return molbuild.Rows
---@raise usage | failed | missing_tool
function inventory.verb(policy, args)
  local _, words = require("molbuild.base.arguments").parse(args, policy.arguments().list, "--all")
  local runtimes = inventory.named(policy, words)
  local options = inventory.of_policy(policy, runtimes)
  options.runtimes = runtimes
  return inventory.rows(inventory.take(options))
end

return inventory
