--- A build by the docker CLI, or podman: its command line, what its output tells of it, and what becomes of its end.
local child = require "molbuild.child"
local docker_cli = require "molbuild.docker_cli"
local errors = require "molbuild.errors"
local events = require "molbuild.events"
local image = require "molbuild.image"
local log = require "molbuild.log"
local task = require "molbuild.task"

local docker_build = {}

--- INT is what a person's Ctrl-C sends the docker CLI: it then cancels the build inside the engine, too.
local SIGINT = 2

--- What the lines begin with that step() and quiet_phases() look at (see process.run): not the output of a RUN,
--- which is nearly all that a build prints.
docker_build.told_lines = {
  "#%d [", "#%d exporting ", "#%d unpacking to ", "#%d DONE", "#%d ERROR", "#%d CANCELED", "Step ",
  "STEP ", "[%d/%d] STEP ", -- podman's
}

--- The build step that an output line announces: done, total, text. nil for any other line.
---@param line string
function docker_build.step(line)
  local done, total, text = line:match "^#%d+ %[[^%]]-(%d+)/(%d+)%] (.*)$"
  if not done then
    done, total, text = line:match "^Step (%d+)/(%d+) : (.*)$"
  end
  if not done then -- podman's; with several stages, "[1/2] " stands before it
    done, total, text = line:match "^[%[%d/%] ]*STEP (%d+)/(%d+): (.*)$"
  end
  -- What a RUN prints behind a carriage return is a line of its own, and may say anything.
  done, total = math.tointeger(done or ""), math.tointeger(total or "")
  if done and total then
    return done, total, text
  end
end

--- The number of BuildKit's that a line begins with, and the rest of it. Beyond 99999 it is not BuildKit's: what is kept of
--- each has an end.
local function vertex_of(line)
  return line:match "^#(%d%d?%d?%d?%d?) (.*)$"
end

--- Follows the steps of one build. Returns a function of a line that gives done, total and text of a step when it begins,
--- each once: BuildKit announces a step again when it has shown another one in between; and what a RUN of the classic
--- builder prints may look like a step, but only the next one is it.
---@param builder "buildkit"|"classic"
function docker_build.steps(builder)
  local told, next_step, all = {}, 1, nil
  return function(line)
    local done, total, text = docker_build.step(line)
    local id = done and vertex_of(line)
    if not done or (id ~= nil) ~= (builder == "buildkit") then
      return nil
    elseif id and not told[id] then
      told[id] = true
      return done, total, text
    elseif not id and done == next_step and total == (all or total) then
      next_step, all = done + 1, total
      return done, total, text
    end
  end
end

--- Follows BuildKit's export and unpack phases, which are silent by nature. Returns a function of a line that says
--- whether silence is to be expected after it.
function docker_build.quiet_phases()
  local open = {}
  return function(line)
    local id, rest = vertex_of(line)
    if id and (rest:find "^exporting " or rest:find "^unpacking to ") then
      open[id] = not rest:find " done$" or nil
    elseif id and (rest:find "^DONE" or rest:find "^ERROR" or rest:find "^CANCELED") then
      open[id] = nil
    end
    return next(open) ~= nil
  end
end

local function arguments_of(options)
  local argv = { "build" }
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
    -- The classic builder leaves the container of a failed step behind otherwise.
    add "--force-rm"
  end
  if options.no_cache then
    add "--no-cache"
  end
  for _, list in ipairs { { "--build-arg", options.build_args or {} }, { "--label", options.labels or {} } } do
    local option, values, names = list[1], list[2], {}
    for name in pairs(values) do
      names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
      add(option, name .. "=" .. values[name])
    end
  end
  add("-t", options.tag, "-f", options.dir .. "/Dockerfile", options.dir)
  return argv
end

---@class molbuild.BuildOptions
---@field tag string
---@field dir string
---@field builder "buildkit"|"classic"  see Engine:builder()
---@field platform string?
---@field build_args table<string, string>?
---@field labels table<string, string>?
---@field no_cache boolean?
---@field timeout number?  the ceiling, in seconds
---@field stall number?  the longest silence, in seconds; BuildKit's silent phases get four times as much
---@field log_file string?
---@field keep table?  locks that live as long as the build

--- Run the build once. Gives its result and, where it ended well, what the engine says of the image then.
local function build_once(engine, options)
  local scope, quiet, step = task.scope(), docker_build.quiet_phases(), docker_build.steps(options.builder)
  local function on_line(line)
    local done, total, text = step(line)
    if done then
      events.emit("progress", { done = done, total = total, text = text }, scope)
    end
    return quiet(line) and "quiet" or nil
  end
  local buildkit = options.builder == "buildkit"
  local result = engine:run(arguments_of(options), {
    env = { DOCKER_BUILDKIT = buildkit and "1" or "0", BUILDKIT_PROGRESS = "plain", DOCKER_CLI_HINTS = "false" },
    signal = SIGINT,
    timeout = options.timeout or 0,
    stall = options.stall,
    quiet_phase = options.stall and options.stall * 4,
    log_file = options.log_file,
    keep = options.keep,
    only = docker_build.told_lines,
    on_line = on_line,
  })
  if result.code ~= 0 then
    return result
  end
  return result, engine:image(options.tag)
end

--- How the classic builder's cache has spoilt a build, in words. It takes a layer of another platform for this one's: what is
--- built is that platform's, or cannot be built.
local function spoilt_by_cache(options, result, built)
  if options.builder ~= "classic" or options.no_cache or not options.platform then
    return nil
  elseif result.code ~= 0 then
    return result.tail:match "image with reference %S+ was found but does not match the specified platform[^\n]*"
  end
  return built and image.other_platform(built, options.platform)
end

--- Build an image from a directory with a Dockerfile at its root.
---@param engine molbuild.Engine
---@param options molbuild.BuildOptions
---@return molbuild.Image?  nil when the engine's answer cannot be understood
---@raise build | timeout | missing_tool | cancelled
function docker_build.run(engine, options)
  local what = ("%s build %s"):format(engine.command:match "[^/]*$", options.tag)
  local result, built, unclear = build_once(engine, options)
  local spoilt = spoilt_by_cache(options, result, built)
  if spoilt then
    log.warn("%s: %s — building it anew, without the cache", options.tag, spoilt)
    result, built, unclear = build_once(engine, setmetatable({ no_cache = true }, { __index = options }))
  end
  if result.code ~= 0 then
    -- The program's own word is the last one; what stands before it may be a RUN's, which may want an engine, too.
    if docker_cli.unreachable(child.last_words(result)) then
      engine:raise_unreachable(child.last_words(result))
    end
    errors.raise {
      kind = "build",
      message = ("%s: %s"):format(what, child.last_words(result)),
      hint = docker_cli.build_hint(child.last_words(result)),
      tail = child.last_lines(result.tail, 40),
      log = options.log_file,
    }
  end
  if not built and not unclear then
    -- A builder other than the engine's own may keep to itself what it has built.
    errors.raise {
      kind = "build",
      message = what .. ": it ended well, but the engine does not have the image",
      hint = "build with the engine's own builder: BUILDX_BUILDER not set, and docker buildx use default",
    }
  end
  return built
end

return docker_build
