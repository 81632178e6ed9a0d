--- Which builder the docker program uses. From client 23 on, BuildKit needs buildx; before, it is built in. podman has a
--- single builder, whose output has the classic builder's form.
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"

local builder = {}

-- The words that docker accepts as a boolean.
local BOOLEAN = {}
for _, word in ipairs { "1", "t", "T", "true", "TRUE", "True" } do
  BOOLEAN[word] = true
end
for _, word in ipairs { "0", "f", "F", "false", "FALSE", "False" } do
  BOOLEAN[word] = false
end

-- Whether the user wants BuildKit; nil when not set.
local function wanted()
  local value = env.get "DOCKER_BUILDKIT"
  if value and BOOLEAN[value] == nil then
    errors.raise { kind = "usage", message = ('DOCKER_BUILDKIT must be 0 or 1, not "%s"'):format(value) }
  end
  return BOOLEAN[value or ""]
end

local function ask(engine, ...)
  return engine:run({ ... }, { capture = 65536, silent = true })
end

--- The builder for the engine's program: the classic one with DOCKER_BUILDKIT=0; else BuildKit if it is available; else
--- the classic one. Does not contact the engine.
---@param engine molbuild.Engine  updated when its program turns out to be podman, and when it has no BuildKit or has buildx
---@return "buildkit"|"classic"
---@return string? advice  one line, when only the classic builder is available
---@raise usage  DOCKER_BUILDKIT is not a boolean
function builder.find(engine)
  local buildkit = not engine.podman and wanted()
  if engine.podman or buildkit == false then
    return "classic"
  end
  local buildx = ask(engine, "buildx", "version")
  if buildx.code == 0 and not buildx.stdout:find "^buildah" then
    engine.has_buildx = true
    return "buildkit"
  end
  local version = ask(engine, "--version").stdout or ""
  local major = tonumber(version:match "[Vv]ersion v?(%d+)%.")
  if version:find "^podman" then -- the package podman-docker installs it as docker
    engine.podman = true
    return "classic"
  elseif major and major < 23 then
    return "buildkit"
  end
  engine.has_no_buildkit = true
  return "classic",
    (buildkit and "DOCKER_BUILDKIT=1 has no effect: " or "")
      .. "docker has no buildx: building with the classic builder "
      .. "(to use BuildKit, install the package docker-buildx or docker-buildx-plugin)"
end

--- Why an engine's program has no BuildKit for a build, or no buildx. nil when it has.
---@param engine molbuild.Engine  whose builder() has been asked
---@param kind "buildkit"|"classic"  what builder() has said
---@param needs_buildx boolean?
---@return string?
function builder.why_no_buildkit(engine, kind, needs_buildx)
  if engine.podman then
    return "podman has no BuildKit"
  elseif kind ~= "buildkit" and not engine.has_no_buildkit then
    return "DOCKER_BUILDKIT=0 asks for the classic builder"
  elseif kind ~= "buildkit" or needs_buildx and not engine.has_buildx then
    return "docker has no buildx; install the package docker-buildx or docker-buildx-plugin"
  end
end

return builder
