--- Tests of push.lua:   molbuild test docs/examples/push_test.lua
local molbuild = require "molbuild"

describe("a push", function()
  local world

  before_each(function()
    world = molbuild.testing.world()
  end)

  it("follows a build, and no hit", function()
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    local tag = run.stdout:gsub("\n", "")
    assert.equal("registry.internal.example/molecule/workspace-template-hermes:", tag:match "^.*:")
    assert.equal(world.engine:image(tag).id, world.engine.registry[tag].id)
    assert.equal(0, #world:run("hermes"):commands_of("docker", "push"))
  end)

  it("that fails is made up for by the next run, which does not build", function()
    world.engine:fails_after("push", "no network", 1)
    local run = world:run "hermes"
    assert.equal(4, run.exit)
    assert.equal("", run.stdout)
    assert.matches("cannot be pushed: ", run.stderr, 1, true)
    run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(1, #run:commands_of("docker", "push"))
    assert.equal(1, #world.builds)
  end)
end)
