--- Tests of extra-runtime.lua:   molbuild test docs/examples/extra-runtime_test.lua
local molbuild = require "molbuild"

describe("the runtime my-agent", function()
  local world

  before_each(function()
    world = molbuild.testing.world {
      repositories = {
        ["my-agent"] = {
          main = { Dockerfile = "FROM scratch\nLABEL branch=main\n" },
          next = { Dockerfile = "FROM scratch\nLABEL branch=next\n" },
        },
        hermes = { Dockerfile = "FROM scratch\n" },
      },
    }
  end)

  it("is built from the branch next", function()
    local run = world:run "my-agent"
    assert.equal(0, run.exit, run.stderr)
    assert.equal("FROM scratch\nLABEL branch=next\n", world.builds[1].files.Dockerfile)
    assert.equal(world.forge:head("my-agent", "next"), run:events_of("result")[1].sha)
  end)

  it("has no image when that branch is gone", function()
    world.forge:remove("my-agent", "next")
    local run = world:run "my-agent"
    assert.equal(6, run.exit)
    assert.equal("", run.stdout)
    assert.matches('no branch "next"', run.stderr, 1, true)
  end)

  it("leaves the others as they are", function()
    local run = world:run "hermes"
    assert.equal(world.forge:head("hermes", "main"), run:events_of("result")[1].sha)
  end)
end)
