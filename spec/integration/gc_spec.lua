-- `molbuild list` and `molbuild gc` with real engines: docker by its API and its program, podman by its service and its program.
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local images = require "spec.support.images"
local json = require "cjson"
local run = require "spec.support.run"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"
local world = require "spec.support.world"
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
    local made = worlds.new(SEED, number, { now = os.time(), small = true })
    for commit in pairs(made.pins) do
      pins[#pins + 1] = { name = "pin-" .. #pins, repo = "org/t-" .. made.runtimes[1], ref = commit }
    end
    made.number, made.options, self.worlds[#self.worlds + 1] = number, (self.worlds[1] or made).options, made
    table.move(made.runtimes, 1, #made.runtimes, #self.runtimes + 1, self.runtimes)
    for _, image in ipairs(made.images) do
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
  for _, each in ipairs(self.worlds) do
    for _, container in ipairs(each.containers) do
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
  for index, each in ipairs(self.worlds) do
    local gone = self.is_partial and index == #self.worlds and {} or worlds.expected(each)
    for _, image in ipairs(each.images) do
      local what = ("image %d of world %d, GC_SEED=%d"):format(image.number, each.number, SEED)
      local found = there[image.name]
      assert.equal(not gone[image.number] or image == late, found ~= nil, what)
      if found then assert.same(image.tags, found.tags, what) end
      count = count + (found and 0 or 1)
    end
  end
  return count
end

-- `list` has the images of ours that are left, each once, with the part that is its own.
function Batch:check_list(number)
  local rows, listed, left = rows_of(run.run(call(self.dir, self.env(number), "list", {})), "list"), {}, {}
  for index = 1, #rows - 1 do
    local row = rows[index]
    if row.kind == "image" then
      listed[#listed + 1] = row.image_id
      assert.truthy(row.own and row.shared and row.size, row.image_id)
    end
  end
  local there = self.engine:images(NUMBER)
  for _, each in ipairs(self.worlds) do
    for _, image in ipairs(each.images) do
      left[#left + 1] = image.ours and there[image.name] and there[image.name].id or nil
    end
  end
  table.sort(listed)
  table.sort(left)
  assert.same(left, listed)
  assert.same({ "sum", #left }, { rows[#rows].kind, rows[#rows].images })
end

--- Make COUNT worlds, SIZE at the same time, and clear them.
local function clear_worlds(engine, count, size, env)
  local removed, number = 0, 0
  for from = 1, count, size do
    local self <close> = batch(engine, from, math.min(from + size - 1, count), env)
    number = number + 1
    removed = removed + self:check(self:clear(number))
    if number == 1 or number == 5 or count < 10 then self:check_list(number) end
  end
  assert.truthy(removed > count / 4)
end

describe("gc with docker", function()
  local engine = images.at(os.getenv "DOCKER_HOST")

  it("removes what a model of 200 random worlds says, and nothing else, two side by side and beside others", function()
    clear_worlds(engine, tonumber(os.getenv "GC_WORLDS") or 200, 20, function(number)
      return { DOCKER_HOST = os.getenv "DOCKER_HOST", MOLBUILD_DOCKER_API = number % 5 == 0 and "0" or nil }
    end)
  end)
end)

-- Builds -------------------------------------------------------------------------------------------------------------------

describe("list and gc after builds", function()
  local w

  before_each(function() w = world.new { forge = false } end)
  after_each(function()
    sh.try "docker rm -f gc-spec"
    world.remove_images()
    w:close()
  end)

  local NAME = "molecule-local/workspace-template-hermes:"

  local function molbuild(arguments, env)
    local all = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.dir .. "/repos/org/t-" }
    for name, value in pairs(env or {}) do all[name] = value end
    return w:run(arguments, all)
  end

  local function build(says, policy)
    local sha = w:commit("org", "hermes", world.program_files(says))
    local result = molbuild { "run", policy or "ensure.lua", "hermes" }
    assert.equal(0, result.status, result.stderr)
    assert.equal(NAME .. sha:sub(1, 12) .. "\n", result.stdout)
    return sha:sub(1, 12), result.stderr
  end

  local function tags()
    return (table.concat(docker.tags(NAME:sub(1, -2)), " "):gsub(NAME:gsub("%p", "%%%0"), ""))
  end

  it("run by a fork behind a build, not behind a hit, and its failure is a warning", function()
    local policy = w.dir .. "/fork.lua"
    sh.write(policy, 'local ensure = molbuild.load "ensure.lua"\nensure.gc = { keep = 1 }\nreturn ensure\n')
    local one, first = build("one", policy)
    assert.truthy(first:find("gc: 0 images removed", 1, true), first)
    local two, second = build("two", policy)
    assert.truthy(second:find("gc: 1 image removed", 1, true), second)
    assert.equal(two .. " latest", tags())
    assert.is_nil(sh.read(("%s/hermes/%s.json"):format(w.cache, one)))
    local hit = molbuild { "run", policy, "hermes" }
    assert.same({ 0, NAME .. two .. "\n" }, { hit.status, hit.stdout })
    assert.is_nil(hit.stderr:find("gc", 1, true), hit.stderr)
    local rows = rows_of(molbuild { "gc", "-q", "--output=json", policy }, "gc") -- the fork's table gives the verb its options
    assert.equal(1, #rows)
    sh.write(policy, 'local ensure = molbuild.load "ensure.lua"\nensure.gc = { kep = 1 }\nreturn ensure\n')
    local _, third = build("three", policy)
    assert.truthy(third:find('gc: gc.kep: no such option; did you mean "keep"?', 1, true), third)
  end)

  it("keep what a running container uses, report a failure with exit 1 after the rest, and say what is there", function()
    local list = {}
    for index = 1, 4 do list[index] = build("build " .. index) end
    sh.run(("docker run -d --name gc-spec --network none %s%s /bin/busybox sleep 600"):format(NAME, list[1]))
    local rows = rows_of(molbuild { "list", "-q", "--output=json", "ensure.lua", "hermes" }, "list")
    local by_tag = {}
    for _, row in ipairs(rows) do by_tag[row.tag or row.kind] = row end
    assert.same({ { "gc-spec" }, "latest", "repository" },
      { by_tag[list[1]].containers, by_tag[list[4]].latest, by_tag.repository.kind })
    assert.same({ "tree", "record", "log" }, by_tag[list[4]].files)

    local bin = w:client "classic"
    local client = sh.run { "readlink", bin:match "^[^:]+" .. "/docker" }
    sh.run { "rm", bin:match "^[^:]+" .. "/docker" }
    local id = docker.id(NAME .. list[2])
    sh.write(bin:match "^[^:]+" .. "/docker", ([[
#!/bin/sh
case "$*" in "image rm %s") echo "Error response from daemon: device or resource busy" >&2; exit 1 ;; esac
exec %s "$@"
]]):format(id, client))
    sh.run("chmod +x " .. bin:match "^[^:]+" .. "/docker")
    local result = molbuild({ "gc", "ensure.lua", "--keep=0" }, { PATH = bin, MOLBUILD_DOCKER_API = "0" })
    assert.equal(1, result.status, result.stderr)
    assert.truthy(result.stdout:find("failed   hermes   " .. list[2], 1, true), result.stdout)
    assert.truthy(result.stdout:find("removed  hermes   " .. list[3], 1, true), result.stdout)
    assert.truthy(result.stdout:find("1 image removed, 1 failed", 1, true), result.stdout)
    local left = { list[1], list[2], list[4] }
    table.sort(left)
    assert.equal(table.concat(left, " ") .. " latest", tags())
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
