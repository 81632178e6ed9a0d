--- The functions of core.fs on the files of a test (files.lua), each with the files before its own arguments. What they return,
--- and say when they fail, is what the real ones do.
local operations = {}

local TEXTS = {
  ENOENT = "No such file or directory", ENOTDIR = "Not a directory", EISDIR = "Is a directory", EROFS = "Read-only file system",
  ENOSPC = "No space left on device", EINVAL = "Invalid argument", ELOOP = "Too many levels of symbolic links",
  ENOTEMPTY = "Directory not empty", EEXIST = "File exists",
}

-- nil, message, code
local function failure(code, format, ...)
  return nil, ("%s: %s"):format(format:format(...), TEXTS[code] or code), code
end

function operations.mkdirp(self, path)
  local node, at, code = self:make(path)
  if node then
    return true
  end
  return failure(code, "cannot create the directory %s", at)
end

function operations.mkdtemp(self, prefix)
  self.number = self.number + 1
  local path = ("%s%06d"):format(prefix, self.number)
  local ok, code = self:put(path, { type = "directory", entries = {}, mode = 448 })
  if ok then
    return path
  end
  return failure(code, "cannot create a temporary directory %s*", prefix)
end

function operations.remove_tree(self, path)
  local node, real = self:find(path, false)
  if node and not node.through then
    self:put(path, nil)
    return true
  elseif not node and not (real and self.real.lstat(real)) then
    return true
  end
  return failure("EROFS", "cannot remove %s", path)
end

local function set_modes(node, time)
  for _, child in pairs(node.entries or {}) do
    child.mtime = time or child.mtime
    if child.type == "directory" then
      child.mode = 493
      set_modes(child, time)
    elseif child.type == "file" then
      child.mode = child.mode & 64 ~= 0 and 493 or 420
    end
  end
end

function operations.plain_modes(self, path, time)
  local node, _, code = self:find(path, true)
  if not node then
    return failure(code or "ENOENT", "cannot set the modes in %s", path)
  end
  set_modes(node, time)
  return true
end

function operations.give()
  return true -- there is one user in a test's world
end

function operations.copy(self, from, to)
  local node, real, code = self:find(from, false)
  local stat = not node and real and self.real.lstat(real)
  local kind = node and node.type or stat and stat.type
  local made = { type = kind, mode = (node or stat or { mode = 0 }).mode & 64 ~= 0 and 493 or 420 }
  if not kind then
    return failure(code or "ENOENT", "cannot read %s", from)
  elseif kind == "link" then
    made.target = node and node.target or self.real.readlink(real)
  elseif kind == "file" then
    made.data = node and node.data or self.real.read(real, math.maxinteger)
  else
    return nil, ("%s is neither a regular file nor a link"):format(from), "invalid"
  end
  local what = kind == "link" and "create the link" or "write"
  if self:find(to, false) then return failure("EEXIST", "cannot %s %s", what, to) end
  local ok, why = self:put(to, made)
  if ok then return true end
  return failure(why, "cannot %s %s", what, to)
end

function operations.rename(self, from, to)
  local node, _, code = self:find(from, false)
  local there = self:find(to, false)
  if not node or node.through then
    return failure(node and "EROFS" or code or "ENOENT", "cannot rename %s to %s", from, to)
  elseif there and there.type == "directory" and next(there.entries) then
    return failure("ENOTEMPTY", "cannot rename %s to %s", from, to)
  end
  local ok, why = self:put(to, node)
  if not ok then
    return failure(why, "cannot rename %s to %s", from, to)
  end
  self:put(from, nil)
  return true
end

function operations.realpath(self, path)
  local node, at, code = self:find(path, true)
  if node then
    return at
  elseif at then
    return self.real.realpath(at)
  end
  return failure(code, "cannot resolve %s", path)
end

function operations.readlink(self, path)
  local node, real, code = self:find(path, false)
  if node and node.type == "link" then
    return node.target
  elseif not node and real then
    return self.real.readlink(real)
  end
  return failure(node and "EINVAL" or code, "cannot read the link %s", path)
end

-- The names of both file systems, where a directory is in both.
local function names_of(self, node, path)
  local names, seen = {}, {}
  for name in pairs(node.entries) do
    names[#names + 1], seen[name] = name, true
  end
  for _, name in ipairs(node.through and self.real.list(path) or {}) do
    names[#names + 1] = not seen[name] and name or nil
  end
  table.sort(names)
  return names
end

function operations.list(self, path, max)
  local node, at, code = self:find(path, true)
  if not node and at then
    return self.real.list(at, max)
  elseif not node or node.type ~= "directory" then
    return failure(node and "ENOTDIR" or code, "cannot list %s", path)
  end
  local names = names_of(self, node, at)
  if #names > (max or 100000) then
    return nil, ("%s holds more than %d entries"):format(path, max or 100000), "too_large"
  end
  return names
end

function operations.lstat(self, path)
  local node, real, code = self:find(path, false)
  if not node and real then
    return self.real.lstat(real)
  elseif not node then
    return failure(code, "cannot examine %s", path)
  end
  local size = node.type == "file" and #node.data or node.type == "link" and #node.target or 4096
  return {
    type = node.type, size = size, mode = node.mode, mtime = node.mtime or 0, uid = self.uid, dev = 1, ino = node.ino or 0,
    nlink = node.type == "directory" and 2 or 1,
  }
end

operations["type"] = function(self, path)
  local node, real, code = self:find(path, true)
  if node then
    return node.type
  elseif real then
    return self.real.type(real)
  end
  return failure(code, "cannot examine %s", path)
end

function operations.read(self, path, max, seconds)
  local node, real, code = self:find(path, true)
  if not node and real then
    return self.real.read(real, max, seconds)
  elseif not node or node.type == "directory" then
    return failure(node and "EISDIR" or code, "cannot read %s", path)
  elseif node.type ~= "file" then
    return nil, ("%s is not a regular file"):format(path), "invalid"
  elseif #node.data > (max or 1024 * 1024) then
    return nil, ("%s is larger than %d bytes"):format(path, max or 1024 * 1024), "too_large"
  end
  return node.data
end

function operations.read_own(self, path, max)
  local node, real = self:find(path, false)
  if not node and real then
    return self.real.read_own(real, max)
  elseif node and node.type == "link" then
    return failure("ELOOP", "cannot read %s", path)
  elseif node and node.type == "file" and node.mode & 63 ~= 0 then
    return nil, ("%s belongs to another user, or other users may use it"):format(path), "foreign"
  end
  return operations.read(self, path, max)
end

function operations.write_atomic(self, path, data, mode)
  local node = self:find(path, false)
  if node and node.type == "directory" then
    return failure("EISDIR", "cannot write %s", path)
  end
  local ok, code = self:put(path, { type = "file", data = data, mode = mode or 420 })
  if ok then
    return true
  end
  return failure(code, "cannot write %s", path)
end

local MemoryFile = {}
MemoryFile.__index = MemoryFile

function MemoryFile:path() return self.at end

function MemoryFile:close() self.files:put(self.at, nil) end

MemoryFile.__close = MemoryFile.close

function operations.memory_file(self, data)
  self.number = self.number + 1
  local file = setmetatable({ files = self, at = "/memory/" .. self.number }, MemoryFile)
  self:make "/memory"
  local ok, code = self:put(file.at, { type = "file", data = data, mode = 256 })
  if ok then return file end
  return failure(code, "cannot make a file in memory")
end

function operations.may_write(self, path)
  local node, real, code = self:find(path, true)
  if self.fault then
    return failure(self.fault, "cannot write to %s", path)
  elseif node or real and self.real.type(real) then
    return true -- what is written there is kept in memory
  end
  return failure(code or "ENOENT", "cannot write to %s", path)
end

function operations.free_bytes(self)
  return self.fault == "ENOSPC" and 0 or 1 << 40
end

return operations
