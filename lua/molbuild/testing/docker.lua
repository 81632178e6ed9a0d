--- The program docker (or podman) of a test's world, as far as the library and policies use it: it asks and changes the engine of
--- the world, prints what the real one prints, and fails as a test has planned it.
local docker_containers = require "molbuild.testing.docker_containers"
local json = require "cjson"
local steps = require "molbuild.testing.docker_steps"

local docker = {}

local UNREACHABLE = {
  docker = "Cannot connect to the Docker daemon at %s. Is the docker daemon running?",
  podman = "Error: unable to connect to Podman socket: dial %s: connect: connection refused",
}

--- What the program says last when the engine, a registry or a RUN is why it failed, by the causes of Engine:fails_after.
local CAUSES = {
  ["disk full"] = "failed to register layer: write /layer: no space left on device",
  ["no network"] = 'failed to do request: Head "https://registry-1.docker.io/v2/library/base/manifests/latest": '
    .. "dial tcp: lookup registry-1.docker.io: no such host",
  ["rate limit"] = "toomanyrequests: You have reached your pull rate limit",
  ["access denied"] = "pull access denied, repository does not exist or may require authorization",
  ["not found"] = "docker.io/library/base:latest: not found",
  ["wrong processor"] = "exec /bin/sh: exec format error",
  ["engine gone"] = "failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF",
}

--- The causes that a test can name; each other text is the program's own last line.
docker.causes = CAUSES

-- Whether the engine answers; otherwise the program reports an error, or waits without an answer.
local function reach(engine, call)
  local fault = engine:take_fault()
  if fault == "stuck" then
    call:wait(math.huge)
  elseif fault == "unreachable" then
    call:print(UNREACHABLE[engine.podman and "podman" or "docker"], engine.address)
    return false
  elseif fault then
    call:print "Error response from daemon: set by the test"
    return false
  end
  return true
end

-- The end of a program that a RUN started, as each builder reports it.
local function step_failed(engine, builder, step, status)
  if engine.podman then
    return ('Error: building at STEP "%s": while running runtime: exit status %d'):format(step, status)
  elseif builder == "classic" then
    return ("The command '/bin/sh -c %s' returned a non-zero code: %d"):format(steps.command(step), status)
  end
  return ('process "/bin/sh -c %s" did not complete successfully: exit code: %d'):format(steps.command(step), status)
end

local function last_words(engine, builder, words)
  local own = words:find "^ERROR" or words:find "^Error" or words:find "^The command"
  if engine.podman then
    return own and words or "Error: " .. words
  elseif builder == "classic" or own then
    return words
  end
  return "ERROR: failed to solve: " .. words
end

-- What a test has planned for the end: the exit status, or a signal.
local function planned_end(engine, call, plan, builder, step)
  local cause = plan.cause
  if plan.signal or cause == "killed" then
    return nil, plan.signal or 9
  elseif cause == "silence" then
    call:wait(math.huge)
  elseif cause == "engine gone" then
    engine:fails "unreachable"
  end
  local words = plan.says or cause and cause ~= "no image" and (CAUSES[cause] or cause)
  if not words and (plan.exit or 0) ~= 0 then
    words = step_failed(engine, builder, step or "", plan.exit)
  end
  if words then
    call:print("%s", last_words(engine, builder, words))
    return plan.exit or 1
  end
end

-- The files of a directory, as the builder gets them.
local function context_of(world, dir, into, prefix)
  for _, name in ipairs(world.fs.list(dir) or {}) do
    local path = dir .. "/" .. name
    local stat = world.fs.lstat(path)
    if stat.type == "directory" then
      context_of(world, path, into, prefix .. name .. "/")
    else
      into[prefix .. name] = stat.type == "link" and { link = world.fs.readlink(path) } or world.fs.read(path, math.maxinteger)
    end
  end
  return into
end

---@class molbuild.testing.Build
---@field tag string  the image's, which it gets when it is verified
---@field name string  the one of its command line: of an image that is not verified yet
---@field dir string
---@field platform string?
---@field labels table<string, string>
---@field build_args table<string, string>
---@field files table<string, string>  what the builder got, by path
---@field no_cache boolean
---@field pull boolean
---@field secrets table<string, string>  by id: the value
---@field ssh string[]
---@field memory integer?  bytes
---@field cpus number?
---@field network string?
---@field target string?

-- The values that the builder reads from the files of --secret.
local function secrets_of(world, call)
  local values = {}
  for _, text in ipairs(select(2, call:option "--secret")) do
    local id, path = text:match "^id=([^,]*),src=(.*)$"
    values[id or text] = path and world.fs.read(path, math.maxinteger)
  end
  return values
end

local function number_of(call, option)
  return math.tointeger(tonumber((call:option(option))))
end

local function build_of(world, call)
  local dir, name = call.argv[#call.argv], call:option "-t"
  return {
    tag = name:gsub("%.unverified$", ""), name = name, dir = dir,
    platform = (call:option "--platform"), no_cache = call:has "--no-cache",
    pull = call:has "--pull" or call:has "--pull=always",
    labels = call:pairs "--label", build_args = call:pairs "--build-arg",
    files = context_of(world, dir, {}, ""), seconds = 0, secrets = secrets_of(world, call),
    ssh = select(2, call:option "--ssh"), memory = number_of(call, "--memory"), network = (call:option "--network"),
    cpus = number_of(call, "--cpu-quota") and number_of(call, "--cpu-quota") / number_of(call, "--cpu-period"),
    target = (call:option "--target"),
  }
end

local function keep_image(world, call, build, plan)
  if plan.cause == "no image" or plan.image == false then
    return
  end
  local fields = {
    labels = build.labels, platform = build.platform or world.engine.platform, files = build.files, build_args = build.build_args,
  }
  for name, value in pairs(plan.image or {}) do
    fields[name] = value
  end
  local image = world.engine:add(build.name, fields)
  call:print("%s", image.id)
end

-- What the program says of a stage that the Dockerfile does not have.
local NO_STAGE = {
  buildkit = "ERROR: failed to solve: target stage %s could not be found",
  classic = "Error response from daemon: failed to reach build target %s in Dockerfile",
  podman = 'Error: The target "%s" was not found in the provided Dockerfile',
}

local function lacks_stage(build, text)
  for name in text:gmatch "[Ff][Rr][Oo][Mm]%s+%S+%s+[Aa][Ss]%s+(%S+)" do
    if name == build.target then return false end
  end
  return build.target ~= nil
end

local commands = {}

function commands.build(world, call)
  local engine = world.engine
  local plan, build = engine:take_plan "build", build_of(world, call)
  table.insert(world.builds, build)
  if engine:is_gone() then
    reach(engine, call)
    return 1
  end
  local builder = (engine.podman or call.env.DOCKER_BUILDKIT ~= "1") and "classic" or "buildkit"
  local text = world.fs.read(build.dir .. "/Dockerfile") or ""
  if lacks_stage(build, text) then
    call:print(NO_STAGE[engine.podman and "podman" or builder], build.target)
    return 1
  end
  local list, own = steps.of(text, builder, build.labels)
  local status, signal
  if plan.fn then
    status, signal = plan.fn(build, call)
  else
    steps.SHOWS[builder](call, list, own, plan, engine.podman)
    status, signal = planned_end(engine, call, plan, builder, list[own])
    if not status and not signal then
      steps.show_end(call, list, own, builder, engine.podman)
    end
  end
  if (status or 0) == 0 and not signal then
    keep_image(world, call, build, plan)
  end
  return status or 0, signal
end

function commands.pull(world, call)
  local engine, ref = world.engine, call.argv[#call.argv]
  local plan = engine:take_plan "pull"
  if not reach(engine, call) then
    return 1
  end
  call:print("%s: Pulling from %s", ref:match ":([^:/]*)$" or "latest", ref:gsub(":[^:/]*$", ""))
  call:wait(plan.seconds or 0)
  local status, signal = planned_end(engine, call, plan, "classic")
  if status or signal then
    return status, signal
  end
  local image = engine.registry[ref]
  if not image then
    call:print("Error response from daemon: manifest for %s not found: manifest unknown: manifest unknown", ref)
    return 1
  end
  engine:add(ref, { labels = image.labels, platform = image.platform, id = image.id })
  call:print("Status: Downloaded newer image for %s", ref)
  return 0
end

function commands.push(world, call)
  local engine, ref = world.engine, call.argv[#call.argv]
  local plan = engine:take_plan "push"
  if not reach(engine, call) then
    return 1
  end
  local image = engine:image(ref)
  call:print("The push refers to repository [%s]", ref:gsub(":[^:/]*$", ""))
  if not image then
    call:print("An image does not exist locally with the tag: %s", ref:gsub(":[^:/]*$", ""))
    return 1
  end
  call:wait(plan.seconds or 0)
  local status, signal = planned_end(engine, call, plan, "classic")
  if status or signal then
    return status, signal
  end
  engine.registry[ref] = { labels = image.labels, platform = image.platform, id = image.id }
  call:print("%s: digest: %s size: 527", ref:match ":([^:/]*)$" or "latest", image.id)
  return 0
end

function commands.tag(world, call)
  local engine = world.engine
  local ref, alias = call.argv[3], call.argv[4]
  if not reach(engine, call) then
    return 1
  elseif not engine:image(ref) then
    call:print("Error response from daemon: No such image: %s", ref)
    return 1
  end
  engine:name(engine:image(ref), alias)
  return 0
end

local function inspect(world, call)
  local engine, list = world.engine, {}
  if not reach(engine, call) then
    return 1
  end
  for index = 4, #call.argv do
    local ref = call.argv[index]
    local image = engine:image(ref)
    if not image then
      call:out "[]\n"
      call:print(engine.podman and "Error: %s: image not known" or "Error response from daemon: No such image: %s", ref)
      return 1
    end
    list[#list + 1] = engine:described(image)
  end
  call:out(json.encode(list) .. "\n")
  return 0
end

local function remove_image(world, call)
  if not reach(world.engine, call) then return 1 end
  local status, answer = world.engine:delete(call.argv[#call.argv])
  if status == 200 then
    call:out(answer[1].Deleted and ("Deleted: %s\n"):format(answer[1].Deleted) or ("Untagged: %s\n"):format(answer[1].Untagged))
    return 0
  end
  call:print(world.engine.podman and "Error: %s: image not known" or "Error response from daemon: %s",
    world.engine.podman and call.argv[#call.argv] or answer.message)
  return 1
end

function commands.image(world, call)
  if call.argv[3] == "inspect" then
    return inspect(world, call)
  elseif call.argv[3] == "rm" then
    return remove_image(world, call)
  end
  call:print("docker: 'image %s' is not a command of the test's world", tostring(call.argv[3]))
  return 1
end

function commands.images(world, call)
  if not reach(world.engine, call) then
    return 1
  end
  for _, image in ipairs(world.engine:labelled((call:option "--filter"):match "^label=(.*)$")) do
    call:out(image.Id .. "\n")
  end
  return 0
end

-- An engine, and podman, that can limit a build.
local INFO = {
  ["{{.MemoryLimit}}"] = "true", ["{{and .CPUCfsQuota .CPUCfsPeriod}}"] = "true", ["{{.Host.ServiceIsRemote}}"] = "false",
  ["{{.Host.CgroupControllers}}"] = "[cpu memory pids]",
}

function commands.info(world, call)
  if not reach(world.engine, call) then return 1 end
  call:out((INFO[call:option "--format"] or "") .. "\n")
  return 0
end

function commands.version(world, call)
  if not reach(world.engine, call) then
    return 1
  end
  call:out(json.encode { Server = world.engine:server() } .. "\n")
  return 0
end

function commands.buildx(world, call)
  if world.engine.builder ~= "buildkit" then
    call:print "docker: 'buildx' is not a docker command."
    return 1
  end
  call:out "github.com/docker/buildx v0.24.0 d0e5e86\n"
  return 0
end

commands["--version"] = function(world, call)
  call:out(world.engine.podman and "podman version 5.4.0\n" or "Docker version 28.2.2, build e6534b4\n")
  return 0
end

--- The program.
---@param world table  engine, fs
---@return fun(call: molbuild.testing.Call): integer?, integer?
function docker.program(world)
  return function(call)
    local about_containers = docker_containers[call.argv[2]]
    local run = commands[call.argv[2]]
    if about_containers then
      return about_containers(world, call, reach)
    elseif not run then
      call:print("%s: '%s' is not a command of the test's world", call.name, tostring(call.argv[2]))
      return 1
    end
    return run(world, call)
  end
end

return docker
