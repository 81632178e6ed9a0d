--- A world for the test of a policy: a forge, git, an engine and a clock, put in the places where the library meets the real ones,
--- so that the policy and its steps run as they are. No process is started, nothing is written, nothing waits.
local clock = require "molbuild.testing.clock"
local core = require "molbuild.core"
local docker = require "molbuild.testing.docker"
local engine = require "molbuild.testing.engine"
local files = require "molbuild.testing.files"
local forge = require "molbuild.testing.forge"
local git = require "molbuild.testing.git"
local locks = require "molbuild.testing.locks"
local network = require "molbuild.testing.network"
local place = require "molbuild.testing.place"
local processes = require "molbuild.testing.processes"
local session = require "molbuild.testing.session"

local world = {}

local UID = 1000

---@class molbuild.testing.World
---@field policy string  the path of the policy that is tested
---@field env table<string, string>  the environment of its runs
---@field forge molbuild.testing.Forge
---@field engine molbuild.testing.Engine
---@field clock molbuild.testing.Clock
---@field files molbuild.testing.Files
---@field fs table  core.fs of this world
---@field programs table<string, fun(call: molbuild.testing.Call): integer?>  by name
---@field runs molbuild.testing.Run[]
---@field notices { address: string, text: string, time: number }[]  what the service manager was sent
---@field notify_error string?  why the service manager cannot be reached
---@field builds molbuild.testing.Build[]  by the engine's program, also those that failed
---@field containers { image: string, argv: string[], options: string[] }[]  that were run, by the setting smoke
local World = {}
World.__index = World

--- What world() takes: name, type.
world.options = {
  policy = "string", fork = "string", env = "table", repositories = "table", forge = "table", images = "table",
  engine = "table", registry = "table", programs = "table", files = "table", seconds = "table", credential = "table",
  now = "number", cpus = "number",
}

local function check(options)
  for name, value in pairs(options) do
    if not world.options[name] then
      error(("molbuild.testing.world: unknown option %s%s"):format(tostring(name),
        require("molbuild.base.nearest").hint(tostring(name), world.options)), 3)
    elseif type(value) ~= world.options[name] then
      error(("molbuild.testing.world: the option %s must be a %s, not a %s"):format(name, world.options[name], type(value)), 3)
    end
  end
end

local HOME = "/home/molbuild"

-- Nothing of the tests' own environment, except the directories of policies.
local function environment(own)
  local env = { HOME = HOME, PATH = "/usr/bin:/bin", LANG = "C.UTF-8", MOLBUILD_PATH = core.sys.getenv "MOLBUILD_PATH" }
  for name, value in pairs(own or {}) do
    env[name] = tostring(value)
  end
  return env
end

local function add_parts(self, options)
  self.clock = clock.new(options.now)
  self.files = files.new(core.fs, function() return self.clock:unix() end)
  self.fs = self.files:functions(UID)
  self.files:make(HOME)
  self.forge = forge.new(options.forge, options.repositories)
  local podman = options.engine and options.engine.podman
  self.engine = engine.new(options.engine, options.images, self.env[podman and "CONTAINER_HOST" or "DOCKER_HOST"])
  self.network = network.new(self.clock, core.url)
  self.processes = processes.new { clock = self.clock, mask = core.mask, files = self.fs }
  self.locks = locks.new { clock = self.clock, files = self.fs, hostname = self.hostname, pid = self.pid }
  self.engine:serve(self.network)
  self.forge:serve(self.network)
  if self.engine.socket then
    self.files:add(self.engine.socket, { socket = true })
  end
  for ref, image in pairs(options.registry or {}) do
    self.engine.registry[ref] = image
  end
  self.programs = self.processes.programs
  self.programs.git = git.program(self)
  self.programs[self.engine.command] = docker.program(self)
end

--- A world in which all goes well: each repository that is asked for has a template, and nothing is built yet.
---@param options table?  docs/testing.md
---@return molbuild.testing.World
function world.new(options)
  options = options or {}
  check(options)
  local self = setmetatable({
    pid = 4242, hostname = "world", cpus = options.cpus or 4, runs = {}, builds = {}, containers = {}, notices = {},
    seconds = options.seconds or {},
    credential = options.credential, scripts = place.scripts(), process = { env = {}, tasks = {} },
  }, World)
  self.env = environment(options.env)
  add_parts(self, options)
  for name, program in pairs(options.programs or {}) do
    self.programs[name] = program
  end
  for path, text in pairs(options.files or {}) do
    self.files:add(path, text)
  end
  if options.fork then
    self.policy = HOME .. "/fork.lua"
    self.files:add(self.policy, options.fork)
  else
    self.policy = options.policy and place.beside_test(options.policy) or place.policy_of_test()
  end
  return self
end

--- A run of the policy: `molbuild run POLICY ARGUMENT...`. Options of `molbuild run` are a table after the arguments:
--- { timeout = 60, jobs = 1, output = "json", v = true }.
---@param ... string|table
---@return molbuild.testing.Run
function World:run(...)
  return self:verb("run", ...)
end

--- The same for another verb of the policy: `molbuild VERB POLICY ARGUMENT...`.
---@param name string
---@param ... string|table
---@return molbuild.testing.Run
function World:verb(name, ...)
  local run = session.run(self, name, ...)
  self.runs[#self.runs + 1] = run
  return run
end

--- Call FN(policy, molbuild) in a task of this world, as the library calls a step: both are those of the world. Gives what it
--- returns, and raises what it raises.
---@param fn fun(policy: table, molbuild: table): ...
---@return ...
function World:call(fn)
  return session.call(self, fn)
end

--- What can be reached in the policy: its steps, which are its functions, by name; and the outcomes that it has a word for.
---@return table<string, function> steps
---@return table<string, string> outcomes
function World:parts()
  local steps = {}
  return self:call(function(policy)
    for name, value in pairs(policy) do
      steps[name] = type(value) == "function" and value or nil
    end
    return steps, (rawget(policy, "words") or {}).outcomes or {}
  end)
end

--- Call FN when so much of the world's time has passed from now, while a run waits.
---@param seconds number
---@param fn fun(world: molbuild.testing.World)
function World:after(seconds, fn)
  self.clock:at(self.clock.now + seconds, function() fn(self) end)
end

local SIGNALS = { HUP = 1, INT = 2, TERM = 15, ALRM = 14 }

--- Let a run get a signal: to be called from after().
---@param name "INT"|"TERM"|"HUP"|"ALRM"
function World:signal(name)
  self.clock:signal(SIGNALS[name] or error(("world:signal: %s is no signal that ends a run"):format(tostring(name)), 2))
end

--- Let another process hold a runtime's lock.
---@param name string
---@param seconds number?  without end when absent
function World:lock(name, seconds)
  self.locks:hold(name, seconds)
end

--- Put up a server: requests of URLs that begin so are answered by it.
---@param prefix string  "https://hooks.example/"
---@param answer fun(request: molbuild.testing.Request): table  { status, headers, body }
function World:serve(prefix, answer)
  local server = { name = prefix:match "^%a+://[^/]+" or prefix, answer = answer }
  function server.takes(request)
    return request.unix_socket == nil and request.url:sub(1, #prefix) == prefix
  end
  table.insert(self.network.servers, 1, server)
end

--- Read a file of this world.
---@param path string
---@return string?
function World:read(path)
  return (self.fs.read(path, math.maxinteger))
end

return world
