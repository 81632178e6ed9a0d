--- The metadata of images: the labels for a new one, and whether one matches the request.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local seal = require "molbuild.base.seal"
local text = require "molbuild.base.text"

local image = {
  --- The names of labels: those of https://github.com/opencontainers/image-spec/blob/main/annotations.md, and our own.
  LABEL = {
    revision = "org.opencontainers.image.revision", source = "org.opencontainers.image.source",
    created = "org.opencontainers.image.created", base_name = "org.opencontainers.image.base.name",
    base_digest = "org.opencontainers.image.base.digest", runtime = "app.molecule.runtime", branch = "app.molecule.branch",
    target = "app.molecule.target",
  },
}

local REVISION, SOURCE, CREATED, TARGET = image.LABEL.revision, image.LABEL.source, image.LABEL.created, image.LABEL.target
local said = text.said

--- The id of an image, "sha256:...", as an engine's API or its program gives it.
---@param value any
---@return string?
function image.id(value)
  return said(value) and (value:find "^%x+$" and "sha256:" .. value or value) or nil
end

--- The names in a list of an engine's. What has none is called "<none>".
---@param list any
---@return string[]
function image.names(list)
  local all = {}
  for _, name in ipairs(type(list) == "table" and list or {}) do
    if said(name) and not name:find("<none>", 1, true) then all[#all + 1] = name end
  end
  return all
end

--- The labels of an image that is about to be built.
---@param revision string  the whole commit id
---@param source string  the repository's URL; its userinfo is masked
---@param ... table<string, string>  further labels; later tables override earlier ones
---@return table<string, string>
function image.labels(revision, source, ...)
  local labels = {
    [REVISION] = revision, [SOURCE] = core.mask.url(source), [CREATED] = require("molbuild.base.amounts").date(),
  }
  for _, more in ipairs { ... } do
    for name, value in pairs(more) do
      labels[name] = value
    end
  end
  return labels
end

-- The label for a stage of a Dockerfile. It has the commit, too: an image inherits the labels of the image that it is built from.
local function stage_of(target, revision)
  return target and ("%s@%s"):format(target, revision:sub(1, 12)) or nil
end

--- The labels of what a job's image is: they tell apart the images of one repository. A commit that may be on no branch has none.
---@param job { runtime: string, branch: string, sha: string, target: string?, allow_detached: boolean?, working_tree: string? }
---@return table<string, string>
function image.job_labels(job)
  local is_on_branch = not job.allow_detached and not job.working_tree
  return {
    [image.LABEL.runtime] = job.runtime, [image.LABEL.branch] = is_on_branch and job.branch or nil,
    [image.LABEL.target] = stage_of(job.target, job.sha),
  }
end

-- Other names of architectures, from kernels, Debian and engines. Images and tags use Go's names.
local ARCHITECTURE = {
  x86_64 = "amd64", ["x86-64"] = "amd64", aarch64 = "arm64", i386 = "386", i486 = "386", i586 = "386", i686 = "386",
  x86 = "386", armhf = "arm", armel = "arm", armv5l = "arm", armv6l = "arm", armv7l = "arm", armv8l = "arm",
  ppc64el = "ppc64le", loongarch64 = "loong64",
}

--- An architecture by Go's name: amd64, arm64, 386, arm, ppc64le, s390x, riscv64, ...
---@param word string
---@return string
function image.architecture(word)
  return ARCHITECTURE[word] or word
end

-- The 32-bit architecture that a processor also runs without emulation.
local ALSO_RUNS = { amd64 = "386", arm64 = "arm" }

--- Whether an engine can run programs of a platform only by emulation.
---@param platform string  as of names.platform
---@param own string  the engine's, as of Engine:platform()
---@return boolean
function image.is_emulated(platform, own)
  local system, architecture = platform:match "^([^/]+)/([^/]+)"
  local own_system, own_architecture = own:match "^([^/]+)/([^/]+)"
  architecture = image.architecture(architecture)
  return system ~= own_system or architecture ~= own_architecture and architecture ~= ALSO_RUNS[own_architecture]
end

--- The commit that an image says it was built from; nil when it does not name one.
---@param found molbuild.Image
---@return string?
function image.revision(found)
  local revision = found.labels[REVISION]
  return require("molbuild.base.sha").is(revision) and revision or nil
end

--- When an image was built: the later one of its label and the engine's date. BuildKit gives an image the date of the layers
--- that it took from its cache. A date in the future is that of a wrong clock, and is left out.
---@param found molbuild.Image
---@param now integer  seconds since 1970
---@return integer? seconds  since 1970; nil when it is not known
function image.created(found, now)
  local latest
  for _, date in ipairs { found.labels[CREATED] or false, found.created or false } do
    local seconds = math.type(date) == "integer" and date or require("molbuild.base.amounts").time(date)
    if seconds and seconds > 0 and seconds <= now then latest = math.max(latest or seconds, seconds) end
  end
  return latest
end

--- A text when an image is for another platform than the requested one; nil when it is not. Missing metadata counts as a
--- match: engines leave out a default variant.
---@param found { os: string?, architecture: string?, variant: string? }
---@param platform string  as of names.platform
---@return string?
function image.other_platform(found, platform)
  local system, architecture, variant = platform:match "^([^/]+)/([^/]+)/?(.*)$"
  architecture = image.architecture(architecture)
  local is = { said(found.os) or system, said(found.architecture) or architecture, said(found.variant) }
  if is[1] ~= system or is[2] ~= architecture or is[3] and variant ~= "" and is[3] ~= variant then
    return ("it is for the platform %s, not %s"):format(text.shown(table.concat(is, "/")), platform)
  end
end

-- A text when an image is another stage of its commit's Dockerfile.
local function other_stage(found, revision, target)
  local label = said(found.labels[TARGET])
  local is = label and label:match "^(.*)@"
  if is and label ~= stage_of(is, revision) then is = nil end -- inherited
  if is == target or not is and not said(found.labels[REVISION]) then return nil end
  return ("it is %s of the Dockerfile, not %s"):format(is and "the stage " .. text.shown(is) or "the last stage",
    target and "the stage " .. target or "the last one")
end

--- A text that says how an image differs from the requested one; nil when it matches. An image that was built by hand has
--- no labels and is accepted.
---@param found { os: string?, architecture: string?, variant: string?, labels: table<string, string> }
---@param revision string
---@param platform string  as of names.platform
---@param own table<string, string>?  as of image.labels
---@param target string?  the stage of the Dockerfile; the last one when absent
---@return string?
function image.mismatch(found, revision, platform, own, target)
  local wanted = own and own[REVISION] or revision
  local built_from = said(found.labels[REVISION])
  if built_from and built_from ~= wanted then
    return ("it was built from the revision %s, not %s"):format(text.shown(built_from), wanted)
  end
  return image.other_platform(found, platform)
    or (target or found.labels[TARGET]) and other_stage(found, revision, target) or nil
end

--- Check that an engine has the image that a function of a policy made or found.
---@param engine molbuild.Engine
---@param ref string
---@param wanted { revision: string, platform: string, labels: table<string, string>?, target: string?, labelled: boolean? }
---  as of image.mismatch; labelled: an image without a revision is wrong, too
---@param name string  of the function
---@param fn function
---@return molbuild.Image?  nil, with a warning, when the engine's answer is unusable and the function comes with the program
---@raise build | bug  bug where the function is not one that comes with the program
function image.prove(engine, ref, wanted, name, fn)
  local found, message = engine:image(ref)
  if message and expect.is_shipped(fn) then
    log.warn("%s: the engine cannot be asked about the image: %s", ref, message)
    return nil
  end
  local wrong = message or not found and "the engine has no such image"
    or image.mismatch(found, wanted.revision, wanted.platform, wanted.labels, wanted.target)
    or wanted.labelled and not said(found.labels[REVISION]) and "it has no label " .. REVISION
  if wrong then
    errors.raise {
      kind = expect.is_shipped(fn) and "build" or "bug",
      message = ("%s%s succeeded, but %s: %s"):format(expect.place(fn), name, ref, wrong),
    }
  end
  return found
end

--- Give an image another name, unless that name is the image's already.
---@param engine molbuild.Engine
---@param ref string
---@param alias string
---@param id string?  the image's id, where it is known
---@return string? id
---@raise as the engine's functions raise
function image.alias(engine, ref, alias, id)
  id = id or (engine:image(ref) or {}).id
  local other = engine:image(alias)
  if not other or other.id ~= id then engine:tag(ref, alias) end
  return id
end

-- Check what a pull brought. A registry serves a single-platform image for any requested platform.
local function pulled(engine, ref, platform)
  local found, message = engine:image(ref)
  message = message or not found and "the engine has no such image" or platform and image.other_platform(found, platform)
  if message then
    errors.raise { kind = "failed", message = ("%s was pulled, but %s"):format(ref, message) }
  end
  return found
end

local OBTAIN_OPTIONS = { always = true, offline = true, platform = true, stall = true, timeout = true }

--- Make sure that an engine has an image. A missing image, or one for another platform, is pulled; with `always` also an
--- image whose name may refer to another image by now. If the image exists, a failed pull is only a warning. With `offline`
--- nothing is pulled.
---@param engine molbuild.Engine
---@param ref string
---@param options { always: boolean?, offline: boolean?, platform: string?, stall: number?, timeout: number? }
---@return molbuild.Image
---@raise as Engine:pull raises; remote: offline, and the engine does not have the image
function image.obtain(engine, ref, options)
  seal.options("molbuild.image.obtain", options, OBTAIN_OPTIONS)
  local found = engine:image(ref)
  local platform = options.platform
  local usable = found and not (platform and image.other_platform(found, platform))
  if usable and (options.offline or not (options.always and not names.is_fixed(ref))) then
    return found
  elseif options.offline then
    errors.raise {
      kind = "remote", retry = false, message = ("offline: the image %s is not on this machine"):format(ref)
        .. (found and ", or is another one: " .. image.other_platform(found, platform) or ""),
    }
  end
  local ok, failure = errors.try(engine.pull, engine, ref,
    { platform = platform, stall = options.stall, timeout = options.timeout })
  if ok then
    return pulled(engine, ref, platform)
  elseif not usable then
    error(failure, 0)
  end
  log.warn("%s was not pulled, the local image is used: %s", ref, tostring(failure))
  return found
end

return image
