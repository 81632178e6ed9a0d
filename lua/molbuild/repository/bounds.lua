--- Bounds for a repository that git fetches and writes: bytes on the wire, memory, the tree. They are watched while git
--- runs; git is stopped when one is exceeded.
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local bounds = {}

--- The most bytes of one allocation in git. Large files are streamed, but the result of a delta is not: a few kilobytes
--- can require gigabytes.
bounds.ALLOCATION = "1g"

-- Bytes of a path in the tree; the directory above the tree must also fit within PATH_MAX.
local PATH_MAX = 3000

local UNITS = { bytes = 1, KiB = 1024, MiB = 1024 ^ 2, GiB = 1024 ^ 3 }

-- BOUND is the option that holds the bound; nil for a fixed bound.
local function refuse(bound, format, ...)
  errors.raise {
    kind = "template",
    bound = bound,
    message = format:format(...),
    hint = "this is not what a template should be: keep large files elsewhere",
  }
end

--- The bytes that a fetch has received so far, from a line of git's progress; nil for any other line.
---@param line string
---@return number?
function bounds.received(line)
  local number, unit = line:match "^%a+ objects:.-, ([%d.]+) (%a+)"
  number = tonumber(number)
  return number and UNITS[unit] and number * UNITS[unit]
end

--- A watch for a fetch.
---@param bytes number?  the most bytes on the wire; no bound when absent
---@return fun(line: string): string? on_line
---@return fun(result: table?) check  raises when a bound was exceeded; takes git's result, if there is one
function bounds.fetch(bytes)
  -- Data that cannot be compressed is slightly larger on the wire.
  local most, passed = bytes and bytes * 1.01 + 1024 ^ 2, false
  local function on_line(line)
    passed = passed or most and (bounds.received(line) or 0) > most
    return passed and "stop" or nil
  end
  return on_line, function(result)
    if passed then
      refuse("bytes", "the fetch transfers more than %.14g bytes", bytes)
    elseif result and result.code ~= 0 and result.tail:find "attempting to allocate %d+ over limit" then
      refuse(nil, "an object of the repository needs more than 1 GiB of memory")
    end
  end
end

--- Counts what a tree holds.
---@param allowed { files: number, bytes: number }  math.huge: no bound
---@return fun(bytes: number, path: string): boolean add  a file or a directory; true when a bound was exceeded
---@return fun(): integer, integer check  the number of files and directories, and their bytes; raises when a bound was exceeded
function bounds.counter(allowed)
  local files, bytes, long = 0, 0, false
  local function add(size, path)
    files, bytes = files + 1, bytes + size
    long = long or #path > PATH_MAX
    return files > allowed.files or bytes > allowed.bytes or long
  end
  return add, function()
    if files > allowed.files then
      refuse("files", "the tree holds more than %.14g files and directories", allowed.files)
    elseif bytes > allowed.bytes then
      refuse("bytes", "the tree is larger than %.14g bytes", allowed.bytes)
    elseif long then
      refuse(nil, "a path in the tree is longer than %d bytes", PATH_MAX)
    end
    return files, bytes
  end
end

--- A watch for `git ls-tree -r -t -l`.
---@param allowed { files: number, bytes: number }  as of bounds.counter
---@return fun(line: string): string? on_line
---@return fun(): integer, integer check  as of bounds.counter
function bounds.tree(allowed)
  local add, check = bounds.counter(allowed)
  local function on_line(line)
    local size = tonumber(line:match "^%d+ %a+ %x+ +(%d+)") or 0
    return add(size, #line > PATH_MAX and line:match "\t?([^\t]*)$" or "") and "stop" or nil
  end
  return on_line, check
end

--- Raise the error for a name in the tree that git or the file system rejects, if a failed checkout reports one.
---@param tail string  the end of git's output
function bounds.checkout(tail)
  local path = tail:match "error: invalid path '([^\n]*)'"
  if path then
    errors.raise {
      kind = "template",
      message = ('the tree holds the name "%s", which git refuses to write'):format(text.shown(path)),
      hint = "rename the file: names such as .git, in all spellings that a file system treats as equal, are reserved by git",
    }
  elseif tail:find("File name too long", 1, true) then
    refuse(nil, "the tree holds a name that is too long for the file system")
  end
end

return bounds
