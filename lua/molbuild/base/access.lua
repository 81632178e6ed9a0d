--- Hints for a file that cannot be used, by the reason that the system reports.
local core = require "molbuild.core"

local access = {
  --- For a full file system.
  FULL = "free space on that file system, or put the cache elsewhere",
}

local ELSEWHERE = "put the cache in a directory that you may write to"

local HINTS = { ENOSPC = access.FULL, EDQUOT = access.FULL, EROFS = ELSEWHERE, ENOTDIR = ELSEWHERE, ENOENT = ELSEWHERE }

--- Whether a failure means that a file system is full.
---@param code string?
---@return boolean
function access.is_full(code)
  return code == "ENOSPC" or code == "EDQUOT"
end

--- The nearest existing path: PATH itself, or a directory above it.
local function nearest(path)
  local stat = core.fs.lstat(path)
  while not stat and path:find "^/." do
    path = path:match "^(.*)/"
    stat = core.fs.lstat(path == "" and "/" or path)
  end
  return path, stat
end

--- The file, or its directory, that belongs to another user and so keeps this user out of PATH.
local function of_another(path)
  local at, stat = nearest(path)
  local above = at:match "^(.+)/"
  for _, place in ipairs { { at, stat }, { above, above and core.fs.lstat(above) } } do
    if place[2] and place[2].uid ~= core.sys.uid() and place[1] ~= "" then
      return place[1], place[2].uid
    end
  end
end

--- The first path below PATH that belongs to another user. The search goes no deeper than a git repository does.
local function below(path, depth)
  local stat = core.fs.lstat(path)
  if not stat or stat.uid ~= core.sys.uid() then
    return of_another(path)
  end
  for _, name in ipairs(stat.type == "directory" and depth > 0 and core.fs.list(path) or {}) do
    local found, uid = below(path .. "/" .. name, depth - 1)
    if found then
      return found, uid
    end
  end
end

--- The hint for a failure on a file of the cache. When another user owns the file, the hint names that user.
---@param code string?  an errno name
---@param message string  the failure's message, which names the path
---@param tree string?  the directory in which it failed, used when the message names no path
---@return string?
function access.hint(code, message, tree)
  if code ~= "EACCES" and code ~= "EPERM" then
    return HINTS[code]
  end
  local path = message:match " (/.*): [^:]*$"
  local found, uid
  if path then
    found, uid = of_another(path)
  end
  if not found and tree then
    found, uid = below(tree, 3)
  end
  if not found then
    return ELSEWHERE
  end
  return ('%s belongs to %s: give it to the user that runs molbuild ("chown -R %d %s"), or put the cache elsewhere'):format(
    found, uid == 0 and "root" or "user " .. uid, core.sys.uid(), found)
end

return access
