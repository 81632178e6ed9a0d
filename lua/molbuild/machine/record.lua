--- The record of a build: what was built from what, or why it failed. A record is a file beside the build's tree, and is never
--- believed more than the engine.
---
--- That of a successful build is an in-toto Statement with SLSA provenance:
--- https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance
local amounts = require "molbuild.base.amounts"
local core = require "molbuild.core"
local demands = require "molbuild.engine.demands"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"
local log = require "molbuild.base.log"
local pending = require "molbuild.machine.pending"
local record_file = require "molbuild.machine.record_file"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local record = {}

local STATEMENT = "https://in-toto.io/Statement/v1"
local PROVENANCE = "https://slsa.dev/provenance/v1"
local FAILURE = "urn:molbuild:failure:v1"
local BUILD = "urn:molbuild:build:v1"
local BUILDER = "urn:molbuild:builder:v1"

-- The order of a record's fields.
local FIRST = { "_type", "subject", "predicateType", "predicate" }

--- The most bytes of a record, and of its signature.
record.MAX, record.SIGNATURE_MAX = record_file.MAX, record_file.SIGNATURE_MAX

---@class molbuild.Record
---@field path string  the file
---@field runtime string
---@field image string  name and tag
---@field image_id string?  the engine's id, of a build that succeeded
---@field commit string  of a working tree: its digest
---@field repository string  URL, without credentials
---@field branch string  "" for a working tree
---@field platform string
---@field asked string?  the commit that was asked for, or pinned: the branch was not looked up
---@field inputs table<string, string>
---@field build_args table<string, string>
---@field policy { name: string, sha256: string }
---@field builder string?  buildkit or classic
---@field started integer  seconds since 1970
---@field finished integer
---@field seconds number  by a clock that cannot be set
---@field max_files number?  the bounds of the template; nil: none
---@field max_bytes number?
---@field engine string?  the program that builds
---@field bases { name: string, digest: string?, id: string?, digests: string[]? }[]  the images that the build began with
---@field unknown_bases string[]  how the Dockerfile writes those that are not known; "?" for all
---@field demands table  as of demands.recorded
---@field error molbuild.RecordError?  of a build that failed
---@field signer molbuild.Signer?  of the commit, when it was built
---@field verified molbuild.Verdict?  what the step verify found of the image before it got its tag

---@class molbuild.RecordError
---@field kind string
---@field exit integer
---@field message string
---@field hint string?
---@field log string?
---@field step string?
---@field code string?  what the engine's program named as the cause
---@field retry boolean  whether the same call may have succeeded later
---@field pulled boolean?  it is about an image of a shared registry, and none was built

--- The file of the record of an image.
---@param cache string  the cache's directory
---@param runtime string
---@param image string  name and tag
---@return string
function record.path(cache, runtime, image)
  return record_file.path(cache, runtime, image)
end

-- Writing -----------------------------------------------------------------------------------------------------------

-- An empty table has no form of its own in JSON.
local function map_of(map)
  return next(map or {}) ~= nil and map or nil
end

-- A working tree has a digest of its own, which git does not know.
local function source_of(job)
  return job.working_tree and { sha256 = job.sha } or { gitCommit = job.sha }
end

--- A bound as a record has it: none is absent, since JSON has no infinity.
---@param number number?
---@return number?
function record.bound(number)
  return number and number < math.huge and number or nil
end

-- The images that the build began with, beside its source; and the texts of those that are not known.
local function dependencies(job, source)
  local list, unknown = { source }, {}
  for _, base in ipairs(job.bases or {}) do
    if base.name then
      list[#list + 1] = {
        name = base.name, uri = "docker-image://" .. base.name, digest = base.digest and { sha256 = base.digest:match "%x+$" },
        annotations = (base.id or base.digests) and { id = base.id, digests = base.digests } or nil,
      }
    else
      unknown[#unknown + 1] = base.text
    end
  end
  if not job.bases then unknown[1] = job.image_id and "?" end -- a failed build may have begun with none
  return list, unknown[1] and unknown or nil
end

-- What a build depended on, whether it succeeded or not. Its masked texts hold no secret, in whatever field.
local function definition(job)
  local policy, url = task.scope().policy, core.mask.url(job.repo_url)
  local list, unknown = dependencies(job, {
    uri = job.working_tree and url or ("git+%s@refs/heads/%s"):format(url, job.branch), digest = source_of(job),
  })
  return {
    buildType = BUILD,
    externalParameters = {
      runtime = job.runtime, image = job.tag, platform = job.target_platform,
      branch = not job.working_tree and job.branch or nil, commit = job.commit, workingTree = job.working_tree,
      buildArgs = map_of(job.build_args), labels = map_of(job.labels),
      maxFiles = record.bound(job.max_files), maxBytes = record.bound(job.max_bytes), demands = demands.recorded(job),
    },
    internalParameters = {
      policy = policy and policy(), inputs = map_of(job.inputs), builder = job.builder, engine = job.engine and job.engine.command,
      unknownBases = unknown,
    },
    resolvedDependencies = list,
  }
end

local function statement(job, details, failure)
  local predicate = { buildDefinition = definition(job), runDetails = details }
  if failure then
    local shown = errors.fields(failure)
    predicate.error = {
      kind = shown.kind, exit = shown.exit, message = shown.message, hint = shown.hint, log = shown.log, step = shown.step,
      code = failure.code, retry = shown.retry, pulled = failure.pulled,
    }
  end
  return {
    _type = STATEMENT,
    subject = { { name = job.tag, digest = not failure and { sha256 = job.image_id:match "%x+$" } or source_of(job) } },
    predicateType = failure and FAILURE or PROVENANCE, predicate = predicate,
  }
end

local function masked(value)
  if type(value) == "string" then return core.mask.text(text.valid(value, "\u{FFFD}")) end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[masked(key)] = masked(item) end
  return copy
end

local function document_of(self, failure)
  local job = self.job
  local details = {
    builder = { id = BUILDER, version = { molbuild = task.scope().version } },
    metadata = {
      molbuild_signer = job.signer,
      startedOn = amounts.date(self.started), finishedOn = amounts.date(), molbuild_seconds = core.sys.monotonic() - self.since,
      molbuild_verified = not failure and job.verified or nil,
    },
  }
  return require("molbuild.progress.encode").object(masked(statement(job, details, failure)), FIRST) .. "\n"
end

-- A record is for later runs; a run does not fail because it cannot be written. A build that failed leaves the former image its
-- tag, and so its record, without which that image would be neither attested nor the last good one.
local function write(self, failure)
  local path = record.path(self.job.cache, self.job.runtime, self.job.tag)
  local former = failure and record.peek(path)
  local put = former and not former.error and record_file.put_failed or record_file.put
  local ok, message = put(path, document_of(self, failure))
  if not ok then log.warn("no record of the build was written: %s: %s", path, message) end
end

local Open = {}
Open.__index = Open

--- Begin the record of an attempt to take an image from elsewhere: when an error closes it, that is recorded as of a build.
---@param job table
---@return table  to be closed
function record.attempt(job)
  return setmetatable({ job = job, started = os.time(), since = core.sys.monotonic() }, Open)
end

--- Begin the record of a build. It is written when it is closed: as a success after good(), as a failure when an error closes
--- it, and not at all otherwise, or after a cancellation.
---@param job table  with `signing_key`, good() signs the record
---@return { good: fun(self: table), sign: fun(self: table) }  to be closed
---@raise usage | timeout | missing_tool | failed  the signing key cannot be used
function record.begin(job)
  if job.signing_key or job.attested then require("molbuild.machine.signing").check_key(job) end
  return record.attempt(job)
end

--- Write the record of the image that was built, with a signature, if the job has a signing key. An image that cannot be signed
--- is an error: call this before the image gets its tag. Until good() the record of the former image stays.
---@raise usage | auth | timeout | missing_tool | failed
function Open:sign()
  if self.is_written or not self.job.signing_key then return end
  if not self.job.image_id then
    errors.raise { kind = "failed", message = ("%s cannot be signed: the engine does not say its id"):format(self.job.tag) }
  end
  local document = document_of(self)
  pending.keep(self.job, self.job.image_id, document, require("molbuild.machine.signing").sign(self.job, document))
  self.is_written = true
end

--- The build has succeeded, and its image was found to be the right one. Signs the record, unless that was done before.
---@raise usage | auth | timeout | missing_tool | failed
function Open:good()
  self:sign()
  if self.is_written then pending.settle(self.job, self.job.image_id) end
  self.is_good = true
end

function Open:__close(failure)
  if failure ~= nil then
    failure = errors.object(failure)
    if not errors.is_cancelled(failure) then write(self, failure) end
  elseif self.is_good and self.job.image_id and not self.is_written then
    write(self)
  end
end

--- Forget that a build of a job's image has failed: there is one now, which was not built here. The record of a build that
--- succeeded stays.
---@param job table  with its tag
function record.recovered(job)
  local path = record.path(job.cache, job.runtime, job.tag)
  core.fs.remove_tree(record_file.failed(path))
  local found = record.peek(path)
  if found and found.error then core.fs.remove_tree(path) end
end

-- Reading -----------------------------------------------------------------------------------------------------------

local function table_of(value)
  return type(value) == "table" and value or {}
end

local function text_of(value)
  return type(value) == "string" and value or nil
end

local function texts_of(value)
  local list = {}
  for _, item in ipairs(table_of(value)) do list[#list + 1] = text_of(item) end
  return list[1] and list or nil
end

local function error_of(value)
  local given = table_of(value)
  return {
    kind = text_of(given.kind) or "failed", exit = math.type(given.exit) and math.tointeger(given.exit) or 1,
    message = text_of(given.message) or "it failed", hint = text_of(given.hint), log = text_of(given.log),
    step = text_of(given.step), code = text_of(given.code), retry = given.retry ~= false,
    pulled = given.pulled == true or nil,
  }
end

local function signer_of(value)
  local signer = {}
  for name, part in pairs(table_of(value)) do signer[name] = text_of(part) end
  return next(signer) and signer or nil
end

-- The first part that a record lacks; nil when it has all that readers rely on.
local function missing(found)
  for _, name in ipairs { "runtime", "image", "commit", "repository", "branch", "platform", "started", "finished" } do
    if found[name] == nil then return name end
  end
  return not found.error and not found.image_id and "image_id" or nil
end

local function bases_of(resolved)
  local list = {}
  for index = 2, #resolved do
    local given = table_of(resolved[index])
    local digest, more = text_of(table_of(given.digest).sha256), table_of(given.annotations)
    list[#list + 1] = text_of(given.name) and {
      name = given.name, digest = digest and "sha256:" .. digest, id = text_of(more.id), digests = texts_of(more.digests),
    } or nil
  end
  return list
end

local function flattened(document, path)
  local predicate = table_of(document.predicate)
  local build, run = table_of(predicate.buildDefinition), table_of(predicate.runDetails)
  local outer, inner, times = table_of(build.externalParameters), table_of(build.internalParameters), table_of(run.metadata)
  local source, subject = table_of(table_of(build.resolvedDependencies)[1]), table_of(table_of(document.subject)[1])
  local id = text_of(table_of(subject.digest).sha256)
  local uri = text_of(source.uri) or ""
  local is_failure = document.predicateType == FAILURE
  local found = {
    path = path, runtime = text_of(outer.runtime), image = text_of(outer.image),
    branch = text_of(outer.branch or outer.workingTree and ""),
    platform = text_of(outer.platform), commit = text_of(table_of(source.digest).gitCommit or table_of(source.digest).sha256),
    repository = uri:match "^git%+(.-)@refs/heads/" or uri:match "^file://.*$",
    image_id = not is_failure and id and "sha256:" .. id or nil,
    asked = text_of(outer.commit),
    inputs = table_of(inner.inputs), build_args = table_of(outer.buildArgs), policy = table_of(inner.policy),
    builder = text_of(inner.builder), engine = text_of(inner.engine),
    max_files = tonumber(outer.maxFiles), max_bytes = tonumber(outer.maxBytes), demands = table_of(outer.demands),
    bases = bases_of(table_of(build.resolvedDependencies)), unknown_bases = texts_of(inner.unknownBases) or {},
    started = amounts.time(times.startedOn), finished = amounts.time(times.finishedOn),
    seconds = tonumber(times.molbuild_seconds) or 0, error = is_failure and error_of(predicate.error) or nil,
    signer = signer_of(times.molbuild_signer),
    verified = type(times.molbuild_verified) == "table" and times.molbuild_verified or nil,
  }
  local lacks = document._type ~= STATEMENT and "_type"
    or not is_failure and document.predicateType ~= PROVENANCE and "predicateType" or missing(found)
  if lacks then return nil, "its field " .. lacks .. " is not that of a record" end
  return found
end

local GROUP_OR_OTHERS_WRITE = 18 -- octal 022

-- A record that another user could have written says nothing.
local function is_foreign(stat)
  return stat.type ~= "file" or stat.uid ~= core.sys.uid() and stat.uid ~= 0 or stat.mode & GROUP_OR_OTHERS_WRITE ~= 0
end

--- The record that a document is.
---@param document string
---@param path string  its file, for messages
---@return molbuild.Record?
---@return string? message  why it is no usable record
function record.parse(document, path)
  local decoded, why = json.decode(document)
  if type(decoded) ~= "table" then return nil, why or "it is not an object" end
  return flattened(decoded, path)
end

--- The record in a file, without a warning about one that cannot be used.
---@param path string  as of record.path
---@return molbuild.Record?
---@return string? message  why the file is no usable record
function record.peek(path)
  local stat, message, code = core.fs.lstat(path)
  if not stat then return nil, code ~= "ENOENT" and code ~= "ENOTDIR" and message or nil end
  if is_foreign(stat) then return nil, "another user could have written it" end
  local document, why = core.fs.read(path, record.MAX)
  if not document then return nil, why end
  return record.parse(document, path)
end

--- The record in a file.
---@param path string  as of record.path
---@return molbuild.Record?  nil when there is none; also, with a warning, when the file is not a usable record
function record.read(path)
  local found, why = record.peek(path)
  if why then log.warn_once("%s is ignored: %s", path, text.shown(why)) end
  return found
end

--- The record of the last build of a job's image, if it failed: whether or not a former one has succeeded.
---@param job table  with its tag
---@return molbuild.Record?
function record.failed(job)
  local path = record.path(job.cache, job.runtime, job.tag)
  local found = record.read(record_file.failed(path)) or record.read(path)
  return found and found.error and found or nil
end

--- All records of a cache, or those of one runtime, the newest first.
---@param cache string
---@param runtime string?
---@return molbuild.Record[]
function record.list(cache, runtime)
  local found, reserved = {}, require("molbuild.repository.cache").RESERVED
  for _, name in ipairs(runtime and { runtime } or core.fs.list(cache) or {}) do
    for _, entry in ipairs(not reserved[name] and core.fs.list(cache .. "/" .. name) or {}) do
      found[#found + 1] = entry:find "%.json$" and record.read(("%s/%s/%s"):format(cache, name, entry)) or nil
    end
  end
  table.sort(found, function(a, b)
    if a.finished ~= b.finished then return a.finished > b.finished end
    return a.path < b.path
  end)
  return found
end

return record
