--- Whether the base images of an image have moved in their registries since it was built.
local image = require "molbuild.engine.image"
local record = require "molbuild.machine.record"
local remote = require "molbuild.engine.remote"
local text = require "molbuild.base.text"

local check_base = {
  --- The states of the base images of an image.
  SAME = "same", MOVED = "moved", UNKNOWN = "unknown",
}

local SAME, MOVED, UNKNOWN = check_base.SAME, check_base.MOVED, check_base.UNKNOWN

-- The base images that an image was built from: by its record, else by its labels.
local function bases_of(job, found)
  local made = record.read(record.path(job.cache, job.runtime, job.tag))
  if made and made.image_id == found.id then
    local unknown = made.unknown_bases[1]
    return made.bases, unknown and (unknown == "?" and "the base images are not known" or ("the base image %s is not known"):format(
      text.shown(unknown)))
  end
  local name, digest = text.said(found.labels[image.LABEL.base_name]), text.said(found.labels[image.LABEL.base_digest])
  if not name or not digest then return {}, "there is no record of the image, and it has no labels of its base" end
  return { { name = name, digest = digest } }
end

-- Whether a base is what the registry has. Two digests are compared only where both are of the same thing.
local function state_of(base, now, is_podman)
  for _, digest in ipairs(base.digests or { base.digest }) do
    if digest == now.root or now.manifests[digest] then return SAME end
  end
  if base.id and now.configs[base.id] then return SAME end
  local by_root = now.root and base.digest and not is_podman
  local by_manifest = is_podman and base.digests and next(now.manifests)
  return (by_root or by_manifest or base.id and next(now.configs)) and MOVED or UNKNOWN
end

local function short(digest)
  return digest and digest:match("^sha256:(" .. ("%x"):rep(12) .. ")") or "?"
end

-- The state of one base image, in words.
local function check(job, base)
  if base.name:find("@", 1, true) then return SAME end -- a name with a digest cannot move
  if not base.digest and not base.id then return UNKNOWN, ("the digest of the base image %s is not known"):format(base.name) end
  if not base.digest then return UNKNOWN, ("the base image %s is this machine's own"):format(base.name) end
  local now, message = remote.find(job.engine, base.name)
  if not now then
    return UNKNOWN, ("the registry of the base image %s gives no answer: %s"):format(base.name, text.shown(message))
  end
  local state = state_of(base, now, job.engine.podman)
  if state == MOVED then
    return state, ("the base image %s moved %s -> %s, --pull builds with it"):format(base.name, short(base.digest), short(now.root))
  end
  return state, state == UNKNOWN and ("the digests of the base image %s cannot be compared"):format(base.name) or nil
end

--- Whether a registry has another image under the name of a base image of a job's image. The image itself stays as it is.
---@param job table  with its tag
---@return string state  SAME, MOVED if one has moved, else UNKNOWN if it is not known of one
---@return string? reason  of the state
---@raise missing_tool  the engine cannot be reached
function check_base.run(job)
  local found = job.engine:image(job.tag)
  if not found then return UNKNOWN, "the engine cannot be asked about the image" end
  job.engine:builder() -- whether it has buildx
  local list, unknown = bases_of(job, found)
  local states, reasons = {}, {}
  for _, base in ipairs(list) do
    local state, reason = check(job, base)
    states[state], reasons[state] = true, reasons[state] or reason
  end
  if states[MOVED] then return MOVED, reasons[MOVED] end
  if states[UNKNOWN] then return UNKNOWN, reasons[UNKNOWN] end
  if unknown then return UNKNOWN, unknown end
  return SAME
end

return check_base
