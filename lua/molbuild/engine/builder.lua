--- Which builder the docker program uses. BuildKit needs buildx from client 23 on; before, it is built in. podman has one
--- builder alone, which writes as the classic one does.
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"

local builder = {}

-- What docker takes for a boolean.
local BOOLEAN = {}
for _, word in ipairs { "1", "t", "T", "true", "TRUE", "True" } do
  BOOLEAN[word] = true
end
for _, word in ipairs { "0", "f", "F", "false", "FALSE", "False" } do
  BOOLEAN[word] = false
end

-- Whether the user wants BuildKit; nil when it is not said.
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

--- Which builder the engine's program is to use: the classic one where DOCKER_BUILDKIT=0 says so; BuildKit where there is
--- one; else the classic one. Does not ask the engine.
---@param engine molbuild.Engine  told when its program turns out to be podman, and when it has no BuildKit
---@return "buildkit"|"classic"
---@return string? advice  one line, when the classic builder is all there is
---@raise usage  DOCKER_BUILDKIT is no boolean
function builder.find(engine)
  local buildkit = not engine.podman and wanted()
  if engine.podman or buildkit == false then
    return "classic"
  end
  local buildx = ask(engine, "buildx", "version")
  if buildx.code == 0 and not buildx.stdout:find "^buildah" then
    return "buildkit"
  end
  local version = ask(engine, "--version").stdout or ""
  local major = tonumber(version:match "[Vv]ersion v?(%d+)%.")
  if version:find "^podman" then -- as the package podman-docker has it
    engine.podman = true
    return "classic"
  elseif major and major < 23 then
    return "buildkit"
  end
  engine.has_no_buildkit = true
  return "classic",
    (buildkit and "DOCKER_BUILDKIT=1 cannot be heeded: " or "")
      .. "docker has no buildx: building with the classic builder "
      .. "(to use BuildKit, install the package docker-buildx or docker-buildx-plugin)"
end

return builder
