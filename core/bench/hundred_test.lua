--- A hundred tests of the shipped policy, each with a build in a world of its own: molbuild test core/bench/hundred_test.lua
local molbuild = require "molbuild"

describe("a hundred builds", function()
  for number = 1, 100 do
    it("number " .. number, function()
      local world = molbuild.testing.world { policy = "ensure.lua" }
      world.forge:push("hermes", { Dockerfile = "FROM scratch\nRUN " .. number .. "\n" })
      local run = world:run "hermes"
      assert.equal(0, run.exit, run.stderr)
      assert.equal(world.forge:head("hermes"):sub(1, 12), run.stdout:match ":(%x+)\n$")
    end)
  end
end)
