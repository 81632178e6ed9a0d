--- A bare, shallow repository that is kept between runs, so that a new commit transfers only its changes. It is a cache and
--- is not trusted: before git may read it, it is restored to the one form described here. If that fails, it is removed and
--- everything is fetched again.
local access = require "molbuild.base.access"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local fetch = require "molbuild.repository.fetch"

local kept = {}

--- The commit that the repository holds; git offers it to the server.
local HEAD = fetch.HEAD

local PRIVATE_DIR, PRIVATE_FILE = 448, 384

--- No filter of the template or the user runs when files are written. git's own conversions by a template's attributes
--- (line ends, encodings, ident) run as in any clone.
local ATTRIBUTES = "* -filter\n"

local function must(ok, message, code)
  return errors.must(ok, message, code, { hint = access.hint(code, message or "") })
end

local function type_of(path)
  local stat = core.fs.lstat(path)
  return stat and stat.type
end

local function text_of(path)
  return type_of(path) == "file" and core.fs.read(path, 65536) or nil
end

--- Make PATH a private directory that contains only the names in WANTED.
local function hold_only(path, wanted)
  if type_of(path) ~= "directory" then
    must(core.fs.remove_tree(path))
  end
  must(core.fs.mkdirp(path, PRIVATE_DIR))
  for _, name in ipairs(must(core.fs.list(path))) do
    if not wanted[name] then
      must(core.fs.remove_tree(path .. "/" .. name))
    end
  end
end

local function hold_file(path, text)
  if text_of(path) ~= text then
    must(core.fs.remove_tree(path))
    must(core.fs.write_atomic(path, text, PRIVATE_FILE))
  end
end

--- The complete packs, as { ["pack-<id>.pack"] = true, ["pack-<id>.idx"] = true }. A killed fetch leaves other files.
---@param dir string  the directory of the packs
---@return table<string, true>
function kept.whole_packs(dir)
  local there, whole = {}, {}
  for _, name in ipairs(type_of(dir) == "directory" and core.fs.list(dir) or {}) do
    there[name] = true
  end
  for name in pairs(there) do
    local id = name:match "^(pack%-%x+)%.pack$"
    if id and there[id .. ".idx"] then
      whole[name], whole[id .. ".idx"] = true, true
    end
  end
  return whole
end

--- The only configuration that a kept repository may have. It contains a digest of the origin: objects from another origin,
--- or of the other object format, are not used.
---@param url string
---@param commit string
---@return string
function kept.configuration(url, commit)
  local format = #commit == 64 and "[extensions]\n\tobjectFormat = sha256\n" or ""
  return ("[core]\n\trepositoryFormatVersion = %d\n\tbare = true\n%s# origin %s\n"):format(
    #commit == 64 and 1 or 0, format, core.sha256.hex(url))
end

--- The commit that the repository holds, or the reason why it is unusable; nil, nil when it is empty.
local function inspect(options, config)
  local path = options.repository
  local stat = core.fs.lstat(path)
  if not stat then
    return nil
  elseif stat.type ~= "directory" or stat.uid ~= core.sys.uid() and stat.uid ~= must(core.fs.lstat(options.parent)).uid then
    return nil, "it belongs to another user"
  elseif text_of(path .. "/config") ~= config then
    return nil, "it has another origin"
  end
  local line = text_of(path .. "/" .. HEAD)
  local held = line and #line == #options.commit + 1 and line:match "^(%x+)\n$"
  return held or nil, line and not held and "it names no commit" or nil
end

--- Restore the repository to its form: other files in it, of a killed run for example, are removed. Returns the commit that
--- it holds; without one it is empty.
---@param options molbuild.TreeOptions
---@return string? held
---@return string? complaint  why it was emptied
function kept.restore(options)
  local path, config = options.repository, kept.configuration(options.url, options.commit)
  local held, complaint = inspect(options, config)
  if not held then
    must(core.fs.remove_tree(path))
  end
  hold_only(path, { HEAD = true, config = true, info = true, objects = true, refs = true, shallow = true })
  hold_file(path .. "/config", config)
  hold_file(path .. "/HEAD", "ref: refs/heads/none\n")
  hold_only(path .. "/info", { attributes = true })
  hold_file(path .. "/info/attributes", ATTRIBUTES)
  hold_only(path .. "/refs", { molbuild = true })
  hold_only(path .. "/refs/molbuild", { head = true })
  hold_only(path .. "/objects", { pack = true })
  hold_only(path .. "/objects/pack", kept.whole_packs(path .. "/objects/pack"))
  return held, complaint
end

return kept
