--- A build by the docker CLI, or podman: its command line, and its result.
local amounts = require "molbuild.base.amounts"
local buildkit = require "molbuild.engine.buildkit"
local child = require "molbuild.base.child"
local demands = require "molbuild.engine.demands"
local output = require "molbuild.engine.output"
local words = require "molbuild.engine.words"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local image = require "molbuild.engine.image"
local log = require "molbuild.base.log"
local secrets = require "molbuild.engine.secrets"
local task = require "molbuild.base.task"
local shown = require("molbuild.base.text").shown

local build = {}

--- Ctrl-C sends INT to the docker CLI, which then cancels the build inside the engine, too.
local SIGINT = 2

--- The share of the processors for a build that others come before.
local LOW_SHARES = 256

-- A map as a sorted list of "name=value". A list in its place would give the build arguments named 1, 2, ...
local function pairs_of(map, where)
  local list = {}
  if type(map) ~= "table" then
    errors.raise { kind = "bug", message = ("%s must be a table of name = text, not a %s"):format(where, type(map)) }
  end
  for name, value in pairs(map) do
    if type(name) ~= "string" or type(value) ~= "string" then
      errors.raise {
        kind = "bug", message = ("%s must be a table of name = text: [%s] is not"):format(where, shown(name)),
      }
    end
    list[#list + 1] = name .. "=" .. value
  end
  table.sort(list)
  return list
end

local function arguments_of(engine, options)
  local argv = { "build" }
  local only = options.buildkit or {}
  if only.builder then
    -- Without --load the image stays with that builder.
    argv = { "buildx", "build", "--builder", only.builder, "--load" }
  end
  local function add(...)
    for _, argument in ipairs { ... } do
      argv[#argv + 1] = argument
    end
  end
  if options.platform then
    add("--platform=" .. options.platform)
  end
  if options.builder == "buildkit" then
    add "--progress=plain"
  else
    -- Without it the classic builder keeps the container of a failed step.
    add "--force-rm"
    -- docker's classic builder gives the containers of RUN steps this share where 1024 is the usual one.
    if task.scope().low_priority and not engine.podman then add("--cpu-shares=" .. LOW_SHARES) end
  end
  if options.no_cache then
    add "--no-cache"
  end
  if options.pull then
    -- podman's option takes a policy; what it means without one differs between versions.
    add(engine.podman and "--pull=always" or "--pull")
  end
  if options.metadata_file and engine.has_buildx then
    add("--metadata-file", options.metadata_file)
  end
  add(table.unpack(buildkit.arguments(engine, options.builder, only)))
  add(table.unpack(demands.arguments(options.demands, options.secret_files.paths)))
  for _, list in ipairs { { "--build-arg", "build_args" }, { "--label", "labels" } } do
    for _, pair in ipairs(pairs_of(options[list[2]] or {}, list[2])) do add(list[1], pair) end
  end
  add("-t", options.tag, "-f", options.dir .. "/Dockerfile", options.dir)
  return argv
end

---@class molbuild.BuildOptions
---@field tag string
---@field called string?  the name of the image in messages; its tag when absent
---@field dir string
---@field builder "buildkit"|"classic"  see Engine:builder()
---@field buildkit molbuild.BuildKitOptions?  what only BuildKit can do
---@field platform string?
---@field target string?  as the next five: see molbuild.BuildDemands
---@field secrets table<string, molbuild.BuildSecret>?
---@field ssh string|string[]|nil
---@field memory string|integer|nil
---@field cpus string|number|nil
---@field network "default"|"none"|"host"|nil
---@field build_args table<string, string>?
---@field labels table<string, string>?
---@field no_cache boolean?  without the layers of former builds
---@field pull boolean?  the base images are fetched again
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; four times as much in BuildKit's silent phases
---@field log_file string?
---@field metadata_file string?  buildx writes there what it knows of the build, its sources for example
---@field keep table?  locks that are held as long as the build runs
---@field settings { native: string?, cache: string? }?  for hints: how the caller's user builds for
---  the engine's own platform, and moves the cache directory

local function count(list)
  local number = 0
  for _ in pairs(list or {}) do
    number = number + 1
  end
  return number
end

--- The program's environment for a builder. With the classic builder alone DOCKER_BUILDKIT is not set: docker would give
--- advice about molbuild's own setting.
local function environment(engine, options, run)
  run.env = { BUILDKIT_PROGRESS = "plain" }
  if options.builder == "buildkit" then
    run.env.DOCKER_BUILDKIT = "1"
  elseif engine.has_no_buildkit then
    run.unset = { "DOCKER_BUILDKIT" }
  else
    run.env.DOCKER_BUILDKIT = "0"
  end
  return run
end

-- The locks, and the files of the secrets.
local function kept(options)
  local list = table.move(options.keep or {}, 1, #(options.keep or {}), 1, {})
  return table.move(options.secret_files.files, 1, #options.secret_files.files, #list + 1, list)
end

--- Run the program. Returns its result, and whether a step has begun.
local function run_program(engine, options)
  local scope, begun = task.scope(), false
  local quiet = output.quiet_phases(options.builder)
  local step = output.steps(options.builder, count(options.labels))
  local function on_line(line)
    local done, total, text = step(line)
    if done then
      begun = true
      events.emit("progress", { done = done, total = total, text = text }, scope)
    end
    return quiet(line) and "quiet" or nil
  end
  local ok, result = pcall(engine.run, engine, arguments_of(engine, options), environment(engine, options, {
    signal = SIGINT,
    timeout = options.timeout or math.huge,
    stall = options.stall,
    quiet_phase = options.stall and options.stall * 4,
    log_file = options.log_file,
    keep = kept(options),
    only = output.step_lines,
    after_newline = true, -- BuildKit prefixes a RUN's output only after a newline
    on_line = on_line,
  }))
  if not ok then
    if errors.is(result) and result.tail then
      result.message = words.without_last_advice(result.message, result.tail)
      result.tail = words.without_advice(result.tail)
    end
    error(result, 0)
  end
  return result, begun
end

--- Run the build once. Returns its result, the engine's description of the image if the build succeeded, and whether a
--- step has begun.
local function build_once(engine, options)
  local result, begun = run_program(engine, options)
  if result.code ~= 0 then
    return result, nil, nil, begun
  end
  return result, engine:image(options.tag)
end

-- podman gives a stage that is not the last one its labels with a new layer alone: from its cache it has those of an earlier build.
local function has_other_labels(engine, options, built)
  for name, value in pairs(engine.podman and options.target and built and options.labels or {}) do
    if built.labels[name] ~= value then return "podman took the stage from its cache, with the labels of an earlier build" end
  end
end

--- How a builder's cache has spoiled a build, as text. The classic builder may use a cached layer of another platform: the
--- result then has that platform, or the build fails.
local function spoilt_by_cache(engine, options, result, built)
  if options.builder ~= "classic" or options.no_cache then
    return nil
  elseif result.code == 0 then
    return built and options.platform and image.other_platform(built, options.platform) or has_other_labels(engine, options, built)
  end
  return options.platform
    and words.verdict(result):match "image with reference %S+ was found but does not match the specified platform[^\n]*"
end

local function named(setting)
  return setting and (" (%s)"):format(setting) or ""
end

--- The hint for a failed build; nil when its output is enough.
local function hint_of(engine, options, result, verdict)
  local settings = options.settings or {}
  if words.cannot_see(verdict, options.dir) then
    return ("%s exists, but %s cannot see it: a program from a snap sees neither hidden directories in the home nor /tmp; "
      .. "put the cache elsewhere%s"):format(options.dir, engine.command, named(settings.cache))
  elseif words.is_alien(result.tail, verdict) then
    return "a program was built for another processor: set up emulation on the engine's machine (binfmt_misc, qemu-user-static), "
      .. "or build for the engine's own platform" .. named(settings.native)
  end
  if options.demands.memory and words.is_killed(verdict) then
    return ("a program was killed: the memory of the build is limited to %s (memory)"):format(
      amounts.size(options.demands.memory))
  end
  local cause = words.cause(verdict)
  return cause ~= "missing" and words.hint(cause, engine.podman) or nil
end

-- The error's code: what the program names, or "engine" where the same files can be built on another machine.
local function code_of(options, result, verdict)
  if result.signal then return nil end
  local is_of_engine = words.cannot_see(verdict, options.dir) or words.is_alien(result.tail, verdict)
  return words.cause(verdict) or is_of_engine and "engine" or nil
end

local function raise_failed(engine, options, what, result, begun)
  local verdict = words.verdict(result)
  if options.target and words.no_stage(verdict) then
    errors.raise {
      kind = "template", message = ('%s: the Dockerfile has no stage "%s" (target)'):format(what, options.target),
      log = options.log_file,
    }
  end
  local there = result.signal or engine:answers()
  if not there and not begun then
    engine:raise_unreachable(verdict)
  end
  errors.raise {
    kind = "build",
    code = not there and "broken" or code_of(options, result, verdict),
    retry = result.signal and true or nil, -- the program was ended from outside
    message = ("%s: %s"):format(what, verdict),
    hint = not there and words.hint "broken" or not result.signal and hint_of(engine, options, result, verdict) or nil,
    tail = words.without_advice(child.last_lines(result.tail, 40)),
    log = options.log_file,
  }
end

--- Build an image from a directory with a Dockerfile at its root.
---@param engine molbuild.Engine
---@param options molbuild.BuildOptions
---@return molbuild.Image?  nil when the engine's answer is unusable
---@raise build | timeout | missing_tool | cancelled | usage
function build.run(engine, options)
  local normal = demands.normal(options)
  demands.check_builder(engine, options.builder, normal)
  local secret_files <close> = secrets.open(normal.secrets)
  options = setmetatable({ demands = normal, secret_files = secret_files }, { __index = options })
  local what = ("%s build %s"):format(engine.command:match "[^/]*$", options.called or options.tag)
  local result, built, unclear, begun = build_once(engine, options)
  local spoilt = spoilt_by_cache(engine, options, result, built)
  if spoilt then
    log.warn("%s: %s — building it again, without the cache", options.called or options.tag, spoilt)
    result, built, unclear, begun = build_once(engine, setmetatable({ no_cache = true }, { __index = options }))
  end
  if result.code ~= 0 then
    raise_failed(engine, options, what, result, begun)
  elseif not built and not unclear then
    -- A builder other than the engine's own may not load its result into the engine.
    errors.raise {
      kind = "build",
      code = "engine",
      message = what .. ": the build succeeded, but the engine has no such image",
      hint = not (options.buildkit or {}).builder
        and "build with the engine's own builder: unset BUILDX_BUILDER and run docker buildx use default"
        or nil,
    }
  end
  return built
end

return build
