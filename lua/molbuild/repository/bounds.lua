--- What bounds a repository that git fetches and writes: the wire, the memory, the tree. Each is watched while git runs,
--- and ends it when it is passed.
local errors = require "molbuild.base.errors"
local names = require "molbuild.base.names"

local bounds = {}

--- What one allocation of git's may take. Large files are streamed, but what a delta makes is not: a few kilobytes can
--- ask for gigabytes.
bounds.ALLOCATION = "1g"

-- Bytes of a path in the tree; what stands before it must have room within PATH_MAX, too.
local PATH_MAX = 3000

local UNITS = { bytes = 1, KiB = 1024, MiB = 1024 ^ 2, GiB = 1024 ^ 3 }

-- BOUND is the option that holds the bound; nil for one that cannot be set.
local function refuse(bound, format, ...)
  errors.raise {
    kind = "template",
    bound = bound,
    message = format:format(...),
    hint = "the repository is not what a template should be: large things belong elsewhere",
  }
end

--- How much a fetch has moved so far, as a line of git's progress has it; nil for any other line.
---@param line string
---@return number?
function bounds.received(line)
  local number, unit = line:match "^%a+ objects:.-, ([%d.]+) (%a+)"
  number = tonumber(number)
  return number and UNITS[unit] and number * UNITS[unit]
end

--- A watch over a fetch.
---@param bytes number?  that may come over the wire; no bound when absent or 0
---@return fun(line: string): string? on_line
---@return fun(result: table?) check  raises when a bound was passed; takes the result of git, where it came to one
function bounds.fetch(bytes)
  -- What cannot be compressed is a little larger on the wire than it is.
  local most, passed = bytes and bytes > 0 and bytes * 1.01 + 1024 ^ 2, false
  local function on_line(line)
    passed = passed or most and (bounds.received(line) or 0) > most
    return passed and "stop" or nil
  end
  return on_line, function(result)
    if passed then
      refuse("bytes", "the fetch moves more than %.14g bytes", bytes)
    elseif result and result.code ~= 0 and result.tail:find "attempting to allocate %d+ over limit" then
      refuse(nil, "an object of the repository takes more than 1 GiB of memory")
    end
  end
end

--- A watch over `git ls-tree -r -t -l`.
---@param allowed { files: number, bytes: number }  0: no bound
---@return fun(line: string): string? on_line
---@return fun(): integer, integer check  how many files and directories, and their bytes; raises when a bound was passed
function bounds.tree(allowed)
  local files, bytes, long = 0, 0, false
  local most_files, most_bytes = allowed.files > 0 and allowed.files or math.huge, allowed.bytes > 0 and allowed.bytes or math.huge
  local function on_line(line)
    files = files + 1
    bytes = bytes + (tonumber(line:match "^%d+ %a+ %x+ +(%d+)") or 0)
    long = long or #line > PATH_MAX and #line:match "\t?([^\t]*)$" > PATH_MAX
    return (files > most_files or bytes > most_bytes or long) and "stop" or nil
  end
  return on_line, function()
    if files > most_files then
      refuse("files", "the tree holds more than %.14g files and directories", allowed.files)
    elseif bytes > most_bytes then
      refuse("bytes", "the tree is larger than %.14g bytes", allowed.bytes)
    elseif long then
      refuse(nil, "a path in the tree is longer than %d bytes", PATH_MAX)
    end
    return files, bytes
  end
end

--- Raise what a failed checkout says of the tree: a name that git or the file system does not take.
---@param tail string  the end of git's output
function bounds.checkout(tail)
  local path = tail:match "error: invalid path '([^\n]*)'"
  if path then
    errors.raise {
      kind = "template",
      message = ('the tree holds the name "%s", which git does not write'):format(names.shown(path)),
      hint = "names such as .git are git's own, in any spelling that some system takes for it",
    }
  elseif tail:find("File name too long", 1, true) then
    refuse(nil, "the tree holds a name that is longer than the file system takes")
  end
end

return bounds
