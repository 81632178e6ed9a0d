--- A template's tree, looked at before the docker CLI reads it: that program runs on this machine, as this user, and
--- would follow a link to a file that is none of the template's.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local log = require "molbuild.log"
local names = require "molbuild.names"

local template = {}

local FILE_MAX = 1024 * 1024 -- bytes of what the docker CLI reads itself
local LINKS_SHOWN = 3

--- What the docker CLI reads itself, not the engine out of the build context.
local READ_BY_CLI = { "Dockerfile", ".dockerignore", "Dockerfile.dockerignore" }

local A_TYPE = { link = "a link", directory = "a directory", fifo = "a FIFO", socket = "a socket", device = "a device" }

local function malformed(message, hint)
  errors.raise { kind = "template", message = message .. " (template repo malformed)", hint = hint }
end

local function check_files(dir)
  for _, name in ipairs(READ_BY_CLI) do
    local stat, message, code = core.fs.lstat(dir .. "/" .. name)
    if not stat and code ~= "ENOENT" then
      errors.raise { kind = "failed", message = message, code = code }
    elseif not stat and name == "Dockerfile" then
      malformed(("cloned tree at %s has no Dockerfile"):format(dir), "put one at the root of the repository")
    elseif stat and stat.type ~= "file" then
      local what = A_TYPE[stat.type]
      local hint = ("%s is %s: it must be a regular file"):format(name, what)
      if name == "Dockerfile" then -- said in the words that operators look for
        malformed(("cloned tree at %s has no Dockerfile"):format(dir), hint)
      end
      malformed(("%s in the cloned tree at %s is %s"):format(name, dir, what), hint)
    elseif stat and stat.size > FILE_MAX then
      malformed(("%s in the cloned tree at %s is larger than 1 MiB"):format(name, dir),
        ("it has %d bytes; what the image needs besides belongs into files of its own"):format(stat.size))
    end
  end
end

--- Whether a link at DEPTH directories below the root leads out of it, by its words alone.
local function leads_out(target, depth)
  if target:sub(1, 1) == "/" then
    return true
  end
  for part in target:gmatch "[^/]+" do
    if part == ".." then
      depth = depth - 1
      if depth < 0 then
        return true
      end
    elseif part ~= "." then
      depth = depth + 1
    end
  end
  return false
end

--- Call FN(path, depth) for every link in a tree. No link is followed, and no tree is too deep.
local function each_link(dir, fn)
  local waiting = { { path = dir, depth = 0 } }
  while #waiting > 0 do
    local here = table.remove(waiting)
    local entries, message, code = core.fs.list(here.path, math.maxinteger)
    if not entries then
      errors.raise { kind = "failed", message = message, code = code }
    end
    for _, name in ipairs(entries) do
      local path = here.path .. "/" .. name
      local stat = core.fs.lstat(path)
      if stat and stat.type == "directory" then
        waiting[#waiting + 1] = { path = path, depth = here.depth + 1 }
      elseif stat and stat.type == "link" then
        fn(path, here.depth)
      end
    end
  end
end

--- The links of a tree that lead out of it: by their words, or through other links.
---@param dir string
---@return { path: string, target: string }[]  paths relative to the tree
---@raise failed
function template.links_out(dir)
  local root, links = core.fs.realpath(dir) .. "/", {}
  each_link(dir, function(path, depth)
    local target, ends_at = core.fs.readlink(path) or "?", core.fs.realpath(path)
    if leads_out(target, depth) or ends_at and (ends_at .. "/"):sub(1, #root) ~= root then
      links[#links + 1] = { path = path:sub(#dir + 2), target = target }
    end
  end)
  return links
end

local function warn_of_links(dir)
  local links, shown = template.links_out(dir), {}
  for index = 1, math.min(#links, LINKS_SHOWN) do
    shown[index] = ("%s -> %s"):format(names.shown(links[index].path), names.shown(links[index].target))
  end
  if #links > LINKS_SHOWN then
    shown[#shown + 1] = ("and %d more"):format(#links - LINKS_SHOWN)
  end
  if #links > 0 then
    log.warn("links lead out of the template, docker does not follow them: %s", table.concat(shown, ", "))
  end
end

--- Say what git would have fetched besides, had it been let.
local function warn_of_missing(dir)
  if core.fs.lstat(dir .. "/.gitmodules") then
    log.warn "the template has submodules: they are not fetched, their directories are empty"
  end
  local stat = core.fs.lstat(dir .. "/.gitattributes")
  local attributes = stat and stat.type == "file" and core.fs.read(dir .. "/.gitattributes", FILE_MAX)
  if attributes and ("\n" .. attributes):find "\n[^#\n]*%sfilter=lfs%f[%s\0]" then
    log.warn "the template keeps files in Git LFS: they are not fetched, what stands there are pointers to them"
  end
end

--- Check a tree before it is built, and say what in it will not be as its author may think. One that is no good is removed.
---@param dir string
---@raise template | failed
function template.check(dir)
  local ok, failure = pcall(function()
    check_files(dir)
    warn_of_links(dir)
    warn_of_missing(dir)
  end)
  if not ok then
    core.fs.remove_tree(dir)
    error(failure, 0)
  end
end

return template
