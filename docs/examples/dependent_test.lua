--- Tests of dependent.lua:   molbuild test docs/examples/dependent_test.lua
local molbuild = require "molbuild"

describe("an image that needs another one", function()
  local world

  before_each(function()
    world = molbuild.testing.world {
      repositories = {
        ["agent-base"] = { Dockerfile = "FROM scratch\n" },
        ["template-agent"] = { Dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n" },
      },
    }
  end)

  it("is built after that one, from its tag", function()
    local run = world:run("agent", { jobs = 1 })
    assert.equal(0, run.exit, run.stderr)
    assert.equal(2, #world.builds)
    assert.equal(world.builds[1].tag, world.builds[2].build_args.BASE_IMAGE)
    assert.equal("molecule-local/workspace-template-agent-base:", world.builds[1].tag:match "^.*:")
    assert.equal(world.builds[2].tag .. "\n", run.stdout)
  end)

  it("has the commits of both in its tag", function()
    local agent, base = world.forge:head "template-agent", world.forge:head "agent-base"
    assert.equal(("molecule-local/workspace-template-agent:%s-%s\n"):format(agent:sub(1, 12), base:sub(1, 12)),
      world:run("agent").stdout)
  end)

  it("is built again when either has a new commit, and otherwise not", function()
    world:run "agent"
    world:run "agent"
    assert.equal(2, #world.builds)
    world.forge:push("agent-base", { Dockerfile = "FROM scratch\nLABEL new=1\n" })
    world:run "agent"
    assert.equal(4, #world.builds)
    world.forge:push("template-agent", { Dockerfile = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nLABEL new=1\n" })
    world:run "agent"
    assert.equal(5, #world.builds)
  end)

  it("fails with that one, and is not built", function()
    world.engine:fails_after("build", "disk full")
    local run = world:run "agent"
    assert.equal(8, run.exit)
    assert.matches("agent needs agent-base, which failed", run.stderr, 1, true)
    assert.equal(1, #world.builds)
  end)
end)
