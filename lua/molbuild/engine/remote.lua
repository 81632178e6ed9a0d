--- What a registry has under a name now: asked by the engine itself, else by its program, which has the credentials. Nothing is
--- pulled.
local child = require "molbuild.base.child"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"

local remote = {
  --- Seconds for one question.
  TIMEOUT = 20,
}

local ANSWER_MAX = 4 * 1024 * 1024
local DIGEST = "^sha256:" .. ("%x"):rep(64) .. "$"

---@class molbuild.Remote
---@field root string?  the digest of what the name leads to: a manifest, or a list of manifests
---@field manifests table<string, true>  those of single platforms
---@field configs table<string, true>  the digests of their configurations, by which engines name images

local function empty()
  return { manifests = {}, configs = {} }
end

local function digest_of(value)
  local digest = type(value) == "table" and value.digest
  return type(digest) == "string" and digest:find(DIGEST) and digest or nil
end

local function add(set, value)
  local digest = digest_of(value)
  if digest then set[digest] = true end
end

-- The engine, without credentials: its own settings of registries and proxies hold.
local function ask_engine(engine, ref, seconds)
  if not engine.api or engine.podman then return nil end
  local answer = engine.api:value("GET", ("/distribution/%s/json"):format(ref), seconds)
  local found = empty()
  found.root = type(answer) == "table" and digest_of(answer.Descriptor) or nil
  return found.root and found or nil
end

-- A list of manifests, or one manifest.
local function note_manifest(found, manifest)
  if type(manifest) ~= "table" then return end
  for _, entry in ipairs(type(manifest.manifests) == "table" and manifest.manifests or {}) do add(found.manifests, entry) end
  add(found.configs, manifest.config)
end

-- What `docker manifest inspect -v` prints: one entry for each platform. Its list has no digest of its own.
local function note_verbose(found, answer)
  for _, entry in ipairs(answer[1] and answer or { answer }) do
    if type(entry) == "table" then
      add(found.manifests, entry.Descriptor)
      for _, name in ipairs { "SchemaV2Manifest", "OCIManifest" } do note_manifest(found, entry[name]) end
    end
  end
  if not answer[1] then found.root = digest_of(answer.Descriptor) end
end

-- What `docker buildx imagetools inspect` prints: the digest, and with a list those of its manifests.
local function note_imagetools(found, answer)
  found.root = digest_of(answer)
  note_manifest(found, answer)
end

-- The program's question, and the function that reads its answer.
local function question_of(engine, ref)
  if engine.podman then
    return { "manifest", "inspect", ref }, note_manifest
  elseif engine.has_buildx then
    return { "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", ref }, note_imagetools
  end
  -- The engine speaks http with a registry of this machine; this command of the program's does so only with this option.
  local is_here = ref:find "^127%.%d+%.%d+%.%d+[:/]" or ref:find "^localhost[:/]"
  return { "manifest", "inspect", "-v", is_here and "--insecure" or ref, is_here and ref or nil }, note_verbose
end

local function ask_program(engine, ref, seconds)
  local argv, read = question_of(engine, ref)
  local ok, result = errors.try(engine.run, engine, argv, { capture = ANSWER_MAX, silent = true, timeout = seconds })
  if not ok then return nil, result.message end
  if result.code ~= 0 then return nil, child.last_words(result) end
  local answer, found = json.decode(result.stdout), empty()
  if type(answer) == "table" then read(found, answer) end
  if not found.root and not next(found.manifests) and not next(found.configs) then
    return nil, ("%s gave no usable answer"):format(engine.command)
  end
  return found
end

--- Ask what a registry has under a name now.
---@param engine molbuild.Engine  whose builder() has been asked
---@param ref string  a name with its tag
---@param seconds number?  for each of at most two questions; TIMEOUT when absent
---@return molbuild.Remote?  nil when no answer can be used
---@return string? message  why
---@raise cancelled
function remote.find(engine, ref, seconds)
  local found = ask_engine(engine, ref, seconds or remote.TIMEOUT)
  if found then return found end
  return ask_program(engine, ref, seconds or remote.TIMEOUT)
end

return remote
