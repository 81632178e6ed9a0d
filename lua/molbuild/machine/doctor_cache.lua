--- The checks of the cache's directory: usable, locks held, left-overs of killed runs.
local amounts = require "molbuild.base.amounts"
local cache = require "molbuild.repository.cache"
local access = require "molbuild.base.access"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local leftovers = require "molbuild.machine.leftovers"

local doctor_cache = {}

--- The file system of a path, by the list of mounts: "ext4". nil when the system has no such list.
---@param path string  absolute, without links
---@param mounts string  as of /proc/self/mountinfo
---@return string?
function doctor_cache.file_system(path, mounts)
  local longest, found = -1, nil
  for line in mounts:gmatch "[^\n]+" do
    local point, kind = line:match "^%S+ %S+ %S+ %S+ (%S+) .- %- (%S+)"
    point = point and point:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits, 8)) end)
    local below = point == "/" or point and (path .. "/"):sub(1, #point + 1) == point .. "/"
    -- The last one of several at a place hides the others.
    if below and #point >= longest then longest, found = #point, kind end
  end
  return found
end

local function owner_of(uid)
  if uid == core.sys.uid() then return "this user's" end
  return uid == 0 and "root's" or ("user %d's"):format(uid)
end

local function must(ok, message, code)
  return errors.must(ok, message, code, { hint = access.hint(code, message or "") })
end

-- A lock that the file system does not support fails as a run's would.
local function check_lockable(at)
  local paths = { at }
  for _, name in ipairs(core.fs.list(at .. "/locks") or {}) do
    paths[#paths + 1] = name:find "%.lock$" and ("%s/locks/%s"):format(at, name) or nil
  end
  for _, path in ipairs(paths) do
    local free, message, code = core.lock.is_free(path)
    must(free ~= nil, message, code)
    must(core.fs.may_write(path))
  end
end

local OTHERS_WRITE = 18 -- octal 022
local LEAST_FREE = 1000 ^ 3

local function check_space(report, at)
  local free, message, code = core.fs.free_bytes(at)
  if must(free, message, code) < LEAST_FREE then
    report:warn("cache's space", ("%s free at %s, for trees and repositories"):format(amounts.size(free), at), access.FULL)
  else
    report:ok("cache's space", ("%s free at %s"):format(amounts.size(free), at))
  end
end

-- Whether the directory can be used, and what it is.
local function check_directory(report, root)
  local at = cache.examine(root)
  local real = must(core.fs.realpath(at))
  check_lockable(real)
  local stat = must(core.fs.lstat(real))
  local kind = doctor_cache.file_system(real, core.fs.read("/proc/self/mountinfo", 4 << 20) or "")
  local missing = at ~= root and ("%s will be made in %s"):format(root, at) or root
  local words = ("%s: %s, mode %04o, %slockable"):format(missing, owner_of(stat.uid), stat.mode, kind and kind .. ", " or "")
  if at == root and stat.mode & OTHERS_WRITE ~= 0 then
    report:warn("cache", words, ("other users can write there: chmod go-w %s"):format(root))
  else
    report:ok("cache", words)
  end
  check_space(report, at)
end

-- Locks -------------------------------------------------------------------------------------------------------------

---@class molbuild.LockSeen
---@field name string
---@field free boolean
---@field holder molbuild.core.Holder?  from the record in the file; of a free one, the process that was killed

--- The locks of a cache.
---@param root string
---@return molbuild.LockSeen[]
local function locks_of(root)
  local list, dir = {}, root .. "/locks"
  for _, file in ipairs(core.fs.list(dir) or {}) do
    local name = file:match "^(.+)%.lock$"
    local path = ("%s/%s"):format(dir, file)
    local free = name and core.lock.is_free(path)
    if free ~= nil and name then
      list[#list + 1] = { name = name, free = free, holder = core.lock.holder(path) }
    end
  end
  return list
end

local function holder_words(holder)
  if not holder then return "a process" end
  return ("pid %d on %s, since %s (%s)"):format(holder.pid, holder.host, amounts.age(core.sys.now() - holder.start), holder.purpose)
end

--- One line about the locks that are held.
---@param report molbuild.DoctorReport
---@param locks molbuild.LockSeen[]
---@param longest number  seconds: a build does not hold one longer
function doctor_cache.held(report, locks, longest)
  local words, old = {}, false
  for _, lock in ipairs(locks) do
    if not lock.free then
      words[#words + 1] = ("%s by %s"):format(lock.name, holder_words(lock.holder))
      local is_of_build = lock.holder and lock.holder.purpose ~= "watch" -- which holds its lock as long as it runs
      old = old or is_of_build and core.sys.now() - lock.holder.start > longest
    end
  end
  if #words == 0 then
    report:ok("locks", "none is held")
  elseif old then
    report:warn("locks", table.concat(words, "; "), "one is held longer than a build may take: look at that process, and end it")
  else
    report:ok("locks", table.concat(words, "; "))
  end
end

-- Left-overs --------------------------------------------------------------------------------------------------------

-- Staging directories, by the name that they belong to.
local function staging_of(root)
  local list = {}
  for _, entry in ipairs(core.fs.list(root .. "/tmp") or {}) do
    list[#list + 1] = { name = cache.staged_name(entry), path = ("%s/tmp/%s"):format(root, entry) }
  end
  return list
end

--- What killed runs have left: directories of staging that no running build uses, and locks whose holder did not release them.
---@param report molbuild.DoctorReport
---@param root string
---@param locks molbuild.LockSeen[]
function doctor_cache.left(report, root, locks)
  local used, words = {}, {}
  for _, lock in ipairs(locks) do
    used[lock.name] = not lock.free
    if lock.free and lock.holder then
      words[#words + 1] = ("the run of %s was killed (pid %d on %s)"):format(lock.name, lock.holder.pid, lock.holder.host)
    end
  end
  for _, entry in ipairs(staging_of(root)) do
    if not entry.name or not used[entry.name] then words[#words + 1] = entry.path end
  end
  if #words == 0 then
    report:ok("left-overs", "none")
  else
    report:warn("left-overs", table.concat(words, "; "), "nothing has to be done: the next build of each runtime removes them")
  end
end

--- All of a cache's checks.
---@param report molbuild.DoctorReport
---@param root string
---@param longest number  seconds that a build may hold a lock
function doctor_cache.check(report, root, longest)
  report:try("cache", check_directory, report, root)
  local hidden = leftovers.hidden(root .. "/locks") or leftovers.hidden(root .. "/tmp")
  if hidden then
    report:warn("locks", "not known, and neither are left-overs: " .. hidden, "run it as the user whose cache it is")
    return
  end
  local locks = locks_of(root)
  doctor_cache.held(report, locks, longest)
  doctor_cache.left(report, root, locks)
end

return doctor_cache
