--- Builds from a directory of this machine, as it is, instead of from a commit. What is built is a copy; the directory itself is
--- only read. Its digest stands for the commit.
---
--- In a git work tree the copy has what git would commit: the tracked files as they are now, and the others that git does not
--- ignore. Of any other directory it has everything but `.git`.
local bounds = require "molbuild.repository.bounds"
local command = require "molbuild.repository.command"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"
local report = require "molbuild.repository.report"
local shown = require("molbuild.base.text").shown

local working_tree = {}

local LISTING_MAX = 64 * 1024 * 1024 -- bytes of git's list of files
local PAUSE_AFTER = 16 * 1024 * 1024 -- bytes that are read before other tasks, and signals, have their turn
local FILE_COST = 65536 -- what opening a file counts as, in bytes
local OWNER_EXECUTES = 64

local KINDS = { fifo = "a FIFO", socket = "a socket", device = "a device" }

---@class molbuild.WorkingFile
---@field path string  relative to the tree
---@field type "file"|"link"|"directory"
---@field size integer

-- What the tree holds ----------------------------------------------------------------------------------------------------

-- Whether a directory is, or may be, within a git work tree.
local function is_in_git(root)
  local at = root
  repeat
    if core.fs.lstat(at .. "/.git") then return true end
    at = at:match "^(.*)/[^/]*$"
  until not at
  return false
end

-- The paths that git would commit, sorted. A directory ends in a slash: another repository, of which git commits no file. nil
-- where git has no repository, or ignores the directory as a whole.
local function listed_by_git(root)
  if not is_in_git(root) then return nil end
  local result = command.run({ "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard" }, nil,
    { timeout = 600 }, { capture = LISTING_MAX, silent = true })
  if result.code ~= 0 and result.tail:find("not a git repository", 1, true) then return nil end
  local paths, seen = {}, {}
  for path in report.expect(result, "git ls-files", root).stdout:gmatch "[^\0]+" do
    paths[#paths + 1] = not seen[path] and path or nil -- an unmerged file is listed several times
    seen[path] = true
  end
  table.sort(paths)
  return #paths > 0 and paths or nil
end

local function refuse(path, stat)
  errors.raise {
    kind = "template", message = ("the tree holds %s, %s: only files, directories and links can be built"):format(
      shown(path), KINDS[stat.type] or stat.type),
  }
end

---@class molbuild.WorkingList
---@field root string
---@field inside string?  the cache's directory, relative to the tree, where it is in the tree
---@field setting string  what sets that directory
---@field add fun(size: integer, path: string): boolean
---@field check fun()
---@field types table<string, string>  by path
---@field [integer] molbuild.WorkingFile
local List = {}
List.__index = List

-- Add what is at a path, once. Nothing is there where a tracked file was removed.
---@return string? type
function List:put(path)
  if self.types[path] then return self.types[path] end
  local stat, message, code = core.fs.lstat(self.root .. "/" .. path)
  if not stat and (code == "ENOENT" or code == "ENOTDIR") then return nil end
  errors.must(stat, message, code)
  if KINDS[stat.type] then refuse(path, stat) end
  if path == self.inside then
    errors.raise {
      kind = "usage", message = ("--dir: the cache's directory %s is within the tree"):format(path),
      hint = ("put the cache elsewhere (%s), or let git ignore it"):format(self.setting),
    }
  end
  if self.add(stat.type == "file" and stat.size or 0, path) then self.check() end
  self[#self + 1] = { path = path, type = stat.type, size = stat.size }
  self.types[path] = stat.type
  return stat.type
end

-- Whether all directories above a path are directories now; adds them. Git may still list files below one that is a link by now.
function List:reaches(path)
  local above = path:match "^(.*)/[^/]"
  if not above or self.types[above] then return not above or self.types[above] == "directory" end
  local stat = self:reaches(above) and core.fs.lstat(self.root .. "/" .. above)
  return stat and stat.type == "directory" and self:put(above) ~= nil or false
end

function List:walk(above)
  for _, name in ipairs(errors.must(core.fs.list(self.root .. "/" .. above, math.maxinteger))) do
    local path = above == "" and name or above .. "/" .. name
    if name ~= ".git" and self:put(path) == "directory" then self:walk(path) end
  end
end

-- The cache's directory as a path of the tree.
local function inside(root, cache)
  local at = core.fs.realpath(cache) or cache
  return at:sub(1, #root + 1) == root .. "/" and at:sub(#root + 2) or nil
end

--- What a directory holds, sorted by path, directories before what they hold.
---@param job table
---@return molbuild.WorkingList
local function list_of(job)
  local root, message = core.fs.realpath(job.working_tree)
  if not root or core.fs.type(root) ~= "directory" then
    errors.raise { kind = "usage", message = ("--dir: %s"):format(message or root .. " is not a directory") }
  end
  local add, check = bounds.counter { files = job.max_files, bytes = job.max_bytes }
  local list = setmetatable({
    root = root, types = {}, inside = inside(root, job.cache), setting = job.variables.cache, add = add, check = check,
  }, List)
  local paths = listed_by_git(root)
  for _, path in ipairs(paths or {}) do
    if list:reaches(path) then list:put((path:gsub("/$", ""))) end
  end
  if not paths then list:walk "" end
  return list
end

-- Reading and copying ----------------------------------------------------------------------------------------------------

local function changed(job)
  errors.raise {
    kind = "failed", retry = true, message = ("--dir: %s changed while it was read"):format(job.working_tree),
    hint = "run it again when no program writes to it",
  }
end

-- Call FN(file) for each entry. Other tasks and signals have their turn now and then.
local function each(list, fn)
  local read = 0
  for _, file in ipairs(list) do
    fn(file)
    read = read + FILE_COST + file.size
    if read > PAUSE_AFTER then
      errors.must(core.sys.sleep(0))
      read = 0
    end
  end
end

-- The digest of entries, as they are below ROOT now: paths, types, contents, whether a file is a program.
local function digest_of(job, list, root)
  local lines = {}
  each(list, function(file)
    local path = root .. "/" .. file.path
    local stat = core.fs.lstat(path)
    if not stat or stat.type ~= file.type then changed(job) end
    local word = "directory"
    if file.type == "file" then
      word = (stat.mode & OWNER_EXECUTES ~= 0 and "program " or "file ") .. errors.must(core.sha256.file(path))
    elseif file.type == "link" then
      word = "link " .. core.sha256.hex(errors.must(core.fs.readlink(path)))
    end
    lines[#lines + 1] = ("%s %s\0"):format(word, file.path)
  end)
  return core.sha256.hex(table.concat(lines))
end

--- The digest of a job's working tree, which stands for the commit. It becomes the revision that the image names, as
--- `dev-DIGEST`: a digest alone would look like a commit.
---@param job table
---@return string  64 hex digits
---@raise usage | template | failed | cancelled
function working_tree.digest(job)
  local list = list_of(job)
  local digest = digest_of(job, list, list.root)
  job.labels = job.labels or {}
  job.labels[image.LABEL.revision] = "dev-" .. digest
  return digest
end

--- Copy a job's working tree into a new directory. Fails if it is no longer the one whose digest the job has.
---@param job table
---@param to string
---@return boolean copied  always true
---@raise usage | template | failed | cancelled
function working_tree.copy(job, to)
  local list = list_of(job)
  errors.must(core.fs.remove_tree(to))
  errors.must(core.fs.mkdirp(to, 448))
  each(list, function(file)
    local path = to .. "/" .. file.path
    if file.type == "directory" then
      errors.must(core.fs.mkdirp(path, 448))
    else
      errors.must(core.fs.copy(list.root .. "/" .. file.path, path))
    end
  end)
  errors.must(core.fs.plain_modes(to))
  if digest_of(job, list, to) ~= job.sha then changed(job) end
  return true
end

return working_tree
