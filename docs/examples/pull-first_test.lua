--- Tests of pull-first.lua:   molbuild test docs/examples/pull-first_test.lua
local molbuild = require "molbuild"

describe("an image in the registry", function()
  local world, tag, sha

  before_each(function()
    world = molbuild.testing.world { repositories = { hermes = { Dockerfile = "FROM scratch\n" } } }
    sha = world.forge:head "hermes"
    tag = "registry.internal.example/molecule/workspace-template-hermes:" .. sha:sub(1, 12)
  end)

  local function in_registry(revision)
    world.engine.registry[tag] = {
      platform = "linux/amd64", labels = { ["org.opencontainers.image.revision"] = revision },
    }
  end

  it("is pulled once, and not built", function()
    in_registry(sha)
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(tag .. "\n", run.stdout)
    assert.equal(1, #run:commands_of("docker", "pull"))
    assert.equal(0, #world.builds)
    assert.equal(0, #world:run("hermes"):commands_of("docker", "pull"))
  end)

  it("is built if the registry does not have it", function()
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(1, #world.builds)
    assert.is_nil(run.stderr:find("building the image", 1, true))
  end)

  it("is built, with a warning, if the registry cannot be reached", function()
    world.engine:fails_after("pull", "no network")
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(1, #world.builds)
    assert.matches("building the image", run.stderr, 1, true)
  end)

  it("is built if the one there has another revision", function()
    in_registry(("0"):rep(40))
    assert.equal(0, world:run("hermes").exit)
    assert.equal(1, #world.builds)
  end)
end)
