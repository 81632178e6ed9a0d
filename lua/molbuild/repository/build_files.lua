--- The files of a tree that the building program itself reads, on this machine, as this user. Files that only the engine
--- reads from the build context are not among them. Each must be a regular file of the tree, reached through no link or
--- through links that stay inside the tree.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local build_files = {}

local FILE_MAX = 1024 * 1024 -- bytes
local LINKS_MAX = 40 -- in one path, as in Linux

--- The files that each program reads from a tree when `-f` names its Dockerfile.
local READ_BY = {
  -- docker itself, with either builder; buildx also reads a policy from a .rego file.
  docker = { "Dockerfile", ".dockerignore", "Dockerfile.dockerignore", "Dockerfile.rego" },
  -- podman uses buildah. It also reads a Containerfile and its ignore files when that is the file to build.
  podman = {
    "Dockerfile", ".containerignore", ".dockerignore", "Dockerfile.containerignore", "Dockerfile.dockerignore",
    "Containerfile", "Containerfile.containerignore", "Containerfile.dockerignore",
  },
}
READ_BY.buildah = READ_BY.podman

--- The files that a program reads. An unknown program may be any of them under another name, so it gets all files.
---@param command string  the program's name or path
---@return string[]
function build_files.read_by(command)
  local known = READ_BY[command:match "[^/]*$"]
  if known then
    return known
  end
  local all, seen = {}, {}
  for _, program in ipairs { "docker", "podman" } do
    for _, name in ipairs(READ_BY[program]) do
      all[#all + 1] = not seen[name] and name or nil
      seen[name] = true
    end
  end
  return all
end

local A_TYPE = { link = "a link", directory = "a directory", fifo = "a FIFO", socket = "a socket", device = "a device" }

-- Put the parts of PATH before those that are still to be walked.
local function put_first(rest, path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    parts[#parts + 1] = part
  end
  table.move(rest, 1, #rest, #parts + 1, parts)
  return parts
end

--- Resolve a path below DIR as the system would, link by link, but never outside of DIR, not even temporarily.
---@param dir string  not a link itself
---@param name string  relative to it
---@return molbuild.core.Stat?  of the path's target; never a link
---@return string? why  why it cannot be used: the problem with the link on the path
function build_files.resolve(dir, name)
  local here, rest, links = {}, put_first({}, name), 0
  local stat = { type = "directory" }
  while #rest > 0 do
    local part = table.remove(rest, 1)
    if stat.type ~= "directory" then -- only a link can lead here
      return nil, "leads nowhere"
    elseif part == ".." then
      if not table.remove(here) then
        return nil, "leads out of the tree"
      end
    elseif part ~= "." then
      here[#here + 1] = part
      local path = dir .. "/" .. table.concat(here, "/")
      local there, message, code = core.fs.lstat(path)
      stat = errors.must(there or code == "ENOENT" and {}, message, code)
      if not there then
        return nil, links > 0 and "leads nowhere" or message
      elseif stat.type == "link" then
        local target = errors.must(core.fs.readlink(path))
        links = links + 1
        if links > LINKS_MAX then
          return nil, "leads in a circle"
        elseif target:sub(1, 1) == "/" then
          return nil, "leads out of the tree"
        end
        table.remove(here)
        rest, stat = put_first(rest, target), { type = "directory" }
      end
    end
  end
  return stat
end

local function refuse_template(message, hint)
  errors.raise { kind = "template", message = message, hint = hint }
end

local function refuse(dir, name, what)
  local hint = ("%s is %s: it must be a regular file, or a link to one inside the tree"):format(name, what)
  if name == "Dockerfile" then -- operators search for these words
    refuse_template(("cloned tree at %s has no Dockerfile"):format(dir), hint)
  end
  refuse_template(("%s in the cloned tree at %s is %s"):format(name, dir, what), hint)
end

local function check_file(dir, name)
  local itself, message, code = core.fs.lstat(dir .. "/" .. name)
  errors.must(itself or code == "ENOENT", message, code)
  if not itself and name == "Dockerfile" then
    refuse_template(("cloned tree at %s has no Dockerfile"):format(dir), "add one at the root of the repository")
  elseif not itself then
    return
  end
  local stat, why = build_files.resolve(dir, name)
  if not stat or stat.type ~= "file" then
    local link = itself.type == "link" and ("a link (to %s) that "):format(text.shown(core.fs.readlink(dir .. "/" .. name)))
    refuse(dir, name, link and link .. (why or "leads to " .. A_TYPE[stat.type]) or A_TYPE[itself.type])
  elseif stat.size > FILE_MAX then
    refuse_template(("%s in the cloned tree at %s is larger than 1 MiB"):format(name, dir),
      ("it has %d bytes; move what the image needs into separate files"):format(stat.size))
  end
end

--- Check the files of a tree that a program will read.
---@param dir string
---@param command string  the program's name or path
---@raise template | failed
function build_files.check(dir, command)
  for _, name in ipairs(build_files.read_by(command)) do
    check_file(dir, name)
  end
end

return build_files
