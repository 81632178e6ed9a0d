--- The directory a policy builds in: locks, trees, staging. See docs/architecture.md for what lies where.
local access = require "molbuild.base.access"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local task = require "molbuild.base.task"

local cache = {
  --- What to do about a cache whose file system is full.
  FULL = access.FULL,
}

local function check(ok, message, code)
  return errors.must(ok, message, code, { hint = access.hint(code, message or "") })
end

--- What root has made in another user's directory becomes that user's, who could not go on with it otherwise. LIKE is a
--- directory of theirs.
local function hand_over(path, like)
  if core.sys.uid() == 0 then
    check(core.fs.give(path, like))
  end
end

local WRITABLE_BY_ALL = 2

--- Whoever owns a directory can put something else in its place between our looking at it and our using it. Where
--- everybody may make directories, as in a shared temporary directory, one of another user's is not ours to use.
local function check_owners(path)
  local at, open_to_all = "", false
  for part in path:gmatch "[^/]+" do
    at = at .. "/" .. part
    local stat = check(core.fs.lstat(at))
    if open_to_all and stat.uid ~= 0 and stat.uid ~= core.sys.uid() then
      errors.raise {
        kind = "failed",
        message = ("%s belongs to another user (%d), where everybody may write"):format(at, stat.uid),
        hint = "put the cache where only you may write",
      }
    end
    -- A link's own mode says nothing.
    stat = check(core.fs.lstat(check(core.fs.realpath(at))))
    open_to_all = stat.mode & WRITABLE_BY_ALL ~= 0
  end
end

--- The first part of PATH that is not there, and the directory above it; neither where all of it is.
local function first_missing(path)
  local missing, above
  while path:find "^/." and not core.fs.lstat(path) do
    missing, above = path, path:match "^(.*)/"
    path = above
  end
  return missing, above ~= "" and above or "/"
end

--- Make a directory of the cache, and see to it that it, and all on the way to it, is no other user's trap.
local function make_directory(path)
  local missing, above = first_missing(path)
  check(core.fs.mkdirp(path, 448))
  if missing then
    hand_over(missing, above)
  end
  local real = check(core.fs.realpath(path))
  check_owners(real)
  if path ~= real and path:sub(1, 1) == "/" then -- links lead there
    check_owners(path)
  end
end

local ORDER = "/order"

--- The ids of a runtime's builds, the oldest first. A file's date is no help: clocks are set, and dates changed.
local function read_order(dir)
  local order, place = {}, {}
  for id in (core.fs.read(dir .. ORDER, 65536) or ""):gmatch "%x+" do
    order[#order + 1] = id
    place[id] = #order
  end
  return order, place
end

local ORDER_MAX = 100

--- Note that ID is built now.
local function note_order(dir, id)
  local order = read_order(dir)
  local kept = {}
  for index = math.max(1, #order - ORDER_MAX), #order do
    if order[index] ~= id then
      kept[#kept + 1] = order[index]
    end
  end
  kept[#kept + 1] = id
  check(core.fs.write_atomic(dir .. ORDER, table.concat(kept, "\n") .. "\n", 384))
  hand_over(dir .. ORDER, dir)
end

--- The trees and logs of a directory, the newest first: what was built last, then by date what no build was noted of.
---@return { id: string, [integer]: string }[]
local function builds(dir)
  local groups, list = {}, {}
  local _, place = read_order(dir)
  for _, entry in ipairs(core.fs.list(dir) or {}) do
    local id = entry:match "^%x+$" or entry:match "^(%x+)%.log$"
    local stat = core.fs.lstat(dir .. "/" .. entry)
    if id and stat then
      if not groups[id] then
        groups[id] = { id = id, time = 0, place = place[id] or 0 }
        list[#list + 1] = groups[id]
      end
      table.insert(groups[id], entry)
      groups[id].time = math.max(groups[id].time, stat.mtime)
    end
  end
  table.sort(list, function(a, b)
    if a.place ~= b.place then
      return a.place > b.place
    end
    return a.time > b.time
  end)
  return list
end

--- Bytes of a log that is kept on a full file system.
local LOG_MAX = 1024 * 1024

--- Remove what NAME can spare: all but its newest tree, and its newest log unless that is what fills the file system. Its
--- lock must be held.
local function spare(root, name)
  local dir, removed = ("%s/%s"):format(root, name), 0
  for index, group in ipairs(builds(dir)) do
    for _, entry in ipairs(group) do
      local path = dir .. "/" .. entry
      local stat = core.fs.lstat(path)
      local kept = index == 1 and stat and (stat.type == "directory" or stat.size <= LOG_MAX)
      if not kept and core.fs.remove_tree(path) then
        removed = removed + 1
      end
    end
  end
  return removed
end

--- Remove what a crashed run of NAME left in staging; its lock must be held. Gives the number of directories.
local function remove_staging(root, name)
  local dir, removed = root .. "/tmp", 0
  for _, entry in ipairs(check(core.fs.list(dir))) do
    if entry:match "^(.*)%.[^.]*$" == name then -- a name may hold a dot itself
      check(core.fs.remove_tree(dir .. "/" .. entry))
      removed = removed + 1
    end
  end
  return removed
end

--- Remove from a full cache what can be spared: staging that a killed run left, old trees, old logs. What others work on
--- is left alone.
---@param root string
---@param held string?  the name whose lock is held by the caller: its staging is in use
---@return integer removed  how many trees and files
function cache.make_room(root, held)
  local removed = held and spare(root, held) or 0
  for _, entry in ipairs(core.fs.list(root .. "/locks") or {}) do
    local name = entry:match "^(.+)%.lock$"
    if name and name ~= held then
      local lock <close> = core.lock.acquire(("%s/locks/%s"):format(root, entry), { timeout = 0 })
      if lock then
        local ok, count = pcall(remove_staging, root, name)
        removed = removed + (ok and count or 0) + spare(root, name)
      end
    end
  end
  return removed
end

--- Call FN; where it fails because the file system of the cache is full, remove what can be spared, and call it once more.
---@param root string
---@param held string?  as for cache.make_room
---@param fn fun(): ...
---@return ...
function cache.with_room(root, held, fn)
  local results = table.pack(xpcall(fn, errors.handler))
  if results[1] then
    return table.unpack(results, 2, results.n)
  end
  local failure = results[2]
  local removed = errors.is(failure) and access.is_full(failure.code) and cache.make_room(root, held) or 0
  if removed == 0 then
    error(failure, 0)
  end
  log.warn("the file system of %s is full: %d old trees and logs are removed", root, removed)
  return fn()
end

local function acquire(root, name, options)
  local started = core.sys.monotonic()
  make_directory(root .. "/locks")
  local path = ("%s/locks/%s.lock"):format(root, names.component(name, "the lock"))
  local waited = false
  local lock, message, code = core.lock.acquire(path, {
    purpose = options.purpose,
    timeout = options.timeout,
    on_wait = task.callback(function(holder, seconds)
      waited = true
      events.emit("lock_waiting", { holder = holder, path = path, seconds = seconds })
    end),
  })
  if not lock then
    local kind = code == "cancelled" and "cancelled" or code == "locked" and "locked" or "failed"
    errors.must(nil, message, code, { kind = kind, hint = access.hint(code, message) })
  end
  hand_over(path, root .. "/locks")
  if waited then
    events.emit("lock_acquired", { path = path, seconds = core.sys.monotonic() - started })
  end
  return lock
end

--- The lock of NAME, had by this task until it is closed. Says who holds it while it waits.
---@param root string  the cache's directory
---@param name string
---@param options { purpose: string?, timeout: number? }
---@return table lock  to be closed
---@raise locked | cancelled | failed
function cache.lock(root, name, options)
  return cache.with_room(root, nil, function() return acquire(root, name, options) end)
end

--- A private directory for NAME that goes away when it is closed. What a crashed run of that name left is removed
--- first, so the name's lock must be held.
---@param root string
---@param name string
---@return { path: string }
function cache.staging(root, name)
  local dir = root .. "/tmp"
  local path = cache.with_room(root, name, function()
    make_directory(dir)
    remove_staging(root, name)
    local made = check(core.fs.mkdtemp(("%s/%s."):format(dir, names.component(name, "the staging directory"))))
    hand_over(made, dir)
    return made
  end)
  return setmetatable({ path = path }, {
    __close = function()
      core.fs.remove_tree(path)
      -- Best effort: there may be an error to be told.
      pcall(hand_over, ("%s/repositories/%s.git"):format(root, name), root)
    end,
  })
end

--- Where the git repository of NAME is kept from one build to the next (store.lua). The name's lock must be held
--- by whoever uses it.
---@param root string
---@param name string
---@return string path
function cache.repository(root, name)
  local dir = root .. "/repositories"
  make_directory(dir)
  return ("%s/%s.git"):format(dir, name)
end

--- Put a finished tree in its place, where an older one of the same name goes first, and its log.
---@param from string
---@param to string
function cache.publish(from, to)
  local dir, id = to:match "^(.*)/([^/]*)$"
  make_directory(dir)
  hand_over(from, dir)
  check(core.fs.remove_tree(to))
  -- One that root has written could not be written over.
  check(core.fs.remove_tree(to .. ".log"))
  note_order(dir, id)
  check(core.fs.rename(from, to))
end

--- Put the tree that WRITE makes in its place: it is written to staging, and on a file system that turns out to be full once
--- more after what can be spared is removed. The name's lock must be held.
---@param root string
---@param name string
---@param to string
---@param write fun(tree: string, repository: string): boolean  into a new directory; where the repository is kept
---@return boolean written
function cache.fill(root, name, to, write)
  local staging <close> = cache.staging(root, name)
  local tree = staging.path .. "/tree"
  return cache.with_room(root, name, function()
    local written = write(tree, cache.repository(root, name))
    if written then
      cache.publish(tree, to)
    end
    return written
  end)
end

--- Keep the newest COUNT trees and logs of a directory, as they were built; remove the others. What is neither stays.
--- Best effort.
---@param dir string
---@param count integer
function cache.prune(dir, count)
  local list = builds(dir)
  for index = math.max(count, 1) + 1, #list do
    for _, entry in ipairs(list[index]) do
      core.fs.remove_tree(dir .. "/" .. entry)
    end
  end
  pcall(hand_over, dir, dir:match "^(.*)/")
end

return cache
