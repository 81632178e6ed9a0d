--- The file system of a test: what is written is kept in memory; what is not there is read from the real one, which is never
--- changed. The functions are those of core.fs, and their messages are, too.
local operations = require "molbuild.testing.file_operations"

local files = {}

local LINKS_MAX = 40

---@class molbuild.testing.Files
local Files = {}
Files.__index = Files

-- A directory that the real file system has, too, is `through`: what is not in memory is looked for there.
local function directory(through)
  return { type = "directory", entries = {}, mode = 448, through = through }
end

---@param real table  core.fs
---@param now fun(): number  unix time
---@return molbuild.testing.Files
function files.new(real, now)
  return setmetatable({ real = real, now = now, root = directory(true), number = 0 }, Files)
end

-- The parts of paths, by path: the same ones are walked again and again.
local split, split_count = {}, 0
local SPLIT_MAX = 2000

local function parts_of(path)
  local parts = split[path]
  if parts then
    return parts
  end
  parts = {}
  for part in path:gmatch "[^/]+" do
    if part ~= "." then
      parts[#parts + 1] = part
    end
  end
  if split_count == SPLIT_MAX then
    split, split_count = {}, 0
  end
  split[path], split_count = parts, split_count + 1
  parts.path = "/" .. table.concat(parts, "/")
  return parts
end

--- Make every operation of a kind that changes something fail from now on, such as with ENOSPC; nil: none any more.
---@param code string?
function Files:fails(code)
  self.fault = code
end

-- The path of a link's target, followed by the rest of the path; the same for a "..".
local function path_onwards(parts, index, target)
  local before = table.concat(parts, "/", 1, index - 1)
  if target == ".." then
    target = "/" .. (before:match "^(.*)/" or "")
  elseif target:sub(1, 1) ~= "/" then
    target = ("/%s/%s"):format(before, target)
  end
  return target .. "/" .. table.concat(parts, "/", index + 1)
end

-- The node in memory of an absolute path; with `follow_last` a link at its end is followed. Gives the node and its own path; or nil
-- and the real path to look at; or nil, nil and a code.
function Files:walk(path, follow_last, links)
  local node, parts = self.root, parts_of(path)
  local count = #parts
  for index = 1, count do
    local part = parts[index]
    if node.type ~= "directory" then
      return nil, nil, "ENOTDIR"
    elseif part == ".." then
      return self:walk(path_onwards(parts, index, part), follow_last, links)
    end
    local child = node.entries[part]
    if not child then
      return nil, node.through and parts.path or nil, "ENOENT"
    elseif child.type == "link" and (index < count or follow_last) then
      if (links or 0) >= LINKS_MAX then
        return nil, nil, "ELOOP"
      end
      return self:walk(path_onwards(parts, index, child.target), follow_last, (links or 0) + 1)
    end
    node = child
  end
  return node, parts.path
end

-- As walk(), for a path of any kind. Of a relative one that is not in memory the real path is relative, too.
function Files:find(path, follow_last)
  if path:sub(1, 1) == "/" then
    return self:walk(path, follow_last)
  end
  local node, real, code = self:walk(self.real.realpath "." .. "/" .. path, follow_last)
  return node, real and not node and path or real, code
end

-- The directory in memory at a path, made where there is none: as the real one has it, or new.
function Files:make(path)
  local node, at = self.root, ""
  for _, part in ipairs(parts_of(path)) do
    local child = node.entries[part]
    at = at .. "/" .. part
    if child and child.type == "link" then
      child = self:walk(at, true)
    end
    if not child then
      local kind = node.through and self.real.type(at)
      if kind and kind ~= "directory" then
        return nil, at, "ENOTDIR"
      elseif not kind and self.fault then
        return nil, at, self.fault
      end
      child = directory(kind == "directory")
      self:stamp(child)
      node.entries[part] = child
    elseif child.type ~= "directory" then
      return nil, at, "ENOTDIR"
    end
    node = child
  end
  return node
end

-- A node that is new, or changed.
function Files:stamp(node)
  self.number = self.number + 1
  node.ino, node.mtime = node.ino or self.number, self.now()
  return node
end

-- Put a node at a path, in a directory that must be there. Gives true, or nil and a code.
function Files:put(path, node)
  path = path:sub(1, 1) == "/" and path or self.real.realpath "." .. "/" .. path
  local above, name = path:match "^(.*)/([^/]+)$"
  local parent, real, code = self:find(above == "" and "/" or above, true)
  if not parent and real and self.real.type(real) == "directory" then
    parent = self:make(above)
  end
  if self.fault and node then
    return nil, self.fault
  elseif not parent then
    return nil, code
  elseif parent.type ~= "directory" then
    return nil, "ENOTDIR"
  end
  parent.entries[name] = node and self:stamp(node)
  return true
end

--- Put a file, a link or a socket there, with the directories above it: for a test, and the programs of its world.
---@param path string  absolute
---@param what string|{ text: string?, link: string?, mode: integer?, socket: boolean? }
function Files:add(path, what)
  what = type(what) == "table" and what or { text = what }
  assert(self:make(path:match "^(.*)/" or "/"))
  local kind = what.link and "link" or what.socket and "socket" or "file"
  assert(self:put(path, { type = kind, target = what.link, data = what.text, mode = what.mode or 420 }))
end

--- The functions of core.fs on these files.
---@param uid integer  of the user whose all of them are
---@return table
function Files:functions(uid)
  self.uid = uid
  local fs = setmetatable({}, { __index = self.real })
  for name, fn in pairs(operations) do
    fs[name] = function(...) return fn(self, ...) end
  end
  return fs
end

return files
