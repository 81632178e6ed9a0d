--- What a build demands of its builder: secrets, ssh, limits, a network, a stage of the Dockerfile. A builder ignores what it
--- cannot do, and prints nothing about it. Here it is an error that names the option, and what can be done.
local build_values = require "molbuild.base.build_values"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local secrets = require "molbuild.engine.secrets"

local demands = {}

---@class molbuild.BuildSecret
---@field env string?  the variable that has the value
---@field file string?  or the file

---@class molbuild.BuildDemands
---@field secrets table<string, molbuild.BuildSecret>?  by id, for RUN --mount=type=secret,id=...
---@field ssh string|string[]|nil  "default", or "default=PATH": a key, or an agent's socket, for RUN --mount=type=ssh
---@field memory string|integer|nil  the most memory of a RUN: "2g", or bytes
---@field cpus string|number|nil  the most processors of a RUN
---@field network "default"|"none"|"host"|nil  the network of the RUNs
---@field target string?  the stage that is built; the last one when absent

-- By option: the check of its value.
local CHECKS = {
  secrets = build_values.secrets, ssh = build_values.ssh, memory = build_values.memory, cpus = build_values.cpus,
  network = build_values.network, target = build_values.stage,
}
local OPTIONS = { "secrets", "ssh", "memory", "cpus", "network", "target" }

local function is_empty(value)
  return value == nil or type(value) == "table" and next(value) == nil
end

--- Whether there is any.
---@param options molbuild.BuildDemands
---@return boolean
function demands.any(options)
  for _, option in ipairs(OPTIONS) do
    if not is_empty(rawget(options, option)) then return true end
  end
  return false
end

--- The options in their final forms, without those that are not set.
---@param options molbuild.BuildDemands
---@return molbuild.BuildDemands
---@raise usage
function demands.normal(options)
  local normal = {}
  for _, option in ipairs(OPTIONS) do
    local value = rawget(options, option) -- a job of a policy with other settings has no such fields
    if not is_empty(value) then normal[option] = CHECKS[option](value, option) end
  end
  return normal
end

--- What a record says about the demands of a job: the ids of its secrets, and everything else. The values of secrets are in no
--- record, nor a digest of them, which would confirm a guess.
---@param job molbuild.BuildDemands  as of demands.normal
---@return table?  nil when there is none
function demands.recorded(job)
  if not demands.any(job) then return nil end
  local recorded = demands.normal(job)
  recorded.secrets = recorded.secrets and secrets.ids(recorded.secrets)
  return recorded
end

--- Whether a job has the limits, the network and the stage of a record.
---@param recorded table  as of demands.recorded
---@param job molbuild.BuildDemands
---@return boolean
function demands.are_same(recorded, job)
  for _, option in ipairs { "target", "memory", "cpus", "network" } do
    if recorded[option] ~= rawget(job, option) then return false end
  end
  return true
end

-- What each builder ignores ----------------------------------------------------------------------------------------------

local function refuse(option, format, ...)
  errors.raise { kind = "usage", message = ("%s cannot be used: %s"):format(option, format:format(...)) }
end

-- What the program prints about its engine; asked once.
local function ask(engine, format)
  engine.answers_of_info = engine.answers_of_info or {}
  local result = engine.answers_of_info[format] or engine:run({ "info", "--format", format }, { capture = 65536, silent = true })
  engine.answers_of_info[format] = result
  return result.code == 0 and result.stdout or "", result.code ~= 0 and child.last_words(result) or nil
end

-- The client of a service copies secrets into the context of the build, where a COPY finds them, and passes no agent on.
local function check_podman_is_local(engine, option)
  local is_remote, why = ask(engine, "{{.Host.ServiceIsRemote}}")
  if not is_remote:find "^false" then
    refuse(option, "%s", why or "podman's service would get it as a file of the build's context: "
      .. "let podman build without a service (unset CONTAINER_HOST)")
  end
end

local function check_private(engine, kind, option)
  if engine.podman then
    check_podman_is_local(engine, option)
  elseif kind ~= "buildkit" then
    refuse(option, "the classic builder ignores it: %s", engine.has_no_buildkit
      and "install the package docker-buildx or docker-buildx-plugin, or build with podman (MOLBUILD_DOCKER=podman)"
      or "unset DOCKER_BUILDKIT, so that BuildKit builds")
  end
end

-- By option: what says in `docker info` that the engine can limit it, and the controller of `podman info`.
local LIMITS = {
  memory = { "{{.MemoryLimit}}", "memory" },
  cpus = { "{{and .CPUCfsQuota .CPUCfsPeriod}}", "cpu" },
}

local function check_podman_limits(engine, option)
  if env.get "BUILDAH_ISOLATION" == "chroot" then
    refuse(option, "podman ignores it with BUILDAH_ISOLATION=chroot")
  end
  local controllers, why = ask(engine, "{{.Host.CgroupControllers}}")
  if not (" " .. controllers:gsub("[%[%]\n]", " ")):find(" " .. LIMITS[option][2] .. " ", 1, true) then
    refuse(option, "%s", why or "podman has no control group for it here (podman info: cgroupControllers)")
  end
end

local function check_limit(engine, kind, option)
  if engine.podman then
    check_podman_limits(engine, option)
  elseif kind == "buildkit" then
    refuse(option, "BuildKit has no limit for a build, and ignores it: limit a builder "
      .. "(docker buildx create --driver-opt memory=2g), or build with the classic builder (DOCKER_BUILDKIT=0)")
  else
    local can, why = ask(engine, LIMITS[option][1])
    if not can:find "^true" then refuse(option, "%s", why or "the engine cannot limit it here, and ignores it (docker info)") end
  end
end

-- An agent that is not there would be an error of the builder, after the clone.
local function check_ssh(list)
  for _, entry in ipairs(list) do
    local path = entry:match "=(.*)$" or env.get "SSH_AUTH_SOCK"
    if not path then errors.raise { kind = "usage", message = 'ssh: "' .. entry .. '" needs an agent: set SSH_AUTH_SOCK' } end
    local there, message = core.fs.type(path)
    if not there then errors.raise { kind = "usage", message = "ssh: " .. message } end
  end
end

--- Refuse what a builder would ignore.
---@param engine molbuild.Engine  whose builder() has been asked
---@param kind "buildkit"|"classic"  what builder() has said
---@param normal molbuild.BuildDemands  as of demands.normal
---@raise usage  names the option
function demands.check_builder(engine, kind, normal)
  for _, option in ipairs { "secrets", "ssh" } do
    if normal[option] then check_private(engine, kind, option) end
  end
  for _, option in ipairs { "memory", "cpus" } do
    if normal[option] then check_limit(engine, kind, option) end
  end
end

--- Check what a build demands before anything is done for it: each value, what the builder can do, and that the secrets are there.
---@param engine molbuild.Engine  whose builder() has been asked
---@param kind "buildkit"|"classic"  what builder() has said
---@param options molbuild.BuildDemands
---@raise usage  names the option
function demands.check(engine, kind, options)
  local normal = demands.normal(options)
  demands.check_builder(engine, kind, normal)
  if normal.ssh then check_ssh(normal.ssh) end
  if normal.secrets then secrets.check(normal.secrets) end
end

-- Arguments --------------------------------------------------------------------------------------------------------------

local PERIOD = 100000 -- microseconds; the kernel's own

--- The arguments of the program that builds. They hold no value of a secret.
---@param normal molbuild.BuildDemands  as of demands.normal
---@param paths table<string, string>  by the id of a secret: its file, as of secrets.open
---@return string[]
function demands.arguments(normal, paths)
  local list = {}
  local function add(...)
    for _, argument in ipairs { ... } do list[#list + 1] = argument end
  end
  for _, id in ipairs(secrets.ids(normal.secrets)) do add("--secret", ("id=%s,src=%s"):format(id, paths[id])) end
  for _, entry in ipairs(normal.ssh or {}) do add("--ssh", entry) end
  if normal.memory then add(("--memory=%d"):format(normal.memory)) end
  if normal.cpus then
    add(("--cpu-period=%d"):format(PERIOD), ("--cpu-quota=%d"):format(math.floor(normal.cpus * PERIOD + 0.5)))
  end
  if normal.network and normal.network ~= "default" then add("--network=" .. normal.network) end
  if normal.target then add("--target=" .. normal.target) end
  return list
end

return demands
