--- A Docker Engine: its images, tagging them, building them.
local core = require "molbuild.core"
local seal = require "molbuild.base.seal"
local api = require "molbuild.engine.api"
local defer = require "molbuild.base.defer"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local json = require "molbuild.base.json"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local docker = {}

local PING_TIMEOUT = 10 -- seconds
local PROGRAM_LEAST = 5 -- the program's least time in seconds, however long the API took

---@class molbuild.Engine
---@field command string  the program that builds: docker, podman, or a path
---@field podman boolean
---@field private api molbuild.EngineApi?  answers questions; nil: the program does
---@field private cli molbuild.EngineCli?  created at its first use
---@field private early { ref: string, task: molbuild.Task, served: table }?  a question that was asked ahead of time
---@field private own_platform string?  the engine's, once it is known
---@field private answers_of_info table<string, table>?  by format: what the program's `info` has printed
local Engine = {}
Engine.__index = Engine

--- The engine that a program uses: MOLBUILD_DOCKER names the program, docker when absent. Questions use the engine's API,
--- or the program if the API is not available. Builds always use the program.
---@param options { command: string? }?
---@return molbuild.Engine
function docker.engine(options)
  local command = options and options.command or env.check_path(env.get("MOLBUILD_DOCKER", "docker"), "MOLBUILD_DOCKER")
  return setmetatable({
    command = command,
    podman = command:match "[^/]*$" == "podman",
    api = api.connect(command),
  }, Engine)
end

--- Run the program.
function Engine:run(arguments, more)
  return require("molbuild.engine.cli").run(self.command, arguments, more)
end

-- Raise that the engine cannot be reached.
function Engine:raise_unreachable(message)
  error(require("molbuild.engine.unreachable").error(self, message), 0)
end

--- References become parts of paths and arguments, so they must not contain other characters. The engine decides whether
--- a reference is valid.
local function check_reference(ref)
  if type(ref) ~= "string" then
    error(("an image reference is a string, not a %s"):format(type(ref)), 0)
  elseif not ref:find "^%w[%w%._%-/:@]*$" or ref:find "/%W" or ref:find "/$" then
    errors.raise { kind = "usage", message = ('"%s" is not an image reference'):format(ref) }
  end
end

-- Raise that the engine accepts a question and gives no answer.
function Engine:raise_stuck(message)
  error(require("molbuild.engine.unreachable").stuck(self, message), 0)
end

-- Ask the program, within a bound in seconds.
local function ask_program(self, seconds, question, ...)
  self.cli = self.cli or require("molbuild.engine.cli").connect(self.command)
  self.cli.timeout = math.max(seconds, PROGRAM_LEAST)
  local ask = type(question) == "table" and question.cli or self.cli[question]
  local asked = table.pack(pcall(ask, self.cli, ...))
  if asked[1] then
    return table.unpack(asked, 2, asked.n)
  elseif errors.is(asked[2], "timeout") then
    self:raise_stuck(asked[2].message)
  end
  error(asked[2], 0)
end

--- Ask a question: of the API; after the first question that the API does not answer, of the program. The program
--- supports more endpoints, and explains best why an engine cannot be reached. A stuck engine is not asked again, so a
--- question takes a minute at most.
---@param question string|{ api: function, cli: function, seconds: number }  a function that both back ends have; or one for
---  each of them, and the most seconds that it may take
---@param ... string  references
function Engine:ask(question, ...)
  local started = core.sys.monotonic()
  local pair = type(question) == "table" and question
  if self.api then
    local answer, message, code = (pair and pair.api or self.api[question])(self.api, ...)
    if not code then
      return answer, message
    elseif code == "timeout" then
      self:raise_stuck(message)
    end
    self.api = nil
  end
  local left = (pair and pair.seconds or api.TIMEOUT) - (core.sys.monotonic() - started)
  local answer, message, code = ask_program(self, left, question, ...)
  if code then
    self:raise_unreachable(message)
  end
  return answer, message
end

--- Whether the engine answers now.
---@return boolean there
---@return string? message  why it does not
---@raise cancelled
function Engine:answers()
  local there, message, code
  if self.api then
    there, message, code = self.api:ping(PING_TIMEOUT)
    if there or code == "timeout" then
      return there or false, message
    end
  end
  local ok, answer, words = pcall(ask_program, self, PING_TIMEOUT, "ping", PING_TIMEOUT)
  return ok and answer or false, ok and words or tostring(answer)
end

--- The names of an image. podman adds a registry to names without one.
function Engine:names_of(image)
  local names = {}
  for _, name in ipairs(type(image.RepoTags) == "table" and image.RepoTags or {}) do
    if type(name) == "string" then
      names[#names + 1] = self.podman and name:gsub("^localhost/", "") or name
    end
  end
  return names
end

--- The engine's description of an image, converted to the library's fields.
function Engine:described(image)
  if type(image) ~= "table" or type(image.Id) ~= "string" then
    return nil, "the engine gave no usable answer"
  end
  local config = type(image.Config) == "table" and image.Config or {}
  return {
    id = require("molbuild.engine.image").id(image.Id) or "",
    tags = self:names_of(image),
    os = image.Os,
    architecture = image.Architecture,
    variant = text.said(image.Variant),
    created = image.Created,
    digests = type(image.RepoDigests) == "table" and image.RepoDigests or nil,
    layers = type(image.RootFS) == "table" and type(image.RootFS.Layers) == "table" and image.RootFS.Layers or nil,
    size = math.tointeger(tonumber(image.Size)),
    labels = type(config.Labels) == "table" and config.Labels or type(image.Labels) == "table" and image.Labels or {},
  }
end

---@class molbuild.Image
---@field id string  "sha256:..."
---@field tags string[]  all its names, with their tags
---@field os string
---@field architecture string
---@field variant string?  of the architecture
---@field created string|integer|nil  when the engine made it, as the engine writes it: a date, in a list seconds since 1970
---@field size integer?  bytes, with all of its layers
---@field labels table<string, string>
---@field digests string[]?  its names in registries, with digests: "debian@sha256:..."
---@field layers string[]?  the digests of its layers, the lowest first

local function ask_image(self, ref)
  check_reference(ref)
  local image, message = self:ask("image", ref)
  if image then
    return self:described(image)
  end
  return nil, message
end

local function ask_platform(self)
  local server, message = self:ask "server"
  local system, architecture = server and server.Os, server and server.Arch
  if type(system) ~= "string" or type(architecture) ~= "string" or not (system .. architecture):find "^[%w_-]+$" then
    return nil, message or "the engine gave no usable answer"
  end
  return system .. "/" .. require("molbuild.engine.image").architecture(architecture)
end

--- Ask about an image ahead of time, while something else is waited for. The next image() of this name, or of another name
--- of the same image, uses the answer. Each name is answered once, and none after a build: an answer must not become stale.
---@param ref string
---@return table asked  to be closed, which ends a question in progress
function Engine:ask_early(ref)
  local early = { ref = ref, served = {}, task = task.spawn(ask_image, self, ref) }
  self.early = early
  core.sys.sleep(0) -- a turn of the loop, which sends the question; what the answer needs is loaded while the engine works on it
  json.prepare()
  require "molbuild.engine.image"
  return defer(function()
    self.early = nil
    early.task:cancel()
  end)
end

-- The answer that was requested ahead of time, if it is about REF.
local function take_early(self, ref)
  local early = self.early
  if not early or early.served[ref] then
    return nil
  end
  local image = early.task:join()
  if image and (ref == early.ref or text.is_one_of(ref, image.tags)) then
    early.served[ref] = true
    return image
  end
end

--- Which image a name leads to. The answer of ask_early is used, and stays there for image().
---@param ref string
---@return string? found  the commit that the image was built from, by its label; else the image's id; "none" when the engine has
---  no such image; nil when its answer is unusable
---@raise missing_tool  the engine cannot be reached
function Engine:revision(ref)
  local image, message
  if self.early and self.early.ref == ref then
    image, message = self.early.task:join()
  else
    image, message = ask_image(self, ref)
  end
  if not image then
    return not message and "none" or nil
  end
  return require("molbuild.engine.image").revision(image) or image.id
end

--- The engine's description of an image.
---@param ref string
---@return molbuild.Image?  nil when it has none
---@return string? message  when the engine's answer is unusable: neither yes nor no
---@raise missing_tool  the engine cannot be reached
---@raise usage  not a reference
function Engine:image(ref)
  local image = take_early(self, ref)
  if image then
    return image
  end
  return ask_image(self, ref)
end

--- The platform of the engine, which may run on another machine, in Go's names: "linux/amd64". Asked once.
---@return string? platform
---@return string? message  when the engine's answer is unusable
---@raise missing_tool  the engine cannot be reached
function Engine:platform()
  local message
  if not self.own_platform then
    self.own_platform, message = ask_platform(self)
  end
  return self.own_platform, message
end

--- The images that have a label with a value.
---@param name string
---@param value string
---@return molbuild.Image[]?  they may lack their platforms: a list of the engine's has none
---@return string? message  when the engine's answer is unusable
---@raise missing_tool  the engine cannot be reached
function Engine:labelled(name, value)
  local answer, message = self:ask("labelled", name .. "=" .. value)
  local list = {}
  for _, image in ipairs(type(answer) == "table" and answer or {}) do
    list[#list + 1] = self:described(image)
  end
  return answer and list or nil, message
end

--- Give an image another name.
---@param ref string
---@param alias string
---@raise failed | missing_tool | usage
function Engine:tag(ref, alias)
  check_reference(ref)
  check_reference(alias)
  if alias:find("@", 1, true) then
    errors.raise { kind = "usage", message = ('"%s" has a digest: an image cannot be tagged with it'):format(alias) }
  end
  local done, message = self:ask("tag", ref, alias)
  if not done then
    errors.raise { kind = "failed", message = ("tagging %s: %s"):format(alias, message) }
  end
end

--- The builder for the program: see engine/builder.lua.
---@return "buildkit"|"classic"
---@return string? advice  one line, when only the classic builder is available
---@raise usage  DOCKER_BUILDKIT is not a boolean
function Engine:builder()
  return require("molbuild.engine.builder").find(self)
end

--- The program that builds, by its real name: once builder() has detected a podman that is called docker, "podman".
---@return string
function Engine:program()
  return self.podman and "podman" or self.command
end

--- A platform as part of a tag: "arm64", "arm-v7"; a system other than Linux is included.
---@param platform string
---@return string
function docker.short_platform(platform)
  return (platform:gsub("^linux/", ""):gsub("/", "-"))
end

local BUILD_OPTIONS = {
  tag = true, dir = true, builder = true, platform = true, build_args = true, labels = true, no_cache = true, pull = true,
  timeout = true, stall = true, log_file = true, keep = true, settings = true, buildkit = true, metadata_file = true,
  secrets = true, ssh = true, memory = true, cpus = true, network = true, target = true, called = true,
}

--- Build an image from a directory with a Dockerfile at its root; see engine/build.lua.
---@param options molbuild.BuildOptions
---@return molbuild.Image?  nil when the engine's answer is unusable
---@raise build | timeout | missing_tool | cancelled | usage
function Engine:build(options)
  seal.options("engine:build", options, BUILD_OPTIONS)
  self.early = nil
  return require("molbuild.engine.build").run(self, options)
end

local TRANSFER_OPTIONS = { platform = true, timeout = true, stall = true, log_file = true, keep = true, on_line = true }

--- Pull an image from its registry by the program, which has the credentials; see engine/transfer.lua.
---@param ref string
---@param options molbuild.TransferOptions?
---@return molbuild.Image?  nil when the engine's answer is unusable
---@raise auth | not_found | remote | failed | timeout | missing_tool | cancelled | usage
function Engine:pull(ref, options)
  seal.options("engine:pull", options, TRANSFER_OPTIONS)
  check_reference(ref)
  self.early = nil
  return require("molbuild.engine.transfer").pull(self, ref, options or {})
end

--- Push an image to its registry by the program, which has the credentials. One that is there already is a success.
---@param ref string
---@param options molbuild.TransferOptions?
---@raise auth | not_found | remote | failed | timeout | missing_tool | cancelled | usage
function Engine:push(ref, options)
  seal.options("engine:push", options, TRANSFER_OPTIONS)
  check_reference(ref)
  require("molbuild.engine.transfer").push(self, ref, options or {})
end

return docker
