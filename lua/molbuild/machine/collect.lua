--- Removes what nothing needs any more: old images, what builds of former runtimes have left in the cache, parts of the engine's
--- build cache. Other programs use the engine at the same time. So nothing is removed by force, and each decision is made again
--- while the lock of the runtime is held.
local container = require "molbuild.engine.container"
local core = require "molbuild.core"
local cache = require "molbuild.repository.cache"
local errors = require "molbuild.base.errors"
local images = require "molbuild.machine.images"
local leftovers = require "molbuild.machine.leftovers"
local maps = require "molbuild.base.maps"
local needed = require "molbuild.machine.needed"
local smoke = require "molbuild.machine.smoke"
local stock = require "molbuild.engine.stock"

local collect = {}

-- Seconds: the age at which a record without an image goes, unless --older-than gives another one.
local RECORD_AGE = 30 * 86400

---@class molbuild.GcRow
---@field action "removed"|"would_remove"|"kept"|"failed"
---@field kind "image"|"tree"|"log"|"record"|"signature"|"order"|"repository"|"staging"|"name"|"container"|"build_cache"
---@field runtime string?
---@field tag string?
---@field count integer?  how many files or directories
---@field size integer?  bytes
---@field reason string

---@class molbuild.GcReport
---@field rows molbuild.GcRow[]
---@field removed integer  images
---@field failed integer
---@field freed integer?  bytes: by how much the engine's own count of its layers and its build cache has become smaller
---@field free integer?  bytes that are free where the engine keeps its images
---@field dry_run boolean?

local function note(self, action, fields, reason)
  fields.action = action == "removed" and self.dry_run and "would_remove" or action
  fields.reason = reason
  table.insert(self.report.rows, fields)
  self.report.failed = self.report.failed + (action == "failed" and 1 or 0)
end

local function look(self)
  return images.list(self.engine, self.looking)
end

-- Locks -------------------------------------------------------------------------------------------------------------

local NO_LOCK = setmetatable({}, { __close = function() end })

-- A dry run writes nothing: where no lock is, nothing is being built.
local function probe(self, runtime)
  local path = cache.lock_path(self.cache, runtime)
  if not core.fs.lstat(path) then return NO_LOCK end
  local lock, message, code = core.lock.acquire(path, { timeout = 0 })
  return errors.must(lock, message, code)
end

--- The lock of a runtime, so that nothing of it is built meanwhile. nil, action, reason when it cannot be held.
local function acquire(self, runtime)
  local ok, lock = errors.try(function()
    if self.dry_run then return probe(self, runtime) end
    return cache.lock(self.cache, runtime, { purpose = "gc of " .. runtime, timeout = self.lock_timeout })
  end)
  if ok then return lock end
  return nil, lock.kind == "locked" and "kept" or "failed", lock.kind == "locked" and "being built" or lock.message
end

-- Images ------------------------------------------------------------------------------------------------------------

local function row_of(image)
  return {
    kind = "image", runtime = image.runtime, tag = image.tag, commit = image.commit, image_id = image.id,
    size = image.own or image.size, created = image.created,
  }
end

-- Give an image back the names that were taken from it.
local function name_again(engine, image, taken)
  for _, name in ipairs(taken) do errors.try(engine.tag, engine, image.id, name) end
end

-- The engine removes an image by its id although it has got its first name meanwhile.
local function is_named_by_now(engine, image)
  local now = #image.names == 0 and engine:image(image.id)
  return now and #now.tags > 0
end

--- Remove an image. By its id, the engine refuses an image that a container uses or that has another name by now; so its names
--- go first, all but one.
---@return molbuild.Removal  when it is refused, the image is still there, under all of its names
local function take(engine, image)
  local taken, refused = {}, is_named_by_now(engine, image) and "it has a name by now" or nil
  for index = 2, #image.names do
    local name = image.names[index]
    local now = not refused and engine:image(name)
    if now and now.id == image.id then
      refused = stock.remove(engine, name).refused
      if not refused then taken[#taken + 1] = name end
    end
  end
  local removal = refused and { refused = refused } or stock.remove(engine, image.id)
  if removal.refused then name_again(engine, image, taken) end
  return removal
end

-- Another program may have begun to use the image since it was found to be needed by nothing.
local function refused(self, image, message)
  for _, now in ipairs(look(self)) do
    local by = now.id == image.id and needed.by(now)
    if by then return note(self, "kept", row_of(image), by) end
    if now.id == image.id then return note(self, "failed", row_of(image), message) end
  end
end

-- A record, or a file that goes with one.
local function is_of_record(left)
  return left.kind == "record" or left.kind == "signature"
end

-- The records of an image go with it.
local function forget(self, image)
  for _, left in ipairs(leftovers.of(self.cache, image.runtime)) do
    if is_of_record(left) and left.tag == image.tag then core.fs.remove_tree(left.path) end
  end
end

local function remove_image(self, image)
  if not self.dry_run then
    local ok, removal = errors.try(take, self.engine, image)
    local why = not ok and tostring(removal) or removal.refused
    if why then return refused(self, image, why) end
    forget(self, image)
    if removal.gone then return end
  end
  self.report.removed = self.report.removed + 1
  local is_unverified = not image.tag and not image.latest and #image.unverified > 0
  note(self, "removed", row_of(image), #image.names == 0 and "it has no name" or is_unverified and "it was not verified"
    or ("not one of the %d newest"):format(self.rules.keep))
end

--- Remove images of one runtime. Whether nothing needs them is asked again while the lock is held.
local function clear_images(self, runtime, list)
  local lock <close>, action, reason = acquire(self, runtime)
  if not lock then
    for _, image in ipairs(list) do note(self, action, row_of(image), reason) end
    return
  end
  local wanted, sizes = {}, {}
  for _, image in ipairs(list) do wanted[image.id], sizes[image.id] = true, image.own end
  for _, image in ipairs(needed.not_by_anything(look(self), self.rules)) do
    image.own = sizes[image.id]
    if wanted[image.id] then remove_image(self, image) end
  end
end

-- The names that killed runs have left on images that stay.
local function clear_names(self, runtime, list)
  local lock <close>, action, reason = acquire(self, runtime)
  for _, name in ipairs(list) do
    local why = nil
    if lock and not self.dry_run then why = stock.remove(self.engine, name).refused end
    note(self, why and "failed" or action or "removed", { kind = "name", runtime = runtime, tag = name:match "[^:]*$" },
      why or reason or "left by a run that was killed")
  end
end

-- The containers that killed runs of a runtime have left.
local function clear_containers(self, runtime)
  local lock <close>, action, reason = acquire(self, runtime)
  for _, left in ipairs(smoke.left(smoke.containers(self.engine), self.cache, runtime)) do
    local why = nil
    if lock and not self.dry_run then why = container.remove(self.engine, left.id) end
    note(self, why and "failed" or action or "removed", { kind = "container", runtime = runtime, tag = left.name },
      why or reason or "left by a run that was killed")
  end
end

local function is_asked(self, runtime)
  return not self.rules.runtimes or self.rules.runtimes[runtime]
end

-- Before the images, which they use.
local function clear_all_containers(self, known)
  local all = smoke.containers(self.engine)
  for _, runtime in ipairs(known) do
    if is_asked(self, runtime) and #smoke.left(all, self.cache, runtime) > 0 then clear_containers(self, runtime) end
  end
end

local function clear_names_of_all(self)
  local by_runtime = {}
  for _, image in ipairs(look(self)) do
    -- An image that has no other name has been removed, or stays for a reason of its own.
    local names = is_asked(self, image.runtime) and (image.tag or image.latest or image.other) and image.unverified or {}
    local all = by_runtime[image.runtime] or {}
    by_runtime[image.runtime] = table.move(names, 1, #names, #all + 1, all)
  end
  for runtime, names in pairs(by_runtime) do
    if #names > 0 then clear_names(self, runtime, names) end
  end
end

local function has_enough(self)
  local free = self.free and stock.free(self.engine)
  if self.free and not free then
    errors.raise {
      kind = "failed", message = "--free: how much space the engine has free is not known",
      hint = "run gc on the machine of the engine, or without --free",
    }
  end
  return free and free >= self.free
end

-- The oldest of all first, one by one, until so much is free. Nothing is freed by a dry run, which shows all that could go.
local function clear_until_free(self, list)
  for _, image in ipairs(list) do
    if has_enough(self) then return end
    clear_images(self, image.runtime, { image })
  end
end

local function clear_all(self, list)
  local order, by_runtime = {}, {}
  for _, image in ipairs(list) do
    if not by_runtime[image.runtime] then
      order[#order + 1], by_runtime[image.runtime] = image.runtime, {}
    end
    table.insert(by_runtime[image.runtime], image)
  end
  for _, runtime in ipairs(order) do clear_images(self, runtime, by_runtime[runtime]) end
end

-- The cache ---------------------------------------------------------------------------------------------------------

local function remove_files(self, runtime, list, reason)
  local rows, order = {}, {}
  for _, left in ipairs(list) do
    local size = leftovers.size(left.path)
    local kind = left.kind == "signature" and "record" or left.kind -- they go together, and count as one
    local ok, message = true, nil
    if not self.dry_run then ok, message = core.fs.remove_tree(left.path) end
    if ok then
      if not rows[kind] then order[#order + 1] = kind end
      local row = rows[kind] or { kind = kind, runtime = runtime, count = 0, size = 0 }
      row.count, row.size, rows[kind] = row.count + (left.kind == kind and 1 or 0), row.size + (size or 0), row
    else
      note(self, "failed", { kind = kind, runtime = runtime, tag = left.tag, size = size }, message)
    end
  end
  for _, kind in ipairs(order) do note(self, "removed", rows[kind], reason) end
end

-- The tags that images have now, asked once, and only where there is a record.
local function tags_of(self)
  if self.tags then return self.tags end
  self.tags = {}
  for _, image in ipairs(look(self)) do
    for _, name in ipairs(image.names) do self.tags[image.runtime .. " " .. name:match "[^:]*$"] = true end
  end
  return self.tags
end

-- A record is kept while its image is there, and while a pin names its commit.
local function is_of_no_image(self, left)
  if not is_of_record(left) then return true end
  for pin in pairs(self.looking.pins or {}) do
    if pin:sub(1, 12) == left.tag:sub(1, 12) then return false end
  end
  return not tags_of(self)[left.runtime .. " " .. left.tag]
end

local function is_old_record(self, left)
  local stat = is_of_record(left) and core.fs.lstat(left.path)
  local is_old = stat and self.rules.now - stat.mtime > (self.rules.older_than or RECORD_AGE)
  return is_old and is_of_no_image(self, left)
end

local function clear_runtime(self, runtime, is_known)
  local list = {}
  for _, left in ipairs(leftovers.of(self.cache, runtime)) do
    local goes
    if is_known then goes = is_old_record(self, left) else goes = is_of_no_image(self, left) end
    list[#list + 1] = goes and left or nil
  end
  if #list == 0 then return end
  local lock <close>, action, reason = acquire(self, runtime)
  if not lock then return note(self, action, { kind = "tree", runtime = runtime, count = #list }, reason) end
  remove_files(self, runtime, list, is_known and "no image of it" or "no such runtime any more")
  local dir = ("%s/%s"):format(self.cache, runtime)
  if not is_known and not self.dry_run and #(core.fs.list(dir) or { "" }) == 0 then core.fs.remove_tree(dir) end
end

local function clear_cache(self, known)
  for _, runtime in ipairs(leftovers.runtimes(self.cache)) do
    if is_asked(self, runtime) then clear_runtime(self, runtime, known[runtime] == true) end
  end
end

-- The whole ---------------------------------------------------------------------------------------------------------

local function clear_build_cache(self, bytes)
  if self.dry_run then return note(self, "removed", { kind = "build_cache" }, "what is beyond its bound") end
  local ok, size = errors.try(stock.prune_cache, self.engine, bytes)
  if not ok then return note(self, "failed", { kind = "build_cache" }, tostring(size)) end
  if size > 0 then note(self, "removed", { kind = "build_cache", size = size }, "beyond its bound") end
end

local function total(usage)
  return usage.layers and usage.layers + (usage.cache or 0)
end

---@class molbuild.GcOptions
---@field engine molbuild.Engine
---@field cache string  the cache's directory
---@field known string[]  the runtimes that the policy has
---@field keep integer  how many of the newest images of each runtime stay
---@field older_than integer?  seconds: only older images go
---@field free integer?  bytes: images go until so much is free
---@field build_cache integer?  bytes: the build cache is pruned to so much
---@field dry_run boolean?  nothing is removed
---@field runtimes string[]?  only what belongs to these goes
---@field pins table<string, true>?  commits and ids of images that stay
---@field image_name (fun(runtime: string): string?)?  as of images.list
---@field lock_timeout number?  seconds for each runtime's lock; no bound when absent

local function new(options)
  return {
    engine = options.engine, cache = options.cache, dry_run = options.dry_run, free = options.free,
    lock_timeout = options.lock_timeout,
    looking = { pins = options.pins, image_name = options.image_name, cache = options.cache },
    rules = {
      keep = options.keep, older_than = options.older_than, now = os.time(),
      runtimes = options.runtimes and maps.set(options.runtimes),
    },
    report = { rows = {}, removed = 0, failed = 0, dry_run = options.dry_run },
  }
end

--- Remove what nothing needs. A failure to remove one thing does not stop the rest.
---@param options molbuild.GcOptions
---@return molbuild.GcReport
---@raise failed | missing_tool | cancelled  before anything is removed
function collect.run(options)
  local self = new(options)
  local enough = has_enough(self)
  clear_all_containers(self, options.known)
  local before = stock.usage(self.engine)
  local list = needed.not_by_anything(look(self), self.rules)
  images.measure(list, before)
  if self.free and not enough then clear_until_free(self, list) elseif not enough then clear_all(self, list) end
  clear_names_of_all(self)
  clear_cache(self, maps.set(options.known))
  if options.build_cache then clear_build_cache(self, options.build_cache) end
  local had = total(before) or 0 -- a podman that is called docker counts no layers
  local has = not self.dry_run and had > 0 and total(stock.usage(self.engine))
  self.report.freed = has and math.max(0, had - has) or nil
  self.report.free = stock.free(self.engine)
  return self.report
end

return collect
