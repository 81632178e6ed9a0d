--- The directory that a policy builds in: locks, trees, staging. docs/architecture.md describes its layout.
local access = require "molbuild.base.access"
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local follow = require "molbuild.repository.follow"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local seal = require "molbuild.base.seal"
local task = require "molbuild.base.task"

local cache = {
  --- The hint for a cache whose file system is full.
  FULL = access.FULL,
  --- The directories of a cache that belong to no runtime.
  RESERVED = { heads = true, locks = true, repositories = true, tmp = true },
}

local function check(ok, message, code)
  return errors.must(ok, message, code, { hint = access.hint(code, message or "") })
end

--- Give files that root made in another user's directory to that user, who could not use them otherwise. LIKE is a
--- directory of that user.
---@param path string
---@param like string
function cache.hand_over(path, like)
  if core.sys.uid() == 0 then
    check(core.fs.give(path, like))
  end
end

local WRITABLE_BY_ALL = 2

--- The owner of a directory can replace its content between the check and the use. So where every user may create
--- directories, as in a shared temporary directory, another user's directory is not used.
local function check_owners(path)
  local at, open_to_all = "", false
  for part in path:gmatch "[^/]+" do
    at = at .. "/" .. part
    local stat = check(core.fs.lstat(at))
    if open_to_all and stat.uid ~= 0 and stat.uid ~= core.sys.uid() then
      errors.raise {
        kind = "failed",
        message = ("%s belongs to another user (%d), in a directory that all users may write to"):format(at, stat.uid),
        hint = "put the cache in a directory that only you may write to",
      }
    end
    -- A link's own mode has no meaning.
    stat = check(core.fs.lstat(check(core.fs.realpath(at))))
    open_to_all = stat.mode & WRITABLE_BY_ALL ~= 0
  end
end

--- The first part of PATH that does not exist, and the directory above it; nil when all of PATH exists.
local function first_missing(path)
  local missing, above
  while path:find "^/." and not core.fs.lstat(path) do
    missing, above = path, path:match "^(.*)/"
    path = above
  end
  return missing, above ~= "" and above or "/"
end

--- Make a directory of the cache, and check that no other user can replace it or a directory above it.
---@param path string
---@raise failed
function cache.make_directory(path)
  local missing, above = first_missing(path)
  check(core.fs.mkdirp(path, 448))
  if missing then
    cache.hand_over(missing, above)
  end
  local real = check(core.fs.realpath(path))
  check_owners(real)
  if path ~= real and path:sub(1, 1) == "/" then -- resolve links
    check_owners(path)
  end
end

--- Check a cache as a run would find it, without making anything: whether its directories can be made or written to, and whether
--- no other user can replace them.
---@param root string
---@return string at  the nearest directory that exists: ROOT, unless a run has yet to make it
---@raise failed
function cache.examine(root)
  local missing, above = first_missing(root)
  local at = missing and above or root
  if check(core.fs.type(at)) ~= "directory" then
    check(nil, ("cannot create the directory %s: Not a directory"):format(missing or root), "ENOTDIR")
  end
  check_owners(check(core.fs.realpath(at)))
  if at:sub(1, 1) == "/" then check_owners(at) end
  check(core.fs.may_write(at))
  for _, name in ipairs(missing and {} or check(core.fs.list(root))) do
    local path = root .. "/" .. name
    if core.fs.type(path) == "directory" then check(core.fs.may_write(path)) end
  end
  return at
end

local ORDER = "/order"

--- The ids of a runtime's builds, the oldest first. A file's date is unreliable: clocks and dates can be changed.
local function read_order(dir)
  local order, place = {}, {}
  for id in (core.fs.read(dir .. ORDER, 65536) or ""):gmatch "%x+" do
    order[#order + 1] = id
    place[id] = #order
  end
  return order, place
end

--- The place of each build in the order of a runtime's builds on this machine: the last one has the largest.
---@param dir string  the runtime's directory
---@return table<string, integer> place  by the beginning of the commit
function cache.order(dir)
  return select(2, read_order(dir))
end

local ORDER_MAX = 100

--- Record that ID was built now.
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
  cache.hand_over(dir .. ORDER, dir)
end

--- The trees and logs of a directory, the newest first: by the recorded order of builds, then by date.
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

--- The most bytes of a log that is kept on a full file system.
local LOG_MAX = 1024 * 1024

--- Remove the expendable files of NAME: all but its newest tree and its newest log. A large newest log is removed, too.
--- NAME's lock must be held.
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

--- The name that a staging directory belongs to.
---@param entry string  in the directory `tmp` of a cache
---@return string?
function cache.staged_name(entry)
  return entry:match "^(.*)%.[^.]*$" -- a name may hold a dot itself
end

--- Remove the staging directories that a crashed run of NAME left; its lock must be held. Returns their number.
local function remove_staging(root, name)
  local dir, removed = root .. "/tmp", 0
  for _, entry in ipairs(check(core.fs.list(dir))) do
    if cache.staged_name(entry) == name then
      check(core.fs.remove_tree(dir .. "/" .. entry))
      removed = removed + 1
    end
  end
  return removed
end

--- Remove expendable files from a full cache: staging directories of killed runs, old trees, old logs. Files that other
--- processes use are left alone.
---@param root string
---@param held string?  the name whose lock the caller holds: its staging is in use
---@return integer removed  the number of removed trees and files
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

--- Call FN. If it fails because the cache's file system is full, remove expendable files, and call it once more.
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
  log.warn("the file system of %s is full: removed %d old trees and logs", root, removed)
  return fn()
end

-- A task that waits for a lock which it, or a task above it, holds would wait for itself.
local function refuse_own(path, name)
  local own = task.scope().locks
  local lock = own and own[path]
  if lock and lock:held() then
    errors.raise {
      kind = "bug", message = ("the lock %s is held by this task itself: %s is being built already"):format(path, name),
    }
  end
end

local function note_own(path, lock)
  local scope = task.scope()
  scope.locks = setmetatable({ [path] = lock }, { __index = scope.locks })
end

-- The lock that the starter of this process has left to it, if it is the one at a path.
local function left_lock(path, purpose)
  local run = task.scope().run
  local left = run and run.left
  if not left or not left.descriptor then return nil end
  local lock = core.lock.inherit(path, left.descriptor, purpose)
  if lock then left.descriptor, left.directory = nil, path:match "^(.*)/" end
  return lock
end

local function wait_for(path, options)
  local watch = follow.wait(path, options.follow)
  local lock, message, code = core.lock.acquire(path, {
    purpose = options.purpose, timeout = options.timeout, every = watch.every, on_wait = watch.on_wait,
  })
  if not lock then
    errors.must(nil, message, code, { hint = access.hint(code, message) })
  end
  return lock, watch
end

--- The file of the lock of NAME.
---@param root string  the cache's directory
---@param name string
---@return string
---@raise usage  not a name
function cache.lock_path(root, name)
  return ("%s/locks/%s.lock"):format(root, names.component(name, "the lock"))
end

local function acquire(root, name, options)
  local started = core.sys.monotonic()
  cache.make_directory(root .. "/locks")
  local path = cache.lock_path(root, name)
  refuse_own(path, name)
  local lock, watch = left_lock(path, options.purpose or ""), nil
  if not lock then lock, watch = wait_for(path, options) end
  local _ <close> = defer(function(failure) if failure then lock:release() end end)
  if watch then watch.ended() end
  cache.hand_over(path, root .. "/locks")
  note_own(path, lock)
  if watch and watch.waited then
    events.emit("lock_acquired", { path = path, seconds = core.sys.monotonic() - started })
  end
  return lock
end

local LOCK_OPTIONS = { purpose = true, timeout = true, follow = true }

--- Acquire the lock of NAME for this task, until it is closed. Reports the lock's holder while it waits. With `follow` the lines
--- that the holder adds to a log meanwhile are shown, as those of a child are.
---@param root string  the cache's directory
---@param name string
---@param options { purpose: string?, timeout: number?, follow: (fun(holder: molbuild.core.Holder): string?)? }  follow: the log
---  that a holder writes, by its record
---@return molbuild.core.Lock lock  to be closed
---@raise locked | cancelled | failed
function cache.lock(root, name, options)
  seal.options("molbuild.cache.lock", options, LOCK_OPTIONS)
  return cache.with_room(root, nil, function() return acquire(root, name, options) end)
end

--- A private directory for NAME that is removed when it is closed. First, directories that a crashed run of that name
--- left are removed, so the name's lock must be held.
---@param root string
---@param name string
---@return { path: string }
function cache.staging(root, name)
  local dir = root .. "/tmp"
  local path = cache.with_room(root, name, function()
    cache.make_directory(dir)
    remove_staging(root, name)
    local made = check(core.fs.mkdtemp(("%s/%s."):format(dir, names.component(name, "the staging directory"))))
    cache.hand_over(made, dir)
    return made
  end)
  return setmetatable({ path = path }, {
    __close = function()
      core.fs.remove_tree(path)
      -- Best effort: there may be another error to report.
      pcall(cache.hand_over, ("%s/repositories/%s.git"):format(root, name), root)
    end,
  })
end

--- Where the git repository of NAME is kept from one build to the next (repository/kept.lua). Its user must hold the
--- name's lock.
---@param root string
---@param name string
---@return string path
function cache.repository(root, name)
  local dir = root .. "/repositories"
  cache.make_directory(dir)
  return ("%s/%s.git"):format(dir, name)
end

--- Move a finished tree and its log into place. An older tree of the same name is removed first.
---@param from string
---@param to string
function cache.publish(from, to)
  local dir, id = to:match "^(.*)/([^/]*)$"
  cache.make_directory(dir)
  cache.hand_over(from, dir)
  check(core.fs.remove_tree(to))
  -- A log that root has written could not be overwritten.
  check(core.fs.remove_tree(to .. ".log"))
  note_order(dir, id)
  check(core.fs.rename(from, to))
end

--- Run WRITE to make a tree in staging, and move the tree into place. If the file system turns out to be full, expendable
--- files are removed and WRITE runs once more. The name's lock must be held.
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

--- Keep the newest COUNT trees and logs of a directory, by build order; remove the others. Other files stay. Best effort.
---@param dir string
---@param count integer
function cache.prune(dir, count)
  local list = builds(dir)
  for index = math.max(count, 1) + 1, #list do
    for _, entry in ipairs(list[index]) do
      core.fs.remove_tree(dir .. "/" .. entry)
    end
  end
  pcall(cache.hand_over, dir, dir:match "^(.*)/")
end

return cache
