--- A file that names the commit of each runtime: the one that `molbuild pin` writes, or a caller's own manifest of templates.
---
--- A runtime is found by the repository that it is built from, never by a name alone: a manifest may have several entries for one
--- runtime, and an entry may be called otherwise than its runtime.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local image = require "molbuild.engine.image"
local json = require "molbuild.base.json"
local log = require "molbuild.base.log"
local sha = require "molbuild.base.sha"
local text = require "molbuild.base.text"
local text_file = require "molbuild.base.text_file"

local manifest = {
  --- The most bytes of a file.
  MAX = 1024 * 1024,
  --- The version of the form that `molbuild pin` writes.
  VERSION = 1,
}

---@class molbuild.ManifestEntry
---@field place string  for messages: `pins[2]`
---@field name string?
---@field runtime string?
---@field repository string  as the file has it
---@field commit string
---@field pin table?  the whole object, in a file of `molbuild pin`

---@class molbuild.Manifest
---@field path string
---@field own boolean  whether `molbuild pin` wrote it
---@field entries molbuild.ManifestEntry[]

local function refuse(where, format, ...)
  errors.raise { kind = "usage", message = where .. ": " .. format:format(...) }
end

-- Reading -----------------------------------------------------------------------------------------------------------

-- The line and the column of the byte that a parser's message names.
local function place_of(source, message)
  local at = tonumber(message:match "at character (%d+)")
  if not at then return "" end
  local before = source:sub(1, at - 1)
  local line = select(2, before:gsub("\n", "")) + 1
  return (":%d:%d"):format(line, at - #(before:match ".*\n" or ""))
end

local function decoded(source, where)
  local value, message = json.decode(source)
  if message then
    refuse(where .. place_of(source .. "\n", message), "no JSON: %s", text.shown((message:gsub(" at character %d+$", ""))))
  elseif type(value) ~= "table" then
    refuse(where, "no manifest: the whole must be an object")
  end
  return value
end

-- A field that must have a type; null counts as absent.
local function field(object, name, type_name, where, optional)
  local value = object[name]
  if value == nil or type(value) == "userdata" then
    if not optional then refuse(where, "%s is missing", name) end
    return nil
  elseif type(value) ~= type_name or value == "" then
    refuse(where, "%s must be a %s, not %s", name, type_name == "string" and "text" or type_name,
      value == "" and "empty" or "a " .. type(value))
  end
  return value
end

-- JSON has one type for a list and an object here: what an empty one was is not known, and does not matter.
local function list_of(value, where)
  local count = 0
  for key in pairs(type(value) == "table" and value or { x = 1 }) do
    count = count + 1
    if math.type(key) ~= "integer" then refuse(where, "it must be a list") end
  end
  for index = 1, count do
    if type(value[index]) ~= "table" then refuse(("%s[%d]"):format(where, index - 1), "it must be an object") end
  end
  return value
end

local function commit_of(object, name, where)
  local commit = field(object, name, "string", where)
  local digits = commit:lower()
  if not sha.is(digits) then
    refuse(where, '%s "%s" is no commit id: 40 or 64 hex digits are needed', name, text.shown(commit))
  end
  return digits
end

-- The two forms of entries: the names of their fields.
local FORMS = {
  pins = { runtime = true, repository = "repository", commit = "commit" },
  workspace_templates = { name = true, repository = "repo", commit = "ref" },
}

local function entry_of(object, form, where, place)
  local at = where .. ": " .. place
  local entry = {
    place = place, name = field(object, "name", "string", at, true),
    runtime = field(object, "runtime", "string", at, not form.runtime),
    repository = field(object, form.repository, "string", at), commit = commit_of(object, form.commit, at),
    pin = form.runtime and object or nil,
  }
  field(object, "private", "boolean", at, true)
  return entry
end

-- A name that two entries have is a mistake of the file's: it does not say which of them is meant.
local function check_names(entries, key, where)
  local seen = {}
  for _, entry in ipairs(entries) do
    local name = entry[key]
    local other = name and seen[name]
    if other then
      refuse(where, '%s and %s both have the %s "%s"', other.place, entry.place, key, text.shown(name))
    end
    seen[name or ""] = name and entry or nil
  end
end

local function parsed(source, where)
  local value = decoded(source, where)
  local kind = value.pins ~= nil and "pins" or "workspace_templates"
  if value[kind] == nil then
    refuse(where, 'no manifest: it has neither "pins" nor "workspace_templates"')
  elseif kind == "pins" and value.version ~= manifest.VERSION then
    local version = value.version
    refuse(where, "version must be %d, not %s", manifest.VERSION,
      type(version) == "number" and ("%.14g"):format(version) or text.shown(version))
  end
  local entries = {}
  for index, object in ipairs(list_of(value[kind], where .. ": " .. kind)) do
    entries[index] = entry_of(object, FORMS[kind], where, ("%s[%d]"):format(kind, index - 1))
  end
  check_names(entries, kind == "pins" and "runtime" or "name", where)
  return { own = kind == "pins", entries = entries }
end

--- Read a manifest.
---@param path string
---@param setting string?  the setting that names the file, for messages
---@return molbuild.Manifest
---@raise usage  the file is missing, too large, no JSON, or not in one of the two forms; with the place
---@raise failed  the file cannot be read
function manifest.read(path, setting)
  local where = (setting and setting .. ": " or "") .. path
  local source, message, code = text_file.read(path, manifest.MAX)
  if not source then
    local words = code == "too_large" and ("it has more than %d bytes"):format(manifest.MAX) or message
    errors.raise {
      kind = errors.hint(code) and "failed" or "usage", code = code, hint = errors.hint(code),
      message = words:find(path, 1, true) and (setting and setting .. ": " or "") .. words or where .. ": " .. words,
    }
  end
  local found = parsed(source, where)
  found.path, found.where = path, where
  return found
end

-- Finding a runtime -------------------------------------------------------------------------------------------------

--- The name of a repository: the last part of its path.
---@param repository string  a URL, "org/name", "host:org/name"
---@return string
function manifest.repository_name(repository)
  return (repository:gsub("/+$", ""):gsub("%.git$", ""):match "[^/:]*$")
end

-- Whether a repository is called NAME without the words in front: workspace-template-hermes for
-- acme-workspace-template-hermes. The runtime's name must be a part of it.
local function is_shorter(name, whole, runtime)
  local has_runtime = name == runtime or name:sub(-#runtime - 1) == "-" .. runtime
  return has_runtime and whole:sub(-#name - 1) == "-" .. name
end

local function matching(entries, matches)
  local list = {}
  for _, entry in ipairs(entries) do
    if matches(entry) then list[#list + 1] = entry end
  end
  return #list > 0 and list or nil
end

-- The entries for a runtime: by our own file its name, else the repository's whole path, else its name, else an ending of that.
local function candidates(found, runtime, url)
  local whole, name = url:gsub("/+$", ""):gsub("%.git$", ""), manifest.repository_name(url)
  if found.own then
    return matching(found.entries, function(entry) return entry.runtime == runtime end)
  end
  local function is_path(entry)
    local path = entry.repository:gsub("/+$", ""):gsub("%.git$", "")
    return path:find("/", 1, true) and ("/" .. whole):sub(-#path - 1) == "/" .. path or path == whole
  end
  return matching(found.entries, is_path)
    or matching(found.entries, function(entry) return manifest.repository_name(entry.repository) == name end)
    or matching(found.entries, function(entry) return is_shorter(manifest.repository_name(entry.repository), name, runtime) end)
end

local function title(entry)
  local name = entry.name or entry.runtime
  return name and ('%s ("%s")'):format(entry.place, text.shown(name)) or entry.place
end

-- Why no entry is used: perhaps one has the runtime's name, but another repository.
local function refuse_missing(found, runtime, url)
  for _, entry in ipairs(found.entries) do
    if entry.name == runtime or entry.runtime == runtime then
      refuse(found.where, "%s is not the template of the runtime %s: its repository is %s, not %s", title(entry), runtime,
        text.shown(entry.repository), core.mask.url(url))
    end
  end
  errors.raise {
    kind = "usage", message = ("%s: it does not name the runtime %s (%s)"):format(found.where, runtime, core.mask.url(url)),
    hint = "add the runtime to the file, or run without the file",
  }
end

--- The entry of a runtime.
---@param found molbuild.Manifest
---@param runtime string
---@param url string  the repository that the runtime is built from
---@return molbuild.ManifestEntry
---@raise usage  the file does not name the runtime, or has two commits for it
function manifest.find(found, runtime, url)
  local list = candidates(found, runtime, url)
  local entry = list and list[1]
  if not entry or found.own and manifest.repository_name(entry.repository) ~= manifest.repository_name(url) then
    refuse_missing(found, runtime, url)
  end
  for _, other in ipairs(list) do
    if other.commit ~= entry.commit then
      refuse(found.where, "%s and %s name two commits of one repository: which is the runtime %s?", title(entry), title(other),
        runtime)
    end
  end
  return entry
end

--- All that a file pins: its commits, and the ids of the images in a file of `molbuild pin`.
---@param path string
---@param setting string?  as of manifest.read
---@return table<string, true>
---@raise usage | failed
function manifest.pinned(path, setting)
  local all = {}
  for _, entry in ipairs(manifest.read(path, setting).entries) do
    all[entry.commit] = true
    local images = entry.pin and entry.pin.images
    for _, id in pairs(type(images) == "table" and images or {}) do
      if type(id) == "string" then all[id] = true end
    end
  end
  return all
end

--- The commit of a job without a look at its branch: the digest of its working tree, the one that was asked for, else that of its
--- manifest, else that of the newest image on this machine. Sets job.commit and job.pinned, or job.offline_age.
---@param job table
---@param tag_of fun(job: table): string  as of offline.head
---@return string commit
---@raise usage | failed | remote | missing_tool
function manifest.head(job, tag_of)
  if job.working_tree then return require("molbuild.machine.working_tree").digest(job) end
  if not job.commit and job.manifest then
    job.commit = manifest.commit(job.manifest, job.runtime, job.repo_url, job.variables.manifest)
    job.pinned = job.manifest
  end
  return job.commit or require("molbuild.machine.offline").head(job, tag_of)
end

local read_before = {}

--- The commit that a file names for a runtime. The file is read once per process.
---@param path string
---@param runtime string
---@param url string
---@param setting string?  as of manifest.read
---@return string commit
---@raise usage | failed
function manifest.commit(path, runtime, url, setting)
  read_before[path] = read_before[path] or manifest.read(path, setting)
  return manifest.find(read_before[path], runtime, url).commit
end

--- Forget what files said: a run that lasts reads them again.
function manifest.forget()
  read_before = {}
end

-- What a job must be built from, and what names it; nil where the branch decides.
local function wanted_by(job)
  if job.working_tree then
    return ((job.labels or {})[image.LABEL.revision] or ""):match "^dev%-(%x+)$" or "its digest", "--dir"
  elseif job.commit then
    return job.commit, job.pinned and job.variables.manifest or "--commit"
  elseif job.manifest then
    return manifest.commit(job.manifest, job.runtime, job.repo_url, job.variables.manifest), job.variables.manifest
  end
end

--- Check that a fork's own head gave what was asked for. One that looks the branch up itself knows nothing of a given commit, and
--- its own would be built without a message. Offline it may have used the network: that is a warning.
---@param job table  with its commit
---@param head fun(job: table): string
---@raise bug | usage | failed
function manifest.obeyed(job, head)
  if expect.is_shipped(head) then return end
  local place, hint = expect.place(head), "it must give what the head that it replaces gives then (local head = ensure.head)"
  local wanted, by = wanted_by(job)
  if wanted and job.sha ~= wanted then
    errors.raise { kind = "bug", message = ("%shead gave %s, but %s names %s"):format(place, job.sha, by, wanted), hint = hint }
  elseif not wanted and job.offline and not job.offline_age then
    log.warn("%shead gave a commit of its own, with %s=1: it may have used the network", place, job.variables.offline)
  end
end

return manifest
