--- A Docker Engine: what images it has, tagging them, building them.
local child = require "molbuild.child"
local core = require "molbuild.core"
local docker_api = require "molbuild.docker_api"
local errors = require "molbuild.errors"
local events = require "molbuild.events"
local task = require "molbuild.task"

local docker = {}

local INSPECT_MAX = 4 * 1024 * 1024

--- INT is what a person's Ctrl-C sends the docker CLI: it then cancels the build inside the engine, too.
local SIGINT = 2

local UNREACHABLE = {
  "Cannot connect to the Docker daemon", "error during connect", "Is the docker daemon running",
  "permission denied while trying to connect", "dial unix", "failed to connect to the docker API",
}

local function unreachable(text)
  for _, words in ipairs(UNREACHABLE) do
    if text:find(words, 1, true) then
      return true
    end
  end
end

---@class molbuild.Engine
---@field command string  the CLI's name
---@field api molbuild.EngineApi?  for questions; nil: the CLI is asked
---@field early { ref: string, task: molbuild.Task, served: table }?  a question that was asked ahead of time
local Engine = {}
Engine.__index = Engine

--- The engine that the docker CLI reaches. Questions go to its API, or to the CLI where that cannot be spoken; builds go
--- to the CLI.
---@param options { command: string? }?  "docker" when absent
---@return molbuild.Engine
function docker.engine(options)
  return setmetatable({ command = options and options.command or "docker", api = docker_api.connect() }, Engine)
end

function Engine:run(arguments, more)
  local argv = table.move(arguments, 1, #arguments, 2, { self.command })
  local options = { argv = argv, timeout = 60, env = { DOCKER_CLI_HINTS = "false" } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return child.run(options)
end

local function raise_unreachable(result)
  errors.raise {
    kind = "missing_tool",
    message = "the Docker Engine cannot be reached: " .. child.last_words(result),
    hint = "start it (for example: sudo systemctl start docker), or point DOCKER_HOST at one that runs",
  }
end

--- An image as the engine describes it, in our words.
local function described(image)
  if type(image) ~= "table" or type(image.Id) ~= "string" then
    return nil, "the engine gave no usable answer"
  end
  local config = type(image.Config) == "table" and image.Config or {}
  return {
    id = image.Id,
    tags = type(image.RepoTags) == "table" and image.RepoTags or {},
    os = image.Os,
    architecture = image.Architecture,
    labels = type(config.Labels) == "table" and config.Labels or {},
  }
end

function Engine:image_by_cli(ref)
  local result = self:run({ "image", "inspect", ref }, { capture = INSPECT_MAX, silent = true })
  if result.code == 0 then
    local ok, answer = pcall(require("cjson").decode, result.stdout)
    return described(ok and type(answer) == "table" and answer[1])
  elseif result.tail:find("No such image", 1, true) then
    return nil
  elseif unreachable(result.tail) then
    raise_unreachable(result)
  end
  return nil, "docker image inspect: " .. child.last_words(result)
end

--- From the first question on that the API does not answer, the CLI is asked: it knows more ways to an engine, and
--- says best why there is none.
function Engine:without_api(message, code)
  if code == "cancelled" then
    errors.raise { kind = "cancelled", message = message }
  end
  self.api = nil
end

local function ask(self, ref)
  if self.api then
    local image, message, code = self.api:image(ref)
    if not code then
      if image then
        return described(image)
      end
      return nil, message
    end
    self:without_api(message, code)
  end
  return self:image_by_cli(ref)
end

--- Ask about an image ahead of time, while something else is waited for. The next image() of this name, or of another one
--- that the image bears, too, takes the answer that is there then. Each name is served once, and none after a build: an
--- answer must not get old.
---@param ref string
---@return table asked  to be closed, which ends the question if it is still under way
function Engine:ask_early(ref)
  local early = { ref = ref, served = {}, task = task.spawn(function() return ask(self, ref) end) }
  self.early = early
  return setmetatable({}, {
    __close = function()
      self.early = nil
      early.task:cancel()
    end,
  })
end

-- The answer that was asked for ahead of time, if it tells about REF.
local function take_early(self, ref)
  local early = self.early
  if not early or early.served[ref] then
    return nil
  end
  local image = early.task:join()
  for _, name in ipairs { early.ref, table.unpack(image and image.tags or {}) } do
    if image and name == ref then
      early.served[ref] = true
      return image
    end
  end
end

--- What the engine knows of an image.
---@param ref string
---@return { id: string, tags: string[], os: string, architecture: string, labels: table<string, string> }?  nil when it has none
---@return string? message  when the engine gave no answer that can be understood: neither yes nor no
---@raise missing_tool  the engine cannot be reached
function Engine:image(ref)
  local image = take_early(self, ref)
  if image then
    return image
  end
  return ask(self, ref)
end

--- Give an image another name.
---@param ref string
---@param alias string
---@raise failed | missing_tool
function Engine:tag(ref, alias)
  if self.api then
    local ok, message, code = self.api:tag(ref, alias)
    if ok then
      return
    elseif not code then
      errors.raise { kind = "failed", message = ("tagging %s: %s"):format(alias, message) }
    end
    self:without_api(message, code)
  end
  local result = self:run { "tag", ref, alias }
  if result.code ~= 0 then
    errors.raise { kind = "failed", message = ("docker tag %s: %s"):format(alias, child.last_words(result)) }
  end
end

--- Which builder the CLI can use. BuildKit needs buildx from client 23 on; before, it is built in.
---@return "buildkit"|"classic"
---@return string? advice  one line, when the classic builder is all there is
function Engine:builder()
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

--- The build step that an output line announces: done, total, text. nil for any other line.
---@param line string
function docker.build_step(line)
  local done, total, text = line:match "^#%d+ %[[^%]]-(%d+)/(%d+)%] (.*)$"
  if not done then
    done, total, text = line:match "^Step (%d+)/(%d+) : (.*)$"
  end
  if done then
    return math.tointeger(done), math.tointeger(total), text
  end
end

--- Follows BuildKit's export and unpack phases, which are silent by nature. Returns a function of a line that says
--- whether silence is to be expected after it.
function docker.quiet_phases()
  local open = {}
  return function(line)
    local id, rest = line:match "^#(%d+) (.*)$"
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
  if options.no_cache then
    add "--no-cache"
  end
  local names = {}
  for name in pairs(options.build_args or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    add("--build-arg", name .. "=" .. options.build_args[name])
  end
  names = {}
  for name in pairs(options.labels or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    add("--label", name .. "=" .. options.labels[name])
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

--- Build an image from a directory with a Dockerfile at its root.
---@param options molbuild.BuildOptions
---@raise build | timeout | missing_tool | cancelled
function Engine:build(options)
  local scope, quiet = task.scope(), docker.quiet_phases()
  self.early = nil
  self.buildkit = options.builder == "buildkit"
  local function on_line(line)
    local done, total, text = docker.build_step(line)
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
    on_line = on_line,
  })
  if result.code ~= 0 then
    if unreachable(result.tail) then
      raise_unreachable(result)
    end
    local ended = result.signal and ("ended by signal %d"):format(result.signal)
    errors.raise {
      kind = "build",
      message = ("docker build %s: %s"):format(options.tag, ended or child.last_words(result)),
      tail = child.last_lines(result.tail, 40),
      log = options.log_file,
    }
  end
end

--- Whether the CLI is there.
---@return boolean
function docker.found(command)
  return core.process.find(command or "docker") ~= nil
end

return docker
