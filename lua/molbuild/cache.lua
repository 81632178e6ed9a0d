--- The directory a policy builds in: locks, trees, staging. See docs/architecture.md for what lies where.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local events = require "molbuild.events"
local names = require "molbuild.names"
local task = require "molbuild.task"

local cache = {
  --- What to do about a cache whose file system is full.
  FULL = "make room on that file system, or put the cache elsewhere",
}

--- What to do about a cache that cannot be written, by the code of the failure.
local HINTS = { ENOSPC = cache.FULL, EDQUOT = cache.FULL }
for _, code in ipairs { "EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOENT" } do
  HINTS[code] = "put the cache in a directory that you may write to"
end

local function check(ok, message, code)
  return errors.must(ok, message, code, { hint = HINTS[code] })
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

--- Make a directory of the cache, and see to it that it, and all on the way to it, is no other user's trap.
local function make_directory(path)
  check(core.fs.mkdirp(path, 448))
  local real = check(core.fs.realpath(path))
  check_owners(real)
  if path ~= real and path:sub(1, 1) == "/" then -- links lead there
    check_owners(path)
  end
end

--- The lock of NAME, had by this task until it is closed. Says who holds it while it waits.
---@param root string  the cache's directory
---@param name string
---@param options { purpose: string?, timeout: number? }
---@return table lock  to be closed
---@raise locked | cancelled | failed
function cache.lock(root, name, options)
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
    errors.must(nil, message, code, { kind = kind, hint = HINTS[code] })
  end
  if waited then
    events.emit("lock_acquired", { path = path, seconds = core.sys.monotonic() - started })
  end
  return lock
end

--- A private directory for NAME that goes away when it is closed. What a crashed run of that name left is removed
--- first, so the name's lock must be held.
---@param root string
---@param name string
---@return { path: string }
function cache.staging(root, name)
  local dir = root .. "/tmp"
  make_directory(dir)
  for _, entry in ipairs(check(core.fs.list(dir))) do
    if entry:match "^(.*)%.[^.]*$" == name then -- a name may hold a dot itself
      check(core.fs.remove_tree(dir .. "/" .. entry))
    end
  end
  local path = check(core.fs.mkdtemp(("%s/%s."):format(dir, names.component(name, "the staging directory"))))
  return setmetatable({ path = path }, {
    __close = function()
      core.fs.remove_tree(path)
    end,
  })
end

--- Where the git repository of NAME is kept from one build to the next (git_repository.lua). The name's lock must be held
--- by whoever uses it.
---@param root string
---@param name string
---@return string path
function cache.repository(root, name)
  local dir = root .. "/repositories"
  make_directory(dir)
  return ("%s/%s.git"):format(dir, name)
end

--- Put a finished tree in its place, where an older one of the same name goes first.
---@param from string
---@param to string
function cache.publish(from, to)
  make_directory(to:match "^(.*)/")
  check(core.fs.remove_tree(to))
  check(core.fs.rename(from, to))
end

--- Keep the newest COUNT trees and logs of a directory; remove the others. What is neither stays. Best effort.
---@param dir string
---@param count integer
function cache.prune(dir, count)
  local groups, newest = {}, {}
  for _, entry in ipairs(core.fs.list(dir) or {}) do
    local id = entry:match "^%x+$" or entry:match "^(%x+)%.log$"
    local stat = core.fs.lstat(dir .. "/" .. entry)
    if id and stat then
      groups[id] = groups[id] or { time = 0 }
      table.insert(groups[id], entry)
      groups[id].time = math.max(groups[id].time, stat.mtime)
    end
  end
  for _, group in pairs(groups) do
    newest[#newest + 1] = group
  end
  table.sort(newest, function(a, b)
    return a.time > b.time
  end)
  for index = count + 1, #newest do
    for _, entry in ipairs(newest[index]) do
      core.fs.remove_tree(dir .. "/" .. entry)
    end
  end
end

return cache
