--- A template's tree, looked at before the building program reads it: that runs on this machine, as this user, and would
--- follow a link to a file that is none of the template's.
local build_files = require "molbuild.repository.build_files"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local text_file = require "molbuild.base.text_file"

local template = {}

local FILE_MAX = 1024 * 1024 -- bytes of a .gitattributes
local LINKS_SHOWN = 3

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

--- Call FN(path, stat, depth) for all that is in a tree but its directories. No link is followed, and no tree is too deep.
local function each_file(dir, fn)
  local waiting = { { path = dir, depth = 0 } }
  while #waiting > 0 do
    local here = table.remove(waiting)
    for _, name in ipairs(errors.must(core.fs.list(here.path, math.maxinteger))) do
      local path = here.path .. "/" .. name
      local stat = errors.must(core.fs.lstat(path))
      if stat.type == "directory" then
        waiting[#waiting + 1] = { path = path, depth = here.depth + 1 }
      else
        fn(path, stat, here.depth)
      end
    end
  end
end

--- The links of a tree that lead out of it: by their words, or through other links.
---@param dir string
---@return { path: string, target: string }[]  paths relative to the tree
---@raise failed
function template.links_out(dir)
  local root, links = errors.must(core.fs.realpath(dir)) .. "/", {}
  each_file(dir, function(path, stat, depth)
    if stat.type ~= "link" then
      return
    end
    local target, ends_at = errors.must(core.fs.readlink(path)), core.fs.realpath(path)
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
  local where
  each_file(dir, function(path, stat)
    local named = not where and path:sub(-15) == "/.gitattributes" and stat.type == "file"
    local attributes = named and text_file.read(path, FILE_MAX)
    if attributes and ("\n" .. attributes):find "\n[^#\n]*%sfilter=lfs%f[%s\0]" then
      where = path:sub(#dir + 2)
    end
  end)
  if where then
    log.warn("the template keeps files in Git LFS: they are not fetched, what stands there are pointers to them (%s)",
      names.shown(where))
  end
end

--- Check a tree before it is built, and say what in it will not be as its author may think. One that is no good is removed.
---@param dir string
---@param command string?  the program that will build it; docker when absent
---@raise template | failed
function template.check(dir, command)
  local ok, failure = pcall(function()
    build_files.check(dir, command or "docker")
    warn_of_links(dir)
    warn_of_missing(dir)
  end)
  if not ok then
    core.fs.remove_tree(dir)
    error(failure, 0)
  end
end

return template
