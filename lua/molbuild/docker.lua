--- A Docker Engine: what images it has, tagging them, building them.
local docker_api = require "molbuild.docker_api"
local env = require "molbuild.env"
local errors = require "molbuild.errors"
local events = require "molbuild.events"
local log = require "molbuild.log"
local task = require "molbuild.task"

local docker = {}

--- INT is what a person's Ctrl-C sends the docker CLI: it then cancels the build inside the engine, too.
local SIGINT = 2

---@class molbuild.Engine
---@field command string  the program that builds: docker, podman, or a path
---@field podman boolean
---@field api molbuild.EngineApi?  answers questions; nil: the program does
---@field cli molbuild.EngineCli?  from its first use on
---@field early { ref: string, task: molbuild.Task, served: table }?  a question that was asked ahead of time
local Engine = {}
Engine.__index = Engine

--- The engine that a program reaches: MOLBUILD_DOCKER names it, docker when absent. Questions go to the engine's API, or
--- to the program where that cannot be spoken; builds go to the program.
---@param options { command: string? }?
---@return molbuild.Engine
function docker.engine(options)
  local command = options and options.command or env.get("MOLBUILD_DOCKER", "docker")
  return setmetatable({
    command = command,
    podman = command:match "[^/]*$" == "podman",
    api = docker_api.connect(command),
  }, Engine)
end

--- Run the program.
function Engine:run(arguments, more)
  return require("molbuild.docker_cli").run(self.command, arguments, more)
end

--- What to do about an engine that cannot be reached, by what is said of it.
local function hint(self, message)
  if message:find("permission denied", 1, true) then
    return "see to it that you may use it (id -nG should name its group)"
  elseif message:find("certificat", 1, true) or message:find(".pem", 1, true) then
    return "check the files ca.pem, cert.pem and key.pem of DOCKER_CERT_PATH or of the context"
  elseif self.podman then
    return "start it (for example: sudo systemctl start podman.socket), or point CONTAINER_HOST at one that runs"
  end
  return "start it (for example: sudo systemctl start docker), or point DOCKER_HOST at one that runs"
end

function Engine:raise_unreachable(message)
  errors.raise {
    kind = "missing_tool",
    message = ("the %s cannot be reached: %s"):format(self.podman and "podman service" or "Docker Engine", message),
    hint = hint(self, message),
  }
end

--- References go into paths and arguments: nothing but a reference may be in one. What is a good one, the engine says.
local function check_reference(ref)
  if not ref:find "^%w[%w%._%-/:@]*$" or ref:find "/%W" or ref:find "/$" then
    errors.raise { kind = "usage", message = ('"%s" is no image reference'):format(ref) }
  end
end

--- Ask a question of a back end: the API; from the first one on that it does not answer, the program, which knows more
--- ways to an engine, and says best why there is none.
function Engine:ask(question, ...)
  for _, ref in ipairs { ... } do
    check_reference(ref)
  end
  local api = self.api
  if api then
    local answer, message, code = api[question](api, ...)
    if not code then
      return answer, message
    elseif code == "cancelled" then
      errors.raise { kind = "cancelled", message = message }
    end
    self.api = nil
  end
  self.cli = self.cli or require("molbuild.docker_cli").connect(self.command)
  local answer, message, code = self.cli[question](self.cli, ...)
  if code then
    self:raise_unreachable(message)
  end
  return answer, message
end

--- The names of an image. podman puts a registry before those that have none.
function Engine:names_of(image)
  local names = {}
  for _, name in ipairs(type(image.RepoTags) == "table" and image.RepoTags or {}) do
    if type(name) == "string" then
      names[#names + 1] = self.podman and name:gsub("^localhost/", "") or name
    end
  end
  return names
end

--- An image as the engine describes it, in our words.
function Engine:described(image)
  if type(image) ~= "table" or type(image.Id) ~= "string" then
    return nil, "the engine gave no usable answer"
  end
  local config = type(image.Config) == "table" and image.Config or {}
  return {
    id = image.Id:find "^%x+$" and "sha256:" .. image.Id or image.Id,
    tags = self:names_of(image),
    os = image.Os,
    architecture = image.Architecture,
    variant = type(image.Variant) == "string" and image.Variant ~= "" and image.Variant or nil,
    labels = type(config.Labels) == "table" and config.Labels or {},
  }
end

---@class molbuild.Image
---@field id string  "sha256:..."
---@field tags string[]  all its names, with their tags
---@field os string
---@field architecture string
---@field variant string?  of the architecture
---@field labels table<string, string>

local function ask_image(self, ref)
  local image, message = self:ask("image", ref)
  if image then
    return self:described(image)
  end
  return nil, message
end

--- Ask about an image ahead of time, while something else is waited for. The next image() of this name, or of another one
--- that the image bears, too, takes the answer that is there then. Each name is served once, and none after a build: an
--- answer must not get old.
---@param ref string
---@return table asked  to be closed, which ends the question if it is still under way
function Engine:ask_early(ref)
  local early = { ref = ref, served = {}, task = task.spawn(ask_image, self, ref) }
  self.early = early
  return setmetatable({}, {
    __close = function()
      self.early = nil
      early.task:cancel()
    end,
  })
end

local function bears(image, ref)
  for _, name in ipairs(image.tags) do
    if name == ref then
      return true
    end
  end
  return false
end

-- The answer that was asked for ahead of time, if it tells about REF.
local function take_early(self, ref)
  local early = self.early
  if not early or early.served[ref] then
    return nil
  end
  local image = early.task:join()
  if image and (ref == early.ref or bears(image, ref)) then
    early.served[ref] = true
    return image
  end
end

--- What the engine knows of an image.
---@param ref string
---@return molbuild.Image?  nil when it has none
---@return string? message  when the engine gave no answer that can be understood: neither yes nor no
---@raise missing_tool  the engine cannot be reached
---@raise usage  no reference
function Engine:image(ref)
  local image = take_early(self, ref)
  if image then
    return image
  end
  return ask_image(self, ref)
end

--- Give an image another name.
---@param ref string
---@param alias string
---@raise failed | missing_tool | usage
function Engine:tag(ref, alias)
  if alias:find("@", 1, true) then
    errors.raise { kind = "usage", message = ('"%s" has a digest: it is no name that can be given'):format(alias) }
  end
  local done, message = self:ask("tag", ref, alias)
  if not done then
    errors.raise { kind = "failed", message = ("tagging %s: %s"):format(alias, message) }
  end
end

--- Which builder the program can use. docker's BuildKit needs buildx from client 23 on; before, it is built in. podman has
--- one builder alone, which writes as the classic one does.
---@return "buildkit"|"classic"
---@return string? advice  one line, when the classic builder is all there is
function Engine:builder()
  if self.podman then
    return "classic"
  end
  if self:run({ "buildx", "version" }, { capture = 65536, silent = true }).code == 0 then
    return "buildkit"
  end
  local result = self:run({ "version", "--format", "{{.Client.Version}}" }, { capture = 65536, silent = true })
  local major = tonumber((result.stdout or ""):match "^(%d+)%.")
  if major and major < 23 then
    return "buildkit"
  end
  return "classic",
    "docker has no buildx: building with the classic builder "
      .. "(to use BuildKit, install the package docker-buildx or docker-buildx-plugin)"
end

--- Check a platform that came from outside: os/architecture, with a variant behind it or not.
---@param platform string
---@param where string  said in the message
---@raise usage
function docker.check_platform(platform, where)
  if not platform:find "^%l+/[%l%d]+$" and not platform:find "^%l+/[%l%d]+/v%d+$" then
    errors.raise { kind = "usage", message = ('%s: "%s" is no platform, such as linux/arm64'):format(where, platform) }
  end
end

--- A platform as part of a tag: "arm64", "arm-v7"; another system than Linux is named, too.
---@param platform string
---@return string
function docker.short_platform(platform)
  return (platform:gsub("^linux/", ""):gsub("/", "-"))
end

--- What the lines begin with that build_step() and quiet_phases() look at (see process.run): not the output of a RUN,
--- which is nearly all that a build prints.
docker.told_lines = {
  "#%d [", "#%d exporting ", "#%d unpacking to ", "#%d DONE", "#%d ERROR", "#%d CANCELED", "Step ",
  "STEP ", "[%d/%d] STEP ", -- podman's
}

--- The build step that an output line announces: done, total, text. nil for any other line.
---@param line string
function docker.build_step(line)
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

--- The number of BuildKit's that a line begins with. Beyond 99999 it is not BuildKit's: what is kept of each has an end.
local function vertex_of(line)
  return line:match "^#(%d%d?%d?%d?%d?) "
end

--- Follows the steps of one build. Returns a function of a line that gives done, total and text of a step when it begins,
--- each once: BuildKit announces a step again when it has shown another one in between; and what a RUN of the classic
--- builder prints may look like a step, but only the next one is it.
---@param builder "buildkit"|"classic"
function docker.build_steps(builder)
  local told, next_step, all = {}, 1, nil
  return function(line)
    local done, total, text = docker.build_step(line)
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
function docker.quiet_phases()
  local open = {}
  return function(line)
    local id, rest = vertex_of(line), line:match "^#%d+ (.*)$"
    if id and (rest:find "^exporting " or rest:find "^unpacking to ") then
      open[id] = not rest:find " done$" or nil
    elseif id and (rest:find "^DONE" or rest:find "^ERROR" or rest:find "^CANCELED") then
      open[id] = nil
    end
    return next(open) ~= nil
  end
end

local function build_arguments(self, options)
  local argv = { "build" }
  local function add(...)
    for _, argument in ipairs { ... } do
      argv[#argv + 1] = argument
    end
  end
  if options.platform then
    add("--platform=" .. options.platform)
  end
  if self.buildkit then
    add "--progress=plain"
  end
  if not self.buildkit then
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

--- Run the build once. Gives its result and, where it ended well, the image that the engine has then.
local function build_once(self, options)
  local scope, quiet, step = task.scope(), docker.quiet_phases(), docker.build_steps(options.builder)
  local function on_line(line)
    local done, total, text = step(line)
    if done then
      events.emit("progress", { done = done, total = total, text = text }, scope)
    end
    return quiet(line) and "quiet" or nil
  end
  local result = self:run(build_arguments(self, options), {
    env = { DOCKER_BUILDKIT = self.buildkit and "1" or "0", BUILDKIT_PROGRESS = "plain", DOCKER_CLI_HINTS = "false" },
    signal = SIGINT,
    timeout = options.timeout or 0,
    stall = options.stall,
    quiet_phase = options.stall and options.stall * 4,
    log_file = options.log_file,
    keep = options.keep,
    only = docker.told_lines,
    on_line = on_line,
  })
  if result.code ~= 0 then
    return result
  end
  return result, self:image(options.tag)
end

--- How the classic builder's cache has spoilt a build, in words. It takes a layer of another platform for this one's: what is
--- built is that platform's, or cannot be built.
local function spoilt_by_cache(options, result, image)
  if options.builder ~= "classic" or options.no_cache or not options.platform then
    return nil
  elseif result.code ~= 0 then
    return result.tail:match "image with reference %S+ was found but does not match the specified platform[^\n]*"
  end
  return image and require("molbuild.image").other_platform(image, options.platform)
end

--- Build an image from a directory with a Dockerfile at its root.
---@param options molbuild.BuildOptions
---@return molbuild.Image?  nil when the engine's answer cannot be understood
---@raise build | timeout | missing_tool | cancelled
function Engine:build(options)
  local child, docker_cli = require "molbuild.child", require "molbuild.docker_cli"
  local what = ("%s build %s"):format(self.command:match "[^/]*$", options.tag)
  self.early = nil
  self.buildkit = options.builder == "buildkit"
  local result, image, unclear = build_once(self, options)
  local spoilt = spoilt_by_cache(options, result, image)
  if spoilt then
    log.warn("%s: %s — building it anew, without the cache", options.tag, spoilt)
    result, image, unclear = build_once(self, setmetatable({ no_cache = true }, { __index = options }))
  end
  if result.code ~= 0 then
    -- The program's own word is the last one; what stands before it may be a RUN's, which may want an engine, too.
    if docker_cli.unreachable(child.last_words(result)) then
      self:raise_unreachable(child.last_words(result))
    end
    local ended = result.signal and ("ended by signal %d"):format(result.signal)
    errors.raise {
      kind = "build",
      message = ("%s: %s"):format(what, ended or child.last_words(result)),
      hint = docker_cli.build_hint(child.last_words(result)),
      tail = child.last_lines(result.tail, 40),
      log = options.log_file,
    }
  end
  if not image and not unclear then
    -- A builder other than the engine's own may keep to itself what it has built.
    errors.raise {
      kind = "build",
      message = what .. ": it ended well, but the engine does not have the image",
      hint = "build with the engine's own builder: BUILDX_BUILDER not set, and docker buildx use default",
    }
  end
  return image
end

return docker
