--- What builds leave in the cache: trees, logs, records, kept repositories, staging directories. Only files whose names are those
--- of builds count: a cache may be a directory that others use, too.
local core = require "molbuild.core"
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local names = require "molbuild.base.names"
local record_file = require "molbuild.machine.record_file"
local store = require "molbuild.repository.cache"

local leftovers = {}

-- The endings of the files beside a record.
local OF_RECORD = {}
for _, ending in pairs(record_file.ENDINGS) do OF_RECORD[".json" .. ending] = true end

local HEX12 = ("%x"):rep(12)

---@class molbuild.Leftover
---@field kind "tree"|"log"|"record"|"signature"|"order"|"repository"|"staging"
---@field runtime string
---@field path string
---@field tag string?  the tag, or the beginning of one, that it belongs to

--- Why the entries of a directory are not known; nil for one that can be read, or is missing.
---@param dir string
---@return string?
function leftovers.hidden(dir)
  local entries, message, code = core.fs.list(dir)
  return not entries and code ~= "ENOENT" and code ~= "ENOTDIR" and message or nil
end

-- The sorted entries of a directory. One that cannot be read is a warning: it is not empty.
local function entries_of(dir)
  local entries = core.fs.list(dir) or {}
  local hidden = #entries == 0 and leftovers.hidden(dir)
  if hidden then log.warn_once("what builds have left is not known: %s", hidden) end
  table.sort(entries) -- a directory's own order is any
  return entries
end

--- The tag in the name of a file, and what the file is.
local function kind_of(entry, stat)
  local tag, ending = entry:match "^([%w_-][%w_.-]-)(%.json%.%l+)$"
  if not tag then tag, ending = entry:match "^([%w_-][%w_.-]-)(%.%l+)$" end
  tag = tag or entry
  local is_tag = tag:find("^" .. HEX12) ~= nil or tag:find "^dev%-%x+" ~= nil
  if (entry == "order" or entry == "behind.log") and stat.type == "file" then return "order" end
  is_tag = is_tag or tag == "latest" and ending ~= nil -- in registry mode
  if not is_tag then return nil end
  if ending == ".log" and stat.type == "file" then return "log", tag end
  if ending == ".json" and stat.type == "file" then return "record", tag end
  if ending and OF_RECORD[ending] and stat.type == "file" then return "signature", tag end
  return not ending and stat.type == "directory" and "tree" or nil, tag
end

--- What the directory of a runtime holds, and whether it holds anything else.
local function of_directory(cache, runtime)
  local dir, list, has_more = ("%s/%s"):format(cache, runtime), {}, false
  for _, entry in ipairs(entries_of(dir)) do
    local stat = core.fs.lstat(dir .. "/" .. entry)
    local kind, tag = nil, nil
    if stat then kind, tag = kind_of(entry, stat) end
    if kind then
      list[#list + 1] = { kind = kind, runtime = runtime, path = dir .. "/" .. entry, tag = tag }
    else
      has_more = true
    end
  end
  return list, has_more
end

local function is_runtime(name)
  return not store.RESERVED[name] and (pcall(names.component, name, "the runtime"))
end

local function is_directory(path)
  local stat = core.fs.lstat(path)
  return stat ~= nil and stat.type == "directory"
end

-- The runtimes that a directory of the cache knows, by the part of its entries' names.
local function named_in(cache, directory, pattern, into)
  for _, entry in ipairs(entries_of(("%s/%s"):format(cache, directory))) do
    local name = entry:match(pattern)
    if name and is_runtime(name) then into[name] = true end
  end
  return into
end

--- The runtimes that have been built in a cache. A directory that no build has left a trace of, and that holds anything but the
--- files of builds, belongs to others.
---@param cache string
---@return string[] sorted
function leftovers.runtimes(cache)
  local known = named_in(cache, "locks", "^(.+)%.lock$", {})
  named_in(cache, "repositories", "^(.+)%.git$", known)
  for _, name in ipairs(entries_of(cache)) do
    if not known[name] and is_runtime(name) and is_directory(cache .. "/" .. name) then
      local list, has_more = of_directory(cache, name)
      known[name] = #list > 0 and not has_more or nil
    end
  end
  return maps.keys(known)
end

--- Everything that builds of a runtime have left in a cache.
---@param cache string
---@param runtime string
---@return molbuild.Leftover[]
function leftovers.of(cache, runtime)
  local list = is_directory(("%s/%s"):format(cache, runtime)) and of_directory(cache, runtime) or {}
  local repository = ("%s/repositories/%s.git"):format(cache, runtime)
  if is_directory(repository) then list[#list + 1] = { kind = "repository", runtime = runtime, path = repository } end
  for _, entry in ipairs(entries_of(cache .. "/tmp")) do
    if store.staged_name(entry) == runtime then
      list[#list + 1] = { kind = "staging", runtime = runtime, path = ("%s/tmp/%s"):format(cache, entry) }
    end
  end
  return list
end

local ENTRIES_MAX = 200000

local function measured(path, left)
  local stat = core.fs.lstat(path)
  if not stat then return 0, left end
  local bytes = stat.size
  left = left - 1
  for _, entry in ipairs(stat.type == "directory" and left > 0 and core.fs.list(path) or {}) do
    local more
    more, left = measured(path .. "/" .. entry, left)
    bytes = bytes + more
  end
  return bytes, left
end

--- The bytes of a file, or of all files in a directory.
---@param path string
---@return integer? bytes  nil when there are too many to count
function leftovers.size(path)
  local bytes, left = measured(path, ENTRIES_MAX)
  return left > 0 and bytes or nil
end

return leftovers
