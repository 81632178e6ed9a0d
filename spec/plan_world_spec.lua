-- Why a plan finds no image, by whole runs of ensure.lua in a test's world.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"

local IMAGE = "molecule-local/workspace-template-hermes:"

describe("in a world, a plan", function()
  local world

  before_each(function() world = molbuild.testing.world { policy = "scripts/ensure.lua", repositories = {} } end)

  local function reason()
    local done = world:verb("plan", "hermes", { output = "json" })
    assert.equal(11, done.exit, done.stderr)
    return json.decode(done.stdout).reason, done
  end

  it("distinguishes an image that is gone, one that never was, and one that lost its tag", function()
    local tag = world.forge:push("hermes", { Dockerfile = "FROM scratch\n" }):sub(1, 12)
    assert.equal("no image", reason())
    assert.equal(0, world:run("hermes").exit)
    world.env.MOLECULE_LOCAL_IMAGE_ISOLATION = "mine"
    assert.equal("no image", reason())
    world.env.MOLECULE_LOCAL_IMAGE_ISOLATION = nil
    local image = world.engine:image(IMAGE .. tag)
    world.engine:remove(IMAGE .. tag)
    world.engine:add(IMAGE .. "latest", { labels = image.labels })
    assert.equal("no image has this tag, :latest is of the same commit", reason())
    world.engine:remove(IMAGE .. "latest")
    assert.equal(("the image of %s is gone"):format(tag), reason())
  end)

  it("names a broken record once", function()
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n" })
    assert.equal(0, world:run("hermes").exit)
    local path = world.env.HOME .. "/.cache/molecule/workspace-template-build/hermes/" .. world.forge:head("hermes"):sub(1, 12)
    assert.is_string(world:read(path .. ".json"))
    assert(world.fs.write_atomic(path .. ".json", "{}", 384))
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
    world.engine:remove(IMAGE .. "latest") -- so that records are asked
    local _, done = reason()
    assert.equal(1, select(2, done.stderr:gsub("is ignored", "")), done.stderr)
  end)
end)
