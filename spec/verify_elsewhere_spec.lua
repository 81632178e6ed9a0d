-- Verify for images that were not built here: of a shared registry, in registry mode; and what killed runs left of it.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"
local world_images = require "spec.support.world_images"

local IMAGE = "molecule-local/workspace-template-hermes:"
local SHARED = "registry.example/team/workspace-template-hermes:"
local FORK = 'local ensure = molbuild.load "ensure.lua"\nensure.smoke = { argv = { "/bin/agent" } }\nreturn ensure\n'

describe("in a world with smoke", function()
  local world, commit, tag

  before_each(function()
    world = molbuild.testing.world { repositories = {}, fork = FORK }
    commit = world.forge:push("hermes", { Dockerfile = "FROM scratch\n" })
    tag = IMAGE .. commit:sub(1, 12)
  end)

  local function names() return world_images.names(world) end

  local function run()
    local done = world:run "hermes"
    return done, done:events_of("result")[1]
  end

  local function pulls() -- of the last run
    local count = 0
    for _, call in ipairs(world.processes.calls) do
      if table.concat(call.argv, " "):find("^%S+ pull ") then count = count + 1 end
    end
    return count
  end

  describe("an image of the shared registry", function()
    before_each(function()
      world.env.MOLECULE_IMAGE_CACHE, world.env.MOLECULE_IMAGE_CACHE_PUSH = "registry.example/team", "required"
      assert.equal(0, run().exit)
      world.env.MOLECULE_IMAGE_CACHE_PUSH = nil
      -- Another host: without the images, and without what the cache knows.
      world.engine.images, world.containers = {}, {}
      world.fs.remove_tree(world.env.HOME .. "/.cache")
    end)

    it("is verified before it gets its tag", function()
      local before
      world.engine:runs(function() before = names() return 0 end)
      local done, result = run()
      assert.equal("pulled", result.outcome, done.stderr)
      assert.same({ tag .. ".unverified" }, before)
      assert.same({ tag, IMAGE .. "latest" }, names())
      assert.equal("hit", select(2, run()).outcome)
      assert.same({ 1, 1 }, { #world.builds, #world.containers })
    end)

    it("that is refused is built here, or is an error where it is required", function()
      world.engine:runs({ exit = 3 }, 1)
      local done, result = run()
      assert.equal("built", result.outcome)
      assert.matches("hermes is built here: " .. SHARED, done.stderr, 1, true)
      world.engine.images = {}
      world.env.MOLECULE_IMAGE_CACHE_REQUIRED = "1"
      world.engine:runs { exit = 3 }
      assert.not_equal(0, run().exit)
      assert.same({}, names())
    end)

    it("that is refused where it is required is not pulled again while that is remembered", function()
      world.env.MOLECULE_IMAGE_CACHE_REQUIRED, world.env.MOLECULE_FAILED_RETRY_S = "1", "600"
      world.engine:runs({ exit = 3 }, 1)
      for _, count in ipairs { 1, 0, 0 } do
        local done = run()
        assert.equal(7, done.exit, done.stderr)
        assert.matches("was not taken: the image of hermes was refused", done.stderr, 1, true)
        assert.equal(count, pulls())
        assert.same({}, names())
      end
      local function listed() return json.decode(world:verb("list", { output = "json" }).stdout:match "[^\n]+") end
      assert.matches("was not taken", listed().failed)
      world.env.MOLECULE_IMAGE_CACHE_REQUIRED = nil -- the image that is built here may be another one
      assert.equal("pulled", select(2, run()).outcome)
      assert.is_nil(listed().failed)
    end)
  end)

  it("an image that is refused is not pulled again while that is remembered, and one whose build failed is", function()
    world.env.MOLECULE_IMAGE_CACHE, world.env.MOLECULE_FAILED_RETRY_S = "registry.example/team", "600"
    world.engine:runs { exit = 3 }
    for _, count in ipairs { 1, 0, 0 } do
      assert.equal(7, run().exit)
      assert.equal(count, pulls())
    end
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
    world.engine:builds { exit = 1 }
    for _ = 1, 2 do
      assert.equal(8, run().exit)
      assert.equal(1, pulls())
    end
  end)

  it("an older image is given where the one that is required from the shared registry is refused, with fall_back", function()
    assert(world.fs.write_atomic(world.policy, (FORK:gsub("return", "ensure.fall_back = true\nreturn")), 384))
    assert.equal("built", select(2, run()).outcome)
    local labels = {}
    for name, value in pairs(world.engine:image(tag).labels) do labels[name] = value end
    commit = world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
    labels["org.opencontainers.image.revision"] = commit
    world.engine.registry[SHARED .. commit:sub(1, 12)] = { labels = labels }
    world.env.MOLECULE_IMAGE_CACHE, world.env.MOLECULE_IMAGE_CACHE_REQUIRED = "registry.example/team", "1"
    world.env.MOLECULE_FAILED_RETRY_S = "600"
    world.engine:runs { exit = 3 }
    for _, count in ipairs { 1, 0 } do
      local done, result = run()
      assert.same({ "stale", tag, count }, { result.outcome, result.image, pulls() }, done.stderr)
      assert.same({ tag, IMAGE .. "latest" }, names())
    end
  end)

  it("the image of registry mode is verified once, and must be there", function()
    world.env.MOLECULE_IMAGE_REGISTRY = "registry.example/team"
    local done = run()
    assert.equal(1, done.exit)
    assert.matches("cannot be verified: it is not on this machine", done.stderr, 1, true)
    world.engine:add(SHARED .. "latest")
    for _ = 1, 2 do
      local again, result = run()
      assert.equal("registry", (result or {}).outcome, again.stderr)
    end
    assert.equal(1, #world.containers)
    world.engine:add(SHARED .. "latest") -- it has moved
    world.engine:runs { exit = 3 }
    assert.equal(7, run().exit)
  end)

  it("gc removes names, images and containers that killed runs left, and list shows them", function()
    assert.equal(0, run().exit)
    local good = world.engine:image(tag)
    world.engine:name(good, tag .. ".unverified")
    local bad = IMAGE .. ("0"):rep(12) .. ".unverified"
    world.engine:add(bad, { labels = good.labels, created = 5 })
    local left = { name = "left", image = tag, labels = world.containers[1].labels }
    world.engine.containers = { left }
    local rows = world:verb("list", { output = "json" }).stdout
    local states = {}
    for line in rows:gmatch "[^\n]+" do
      local row = json.decode(line)
      if row.unverified then states[#states + 1] = row.state:match "^[^:]*:?[^:,]*" end
    end
    assert.equal(2, #states, rows)
    assert.equal(0, world:verb("gc", "--dry-run").exit)
    assert.equal(4, #names())
    local gc = world:verb("gc")
    assert.equal(0, gc.exit, gc.stdout)
    assert.same({ tag, IMAGE .. "latest" }, names())
    assert.same({}, world.engine.containers)
  end)
end)
