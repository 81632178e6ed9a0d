--- What an image says of itself: the labels it gets, and whether it is the one that was asked for.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"

local image = {}

-- https://github.com/opencontainers/image-spec/blob/main/annotations.md
local REVISION = "org.opencontainers.image.revision"
local SOURCE = "org.opencontainers.image.source"
local CREATED = "org.opencontainers.image.created"

--- The labels of an image that is built now.
---@param revision string  the whole commit id
---@param source string  the repository's URL; its userinfo is masked
---@param ... table<string, string>  more of them; the later ones count more
---@return table<string, string>
function image.labels(revision, source, ...)
  local labels = {
    [REVISION] = revision, [SOURCE] = core.mask.url(source), [CREATED] = os.date "!%Y-%m-%dT%H:%M:%SZ",
  }
  for _, more in ipairs { ... } do
    for name, value in pairs(more) do
      labels[name] = value
    end
  end
  return labels
end

-- What else an architecture is called: by kernels, by Debian, by engines. Images and tags have Go's words.
local ARCHITECTURE = {
  x86_64 = "amd64", ["x86-64"] = "amd64", aarch64 = "arm64", i386 = "386", i486 = "386", i586 = "386", i686 = "386",
  x86 = "386", armhf = "arm", armel = "arm", armv5l = "arm", armv6l = "arm", armv7l = "arm", armv8l = "arm",
  ppc64el = "ppc64le", loongarch64 = "loong64",
}

--- An architecture in Go's words: amd64, arm64, 386, arm, ppc64le, s390x, riscv64, ...
---@param word string
---@return string
function image.architecture(word)
  return ARCHITECTURE[word] or word
end

-- What a processor runs of its 32-bit forerunner's, without emulation.
local ALSO_RUNS = { amd64 = "386", arm64 = "arm" }

--- Whether an engine runs what is built for a platform by emulation alone.
---@param platform string  as of names.platform
---@param own string  the engine's, as of Engine:platform()
---@return boolean
function image.is_emulated(platform, own)
  local system, architecture = platform:match "^([^/]+)/([^/]+)"
  local own_system, own_architecture = own:match "^([^/]+)/([^/]+)"
  architecture = image.architecture(architecture)
  return system ~= own_system or architecture ~= own_architecture and architecture ~= ALSO_RUNS[own_architecture]
end

local function said(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- That an image is for another platform than the one that was asked for, in words; nil when it is not. What an image does
--- not say of itself is taken as right: engines leave out a variant that is usual.
---@param found { os: string?, architecture: string?, variant: string? }
---@param platform string  as of names.platform
---@return string?
function image.other_platform(found, platform)
  local system, architecture, variant = platform:match "^([^/]+)/([^/]+)/?(.*)$"
  architecture = image.architecture(architecture)
  local is = { said(found.os) or system, said(found.architecture) or architecture, said(found.variant) }
  if is[1] ~= system or is[2] ~= architecture or is[3] and variant ~= "" and is[3] ~= variant then
    return ("it is for the platform %s, not %s"):format(names.shown(table.concat(is, "/")), platform)
  end
end

--- How an image differs from the one that was asked for, in words; nil when it does not. One that was built by hand has no
--- labels: it is taken.
---@param found { os: string?, architecture: string?, variant: string?, labels: table<string, string> }
---@param revision string
---@param platform string  as of names.platform
---@param own table<string, string>?  as of image.labels
---@return string?
function image.mismatch(found, revision, platform, own)
  revision = own and own[REVISION] or revision
  local built_from = said(found.labels[REVISION])
  if built_from and built_from ~= revision then
    return ("it was built from the revision %s, not %s"):format(names.shown(built_from), revision)
  end
  return image.other_platform(found, platform)
end

-- What a pull brought. A registry's image of a single platform comes whatever platform is asked for.
local function pulled(engine, ref, platform)
  local found, message = engine:image(ref)
  message = message or not found and "the engine has no such image" or platform and image.other_platform(found, platform)
  if message then
    errors.raise { kind = "failed", message = ("%s was pulled, but %s"):format(ref, message) }
  end
  return found
end

--- See to it that an engine has an image: one that is missing, or is for another platform, is pulled; with `always` also one
--- whose name may mean another image by now. Where an image is there, a failed pull is no more than a warning.
---@param engine molbuild.Engine
---@param ref string
---@param options { always: boolean?, platform: string?, stall: number?, timeout: number? }
---@return molbuild.Image
---@raise as Engine:pull raises
function image.obtain(engine, ref, options)
  local found = engine:image(ref)
  local platform = options.platform
  local usable = found and not (platform and image.other_platform(found, platform))
  if usable and not (options.always and not names.is_fixed(ref)) then
    return found
  end
  local ok, failure = errors.try(engine.pull, engine, ref,
    { platform = platform, stall = options.stall, timeout = options.timeout })
  if ok then
    return pulled(engine, ref, platform)
  elseif not usable then
    error(failure, 0)
  end
  log.warn("%s was not pulled, the image that is here is used: %s", ref, tostring(failure))
  return found
end

return image
