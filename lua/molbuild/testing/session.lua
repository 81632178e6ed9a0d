--- One process of a test's world: an instance of the library that runs the policy, and what came of it.
local core = require "molbuild.core"
local coverage = require "molbuild.testing.coverage"
local library = require "molbuild.testing.library"
local primitives = require "molbuild.testing.primitives"
local shipped = require "molbuild.policy.shipped"

local session = {}

local STDOUT = 1

--- What the program of a world says of itself, and the bytecode of policies that comes with it: those of the program that runs
--- the tests, where it does (command.lua).
---@type { version: string, compiled: function?, policy: function? }
session.program = { version = "test" }

---@class molbuild.testing.Run
---@field exit integer
---@field stdout string
---@field stderr string  as on a pipe
---@field events table[]  in order; docs/events.md
---@field requests molbuild.testing.Request[]
---@field commands molbuild.testing.Call[]
---@field seconds number  of the world's time
local Run = {}
Run.__index = Run

--- The events of a name.
---@param name string
---@return table[]
function Run:events_of(name)
  local list = {}
  for _, event in ipairs(self.events) do
    list[#list + 1] = event.event == name and event or nil
  end
  return list
end

--- The requests to the forge, the engine, or another origin.
---@param name string
---@return molbuild.testing.Request[]
function Run:requests_to(name)
  local list = {}
  for _, request in ipairs(self.requests) do
    list[#list + 1] = request.to == name and request or nil
  end
  return list
end

--- The commands that ran a program, such as "git", with WORD among its arguments where one is given: "build".
---@param program string
---@param word string?
---@return molbuild.testing.Call[]
function Run:commands_of(program, word)
  local list = {}
  for _, call in ipairs(self.commands) do
    list[#list + 1] = call.name == program and (not word or call:has(word)) and call or nil
  end
  return list
end

-- A process begins: what the one before has left in the environment, the masker and the loop is gone.
local function start(world)
  local process = { env = {}, output = { "", "" }, tasks = setmetatable({}, { __mode = "k" }) }
  for name, value in pairs(world.env) do
    process.env[name] = value
  end
  function process.write(self, fd, text)
    self.output[fd] = (self.output[fd] or "") .. text
  end
  core.mask.clear()
  world.process, world.network.requests, world.processes.calls, world.locks.held = process, {}, {}, {}
  world.clock:start()
  local watch = coverage.watch()
  return library.new(primitives.new(world), primitives.globals(world, watch))
end

-- Every event of the process, in order, from the scope that all tasks inherit.
local function observe(require_)
  local events = {}
  require_("molbuild.base.task").scope().observer = function(event)
    events[#events + 1] = event
    coverage.note(event)
  end
  return events
end

local function words_of(options)
  local words = {}
  for name, value in pairs(options) do
    local dashes = #name == 1 and "-" or "--"
    if value then
      words[#words + 1] = dashes .. name:gsub("_", "-") .. (value == true and "" or "=" .. tostring(value))
    end
  end
  table.sort(words)
  return words
end

local function arguments(policy, verb, ...)
  local given = table.pack(...)
  local options = type(given[given.n]) == "table" and table.remove(given) or {}
  local argv = { verb, table.unpack(words_of(options)) }
  argv[#argv + 1] = policy
  for index = 1, #given do
    argv[#argv + 1] = given[index]
  end
  return argv
end

-- The policy comes with the program as bytecode: with its lines to be counted it is read from its file.
local function compiled()
  return not coverage.is_on() and session.program.compiled or nil
end

--- Call a verb of the policy, such as run.
---@param world molbuild.testing.World
---@param verb string
---@param ... string|table
---@return molbuild.testing.Run
function session.run(world, verb, ...)
  local require_ = start(world)
  local events, began = observe(require_), world.clock.now
  coverage.policy(world)
  local status = coverage.counted(function(argv)
    return require_(library.ROOT).main(argv, {
      version = session.program.version, prefix = shipped.owns(world.scripts) and "" or "/usr/local",
      compiled = compiled(), policy = session.program.policy,
    })
  end, arguments(world.policy, verb, ...))
  return setmetatable({
    exit = status, stdout = world.process.output[STDOUT], stderr = world.process.output[2], events = events,
    requests = world.network.requests, commands = world.processes.calls, seconds = world.clock.now - began,
  }, Run)
end

--- Call FN(policy, molbuild) in a task.
---@param world molbuild.testing.World
---@param fn fun(policy: table, molbuild: table): ...
---@return ...
function session.call(world, fn)
  local require_ = start(world)
  local env = world.process.env
  -- The command line passes the installed policies to the script loader; there are none here.
  if shipped.owns(world.scripts) then
    require_("molbuild.policy.shipped").set(session.program)
  else
    env.MOLBUILD_PATH = env.MOLBUILD_PATH and ("%s:%s"):format(env.MOLBUILD_PATH, world.scripts) or world.scripts
  end
  observe(require_)
  coverage.policy(world)
  local molbuild = require_(library.ROOT)
  return coverage.counted(function()
    return require_("molbuild.base.task").run(function()
      return fn(molbuild.load(world.policy), molbuild)
    end)
  end)
end

return session
