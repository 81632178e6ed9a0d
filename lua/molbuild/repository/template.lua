--- Checks a template's tree before the building program reads it. That program runs on this machine, as this user, and
--- would follow a link to a file outside of the template.
local build_files = require "molbuild.repository.build_files"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local text = require "molbuild.base.text"
local text_file = require "molbuild.base.text_file"

local template = {}

local FILE_MAX = 1024 * 1024 -- bytes of a .gitattributes
local LINKS_SHOWN = 3

--- Whether the target text of a link at DEPTH directories below the root leads out of the tree.
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

--- Call FN(path, stat, depth) for everything in a tree except directories. No link is followed; depth has no limit.
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

--- The links of a tree that lead out of it, directly or through other links.
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
    shown[index] = ("%s -> %s"):format(text.shown(links[index].path), text.shown(links[index].target))
  end
  if #links > LINKS_SHOWN then
    shown[#shown + 1] = ("and %d more"):format(#links - LINKS_SHOWN)
  end
  if #links > 0 then
    log.warn("links lead out of the template; docker does not follow them: %s", table.concat(shown, ", "))
  end
end

--- Warn about content that git could fetch, but does not fetch here.
local function warn_of_missing(dir)
  if core.fs.lstat(dir .. "/.gitmodules") then
    log.warn "the template has submodules; they are not fetched, and their directories stay empty"
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
    log.warn("the template keeps files in Git LFS; they are not fetched, only their pointer files are there (%s)",
      text.shown(where))
  end
end

--- Check a tree before it is built, and warn about surprises in it. A rejected tree is removed.
---@param dir string
---@param command string?  the program that will build it; docker when absent
---@param note string?  ends the message of an error of the kind template, in parentheses
---@raise template | failed
function template.check(dir, command, note)
  local ok, failure = pcall(function()
    build_files.check(dir, command or "docker")
    warn_of_links(dir)
    warn_of_missing(dir)
  end)
  if not ok then
    core.fs.remove_tree(dir)
    if note and errors.is(failure, "template") then
      failure.message = ("%s (%s)"):format(failure.message, note)
    end
    error(failure, 0)
  end
end

return template
