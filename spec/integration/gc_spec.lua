-- `molbuild list` and `molbuild gc` with real engines: docker by its API and its program, podman by its service and its program.
local engines = require "spec.support.engines"
local images = require "spec.support.images"
local json = require "cjson"
local run = require "spec.support.run"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"
local worlds = require "spec.support.gc_worlds"

local SEED = tonumber(os.getenv "GC_SEED") or 20261126
local NUMBER = "spec.image" -- a label: which image of which world it is

-- A policy with these runtimes, a cache of its own, and a home.
local function place_for(runtimes)
  local dir = sh.temporary "gc"
  sh.write(dir .. "/policy.lua", ([[
    local ensure = molbuild.load "ensure.lua"
    ensure.runtimes = { %s }
    return ensure
  ]]):format('"' .. table.concat(runtimes, '", "') .. '"'))
  return dir
end

-- The options of run.start() for a verb in such a place.
local function call(dir, env, verb, arguments)
  local all = { MOLECULE_LOCAL_BUILD_CACHE = dir .. "/cache", MOLECULE_MANIFEST = dir .. "/manifest.json" }
  for name, value in pairs(env) do all[name] = value end
  return {
    args = { verb, "-q", "--output=json", dir .. "/policy.lua", table.unpack(arguments) }, env = all, home = dir, directory = dir,
  }
end

local function rows_of(result, verb, status)
  assert.equal(status or 0, result.status, result.stderr)
  assert(schema.check("verbs", result.stdout, verb))
  local list = {}
  for line in result.stdout:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

-- Random worlds ------------------------------------------------------------------------------------------------------------

-- Some worlds in one engine at the same time. gc clears them with the options of the first; where there is an odd number before
-- them, it is asked for the runtimes of all but the last one.
local Batch = {}
Batch.__index = Batch

local function batch(engine, from, to, env)
  local self = setmetatable({ engine = engine, env = env, number = from, worlds = {}, runtimes = {} }, Batch)
  local list, pins = {}, {}
  for number = from, to do
    local world = worlds.new(SEED, number, { now = os.time() })
    for commit in pairs(world.pins) do
      pins[#pins + 1] = { name = "pin-" .. #pins, repo = "org/t-" .. world.runtimes[1], ref = commit }
    end
    world.number, world.options, self.worlds[#self.worlds + 1] = number, (self.worlds[1] or world).options, world
    table.move(world.runtimes, 1, #world.runtimes, #self.runtimes + 1, self.runtimes)
    for _, image in ipairs(world.images) do
      image.name = ("%d-%d"):format(number, image.number)
      image.labels[NUMBER] = image.name
      list[#list + 1] = image
      table.sort(image.tags)
    end
  end
  self.dir = place_for(self.runtimes)
  sh.write(self.dir .. "/manifest.json", json.encode { workspace_templates = pins })
  engine:load(list)
  local there = engine:images(NUMBER)
  for _, world in ipairs(self.worlds) do
    for _, container in ipairs(world.containers) do
      assert(engine:container(container.name, there[container.image.name].id))
    end
  end
  return self
end

function Batch:close()
  self.engine:clear(NUMBER)
  sh.remove(self.dir)
end

Batch.__close = Batch.close

function Batch:arguments(number)
  local options = self.worlds[1].options
  local list = { "--keep=" .. options.keep }
  if options.older_than then list[2] = ("--older-than=%ds"):format(options.older_than) end
  self.is_partial = number % 2 == 0 and #self.worlds > 1
  for index = 1, self.is_partial and #self.worlds - 1 or 0 do
    table.move(self.worlds[index].runtimes, 1, #self.worlds[index].runtimes, #list + 1, list)
  end
  return list
end

-- Two gc side by side, and a container that is created at the same time. Returns the image that it uses.
function Batch:clear(number)
  local running, arguments, late = {}, self:arguments(number), nil
  for index = 1, 1 + number % 2 do
    running[index] = run.start(call(self.dir, self.env(number), "gc", arguments))
  end
  local image = self.worlds[1].images[#self.worlds[1].images]
  if self.engine:container("late-" .. self.number, image.tags[1] or image.id) then
    late = image
  end
  for _, process in ipairs(running) do rows_of(process:wait(), "gc") end
  return late
end

--- Compare what is there with what a model says. Returns how many images are gone.
function Batch:check(late)
  local there, count = self.engine:images(NUMBER), 0
  for index, world in ipairs(self.worlds) do
    local gone = self.is_partial and index == #self.worlds and {} or worlds.expected(world)
    for _, image in ipairs(world.images) do
      local what = ("image %d of world %d, GC_SEED=%d"):format(image.number, world.number, SEED)
      local found = there[image.name]
      assert.equal(not gone[image.number] or image == late, found ~= nil, what)
      if found then assert.same(image.tags, found.tags, what) end
      count = count + (found and 0 or 1)
    end
  end
  return count
end

--- Make COUNT worlds, SIZE at the same time, and clear them.
local function clear_worlds(engine, count, size, env)
  local removed, number = 0, 0
  for from = 1, count, size do
    local self <close> = batch(engine, from, math.min(from + size - 1, count), env)
    number = number + 1
    removed = removed + self:check(self:clear(number))
  end
  assert.truthy(removed > count / 2)
end

describe("gc with docker", function()
  local engine = images.at(os.getenv "DOCKER_HOST")

  it("removes what a model of random worlds says, and nothing else, two side by side and beside other programs", function()
    clear_worlds(engine, tonumber(os.getenv "GC_WORLDS") or 100, 10, function(number)
      return { DOCKER_HOST = os.getenv "DOCKER_HOST", MOLBUILD_DOCKER_API = number % 5 == 0 and "0" or nil }
    end)
  end)
end)

if sh.run "id -u" == "0" then
  describe("gc with podman", function()
    local podman

    setup(function() podman = engines.podman() end)
    teardown(function() podman:stop() end)

    it("removes what a model of random worlds says, and nothing else, two side by side and beside other programs", function()
      clear_worlds(images.at(podman.socket, true), tonumber(os.getenv "GC_WORLDS") or 6, 3, function(number)
        local env = { MOLBUILD_DOCKER = "podman", DOCKER_HOST = false }
        if number % 2 == 0 then
          env.CONTAINER_HOST = "unix://" .. podman.socket
        else
          env.CONTAINERS_CONF, env.CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_CONF, podman.env.CONTAINERS_STORAGE_CONF
        end
        return env
      end)
    end)
  end)
end
