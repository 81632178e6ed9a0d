--- Tests of fork-of-fork.lua:   molbuild test docs/examples/fork-of-fork_test.lua
local molbuild = require "molbuild"

describe("the policy of the team", function()
  local world, run

  before_each(function()
    world = molbuild.testing.world {
      repositories = { hermes = { team = { Dockerfile = "FROM scratch\n" } } },
    }
    run = world:run "hermes"
  end)

  it("has its own names and branches", function()
    assert.equal(0, run.exit, run.stderr)
    assert.equal("registry.internal.example/team-agents/workspace-template-hermes:"
      .. world.forge:head("hermes", "team"):sub(1, 12) .. "\n", run.stdout)
  end)

  it("still pushes, as the policy of the organisation does", function()
    local pushes = run:commands_of("docker", "push")
    assert.equal(1, #pushes)
    assert.is_true(pushes[1]:has(run.stdout:gsub("\n", "")))
  end)

  it("reports the image after that", function()
    assert.matches("the team's image of hermes is " .. run.stdout:gsub("\n", ""), run.stderr, 1, true)
  end)
end)
