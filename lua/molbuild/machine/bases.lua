--- The images that a build begins with, by digest: as BuildKit reports them, or as the engine has them when the build ends. What is
--- not certain is unknown, in the record and in the labels.
local cache = require "molbuild.repository.cache"
local core = require "molbuild.core"
local dockerfile = require "molbuild.repository.dockerfile"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"
local json = require "molbuild.base.json"
local text = require "molbuild.base.text"

local bases = {}

local DOCKERFILE_MAX, METADATA_MAX = 1024 * 1024, 16 * 1024 * 1024
local DIGEST = "sha256:" .. ("%x"):rep(64)

---@class molbuild.BaseImage
---@field name string?  as the Dockerfile names it; nil: not known
---@field text string  the same with its variables
---@field digest string?  of the registry's manifest, or of the list of manifests; nil: not known
---@field digests string[]?  all that the engine has of it, where it has several
---@field id string?  the engine's, where the engine itself had the image
---@field final boolean?  whether the image that is built has its layers

-- Names -------------------------------------------------------------------------------------------------------------------

local function without_digest(name)
  return (name:gsub("@.*$", ""))
end

--- A name with its registry and its tag, as docker completes it.
---@param name string
---@return string  without a digest
function bases.qualified(name)
  local repository = without_digest(name)
  local first, rest = repository:match "^([^/]+)/(.+)$"
  if not first or not (first:find "[.:]" or first == "localhost") then
    repository = "docker.io/" .. (first and "" or "library/") .. repository
  elseif first == "docker.io" and not rest:find "/" then
    repository = "docker.io/library/" .. rest
  end
  local is_tagged = repository:match "[^/]*$":find ":" or name:find "@"
  return is_tagged and repository or repository .. ":latest"
end

local function repository_of(qualified)
  return (qualified:gsub(":[^:/]*$", ""))
end

-- The digests that an engine has of an image under a name, in a fixed order.
local function digests_of(found, name)
  local list, repository = {}, repository_of(bases.qualified(name))
  for _, known in ipairs(found.digests or {}) do
    local digest = known:match("@(" .. DIGEST .. ")$")
    if digest and repository_of(bases.qualified(known)) == repository then list[#list + 1] = digest end
  end
  table.sort(list)
  return list
end

-- Before the build ----------------------------------------------------------------------------------------------------------

local Bases = {}
Bases.__index = Bases

-- What the engine has under a name; nil where it has none, or cannot say.
local function ask(job, name)
  local ok, found = errors.try(job.engine.image, job.engine, name)
  return ok and found or nil
end

-- Whether the engine's own images are those that the build takes.
local function is_taken_from_engine(job)
  return not job.engine.has_buildx and not job.pull_base
end

--- Read which images a job's tree begins with.
---@param job table  with its tree, its builder, and perhaps the stage that is built, job.target
---@param build_args table<string, string>
---@return table bases  with labels(), settle() and the field metadata_file; to be closed
---@raise failed
function bases.find(job, build_args)
  local source = core.fs.read(job.dir .. "/Dockerfile", DOCKERFILE_MAX)
  local list = source and dockerfile.bases(source, { build_args = build_args, target = rawget(job, "target") })
  local self = setmetatable({ job = job, list = list or {}, is_known = list ~= nil, before = {} }, Bases)
  for _, base in ipairs(self.list) do
    base.digest = base.name and base.name:match("@(" .. DIGEST .. ")$")
    if base.name and not base.digest and is_taken_from_engine(job) then self.before[base.name] = ask(job, base.name) end
  end
  if job.engine.has_buildx then
    self.staging = cache.staging(job.cache, job.runtime)
    self.metadata_file = self.staging.path .. "/metadata.json"
  end
  return self
end

function Bases:__close()
  local _ <close> = self.staging
end

function Bases:final()
  for _, base in ipairs(self.list) do
    if base.final then return base end
  end
end

-- The name of a base for its label, where it is certain. An image of this machine's own is in no registry, and podman completes a
-- short name by its configuration: the names of the image show how.
local function whole_name(self, base)
  local name, found = base.name, self.before[base.name or ""]
  local is_own = found and #(found.digests or {}) == 0
  if not name or is_own then return name and without_digest(name) end
  if not self.job.engine.podman or name:find "^[^/]*[.:][^/]*/" or name:find "^localhost/" then return bases.qualified(name) end
  local ending = "/" .. name .. (name:match "[^/]*$":find ":" and "" or ":latest")
  for _, known in ipairs(found and found.tags or {}) do
    if known:sub(-#ending) == ending then return known end
  end
end

--- The labels with the name and the digest of the base image. What is not known is empty: an image inherits the labels of its base,
--- which name the base's own. An image from scratch has none.
---@return table<string, string>
function Bases:labels()
  local base = self:final()
  if self.is_known and not base then return {} end
  local name = base and whole_name(self, base)
  local digest = base and base.digest
  local found = base and not digest and base.name and self.before[base.name]
  if found and found.layers then digest = digests_of(found, base.name)[1] end -- which can be compared later
  self.promised = digest
  return { [image.LABEL.base_name] = name or "", [image.LABEL.base_digest] = digest or "" }
end

-- After it --------------------------------------------------------------------------------------------------------------------

local function note(pins, name, digest)
  if text.said(name) and text.said(digest) and ("sha256:" .. digest:gsub("^sha256:", "")):find("^" .. DIGEST .. "$") then
    pins[bases.qualified(name)] = "sha256:" .. digest:gsub("^sha256:", "")
  end
end

local function table_of(value)
  return type(value) == "table" and value or {}
end

-- A package URL of BuildKit's: pkg:docker/ghcr.io/org/name@tag?platform=linux%2Famd64
local function name_of_purl(uri)
  local name = text.said(uri) and uri:match "^pkg:docker/([^?#]+)"
  name = name and name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  return name and name:gsub("@", ":", 1)
end

-- The images of a build's provenance, in either form of SLSA.
local function note_provenance(pins, provenance)
  local definition = table_of(table_of(provenance).buildDefinition)
  for _, list in ipairs { table_of(table_of(provenance).materials), table_of(definition.resolvedDependencies) } do
    for _, item in ipairs(list) do
      note(pins, name_of_purl(table_of(item).uri), table_of(table_of(item).digest).sha256)
    end
  end
end

local function decoded(value)
  if type(value) ~= "string" then return table_of(value) end
  local inner = require("molbuild.base.base64").decode(value)
  return table_of(inner and json.decode(inner))
end

--- The digests of images in what buildx writes about a build.
---@param document string
---@return table<string, string> pins  by whole name
function bases.pins(document)
  local pins, metadata = {}, table_of(json.decode(document))
  for _, source in ipairs(table_of(decoded(metadata["containerimage.buildinfo"]).sources)) do
    if table_of(source).type == "docker-image" then note(pins, table_of(source).ref, source.pin) end
  end
  for key, value in pairs(metadata) do
    if key == "buildx.build.provenance" or type(key) == "string" and key:find "^buildx%.build%.provenance/" then
      note_provenance(pins, value)
    end
  end
  return pins
end

-- Whether one image's layers begin with those of another. Without the layers of both it is not known.
local function begins_with(built, base)
  if not built or not built.layers or not base.layers then return false end
  for index, layer in ipairs(base.layers) do
    if built.layers[index] ~= layer then return false end
  end
  return true
end

-- What the engine has under a base's name, if that is what the build used. BuildKit has images of its own: what it has fetched
-- again may be another one, and only layers prove that it used the engine's.
local function settle_by_engine(self, base, built)
  local job, before = self.job, self.before[base.name]
  local is_buildkit = job.builder == "buildkit"
  local now = not job.engine.has_buildx and not (is_buildkit and job.pull_base) and ask(job, base.name)
  if not now or before and before.id ~= now.id then return end
  if base.final and not begins_with(built, now) or not base.final and is_buildkit then return end
  local digests = digests_of(now, base.name)
  -- podman fetches an image that it has again, and may then know it by one more digest: the one of the label still names it.
  local still = base.final and text.is_one_of(self.promised, digests) and self.promised
  base.id, base.digest, base.digests = now.id, still or digests[1], digests[2] and digests or nil
end

-- The images that BuildKit names, of a file that only its frontend can read.
local function by_pins(pins)
  local list = {}
  for name, digest in pairs(pins) do list[#list + 1] = { name = name, text = name, digest = digest } end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Settle which images the build began with: sets job.bases. They stay unknown, nil, where nothing names them.
---@param built molbuild.Image?  the image that was built
---@raise build  a label names another base than the one that was used
function Bases:settle(built)
  local document = self.metadata_file and core.fs.read(self.metadata_file, METADATA_MAX)
  local pins = document and bases.pins(document) or {}
  for _, base in ipairs(self.list) do
    if base.name and not base.digest then
      base.digest = pins[bases.qualified(base.name)]
      if not base.digest then settle_by_engine(self, base, built) end
    end
  end
  self.job.bases = self.is_known and self.list or next(pins) and by_pins(pins) or nil
  local final = self:final()
  if self.promised and final.digest ~= self.promised then
    errors.raise {
      kind = "build", retry = true, code = "engine", hint = "run it again",
      message = ("%s: the base image %s was replaced while the image was built"):format(self.job.tag, final.name),
    }
  end
end

return bases
