--- Runs a program of an image once, in a container that is bounded in every way that an engine knows, and removes it.
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local stock = require "molbuild.engine.stock"
local task = require "molbuild.base.task"
local words = require "molbuild.engine.words"

local container = {}

local SIGKILL = 9

--- Seconds: the longest time for creating a container, and for removing one.
local CREATE_MAX, REMOVE_MAX = 60, 60
local PAUSE = 0.2

--- The most volumes of an image: each becomes an argument.
local VOLUMES_MAX = 100

-- docker's program gives these to each container by its user's configuration, podman's by its environment. They may hold passwords.
local PROXIES = { "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY" }

---@class molbuild.ContainerOptions
---@field image string  its id
---@field name string
---@field labels table<string, string>
---@field argv string[]  replaces the image's entrypoint and its arguments
---@field memory string  such as "512m"; there is no swap
---@field tmp string  the size of /tmp, and of each volume that the image declares; they are in memory
---@field pids integer  the most processes and threads
---@field timeout number  seconds
---@field log_file string?  its output is added there
---@field log_max integer?  bytes

-- The directories that an image declares as volumes. An engine would put them on its disk, without a bound.
local function volumes_of(engine, image)
  local found, message = engine:ask("image", image)
  if type(found) ~= "table" then
    errors.raise { kind = "failed", message = ("the engine has no image %s: %s"):format(image, message or "it is gone") }
  end
  local list = {}
  for path in pairs(type(found.Config) == "table" and type(found.Config.Volumes) == "table" and found.Config.Volumes or {}) do
    if type(path) ~= "string" or not path:find "^/[%w._/@+-]+$" or #list == VOLUMES_MAX then
      errors.raise { kind = "template", message = "the image declares volumes with unusual names, or too many: it cannot be run" }
    end
    list[#list + 1] = path
  end
  table.sort(list)
  return list
end

local function arguments_of(engine, options)
  local argv = {
    "create", "--rm", "--name", options.name, "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL",
    "--security-opt=no-new-privileges", "--memory=" .. options.memory, "--memory-swap=" .. options.memory,
    ("--pids-limit=%d"):format(options.pids), "--log-driver=none", "--no-healthcheck", "--stop-timeout=0",
  }
  local function add(...) table.move({ ... }, 1, select("#", ...), #argv + 1, argv) end
  for name, value in pairs(options.labels) do add("--label", name .. "=" .. value) end
  for _, path in ipairs { "/tmp", table.unpack(volumes_of(engine, options.image)) } do
    add(("--tmpfs=%s:rw,nosuid,nodev,exec,mode=1777,size=%s"):format(path, options.tmp))
  end
  if engine.podman then
    add("--cgroups=enabled", "--read-only-tmpfs=false", "--image-volume=ignore", "--http-proxy=false", -- without groups: no bounds
      ("--timeout=%d"):format(math.ceil(options.timeout) + 5)) -- the engine's own, for a run that is killed
  end
  if not engine.podman then
    add "--ulimit=core=0" -- podman would then give the limits that its user has configured no more
    for _, name in ipairs(PROXIES) do add("--env", name .. "=", "--env", name:lower() .. "=") end
  end
  add("--entrypoint", options.argv[1], options.image)
  add(table.unpack(options.argv, 2))
  return argv
end

-- A container may be on its way to its end: then the engine refuses, for a moment.
local function remove(engine, name)
  local till, refused = core.sys.monotonic() + REMOVE_MAX, nil
  repeat
    if refused then core.sys.sleep(PAUSE) end
    refused = stock.remove_container(engine, name)
  until not refused or core.sys.monotonic() > till
  return refused
end

--- Remove a container, whatever it does. A cancellation is postponed meanwhile.
---@param engine molbuild.Engine
---@param name string
---@return string? refused  why it may still be there
---@raise missing_tool
function container.remove(engine, name)
  return task.shield(remove, engine, name)
end

--- What the engine's program reports last, when it could not do what it was asked for.
local function raise_failed(engine, what, result)
  local verdict = words.verdict(result)
  if not result.signal and not engine:answers() then engine:raise_unreachable(verdict) end
  errors.raise {
    kind = "failed", code = "engine", retry = result.signal and true or nil, message = ("%s: %s"):format(what, verdict),
  }
end

-- Not half done: a container that is created after its removal would stay.
local function create(engine, options)
  local argv = arguments_of(engine, options)
  local result = task.shield(engine.run, engine, argv, { silent = true, timeout = CREATE_MAX })
  if result.code ~= 0 then raise_failed(engine, "no container for the image was created", result) end
end

--- Run it to its end. It is removed whatever happens, also after a cancellation.
---@param engine molbuild.Engine
---@param options molbuild.ContainerOptions
---@return molbuild.core.ProcessResult result  of the engine's program, which ends as the container's program does
---@raise timeout | failed | template | missing_tool | cancelled  template: the image cannot be run in this way
function container.run(engine, options)
  local argv = { "start", "--attach", options.name }
  local _ <close> = defer(function(failure)
    local ok, refused = pcall(container.remove, engine, options.name)
    if failure == nil and (not ok or refused) then
      local message = ("the container %s stays: %s"):format(options.name, tostring(refused))
      errors.raise { kind = "failed", code = "engine", message = message }
    end
  end)
  create(engine, options)
  -- The program is killed without a grace period: it would pass each other signal on, and wait.
  return engine:run(argv, {
    signal = SIGKILL, grace = 0, timeout = options.timeout, log_file = options.log_file, log_max = options.log_max,
    log_append = options.log_file and true or nil,
  })
end

return container
