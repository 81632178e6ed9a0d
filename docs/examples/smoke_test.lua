--- Tests of smoke.lua:   molbuild test docs/examples/smoke_test.lua
local molbuild = require "molbuild"

describe("the smoke test", function()
  local world

  before_each(function() world = molbuild.testing.world {} end)

  it("runs each image once, with its own program", function()
    for _ = 1, 2 do
      local run = world:run("hermes", "openclaw", "codex", { jobs = 1 })
      assert.equal(0, run.exit, run.stderr)
    end
    local commands = {}
    for index, container in ipairs(world.containers) do commands[index] = table.concat(container.argv, " ") end
    table.sort(commands)
    assert.same({ "openclaw --version", "python3 -c import agent" }, commands)
  end)

  it("gives no tag to an image whose program does not start", function()
    world.engine:runs { prints = "No module named agent", exit = 1 }
    local run = world:run "hermes"
    assert.equal(7, run.exit)
    assert.matches("the last line was: No module named agent", run.stderr, 1, true)
    assert.same({}, world.engine.images)
  end)

  it("uses the last good image until the program starts again", function()
    local good = world:run("hermes").stdout
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n", change = "1" })
    world.engine:runs({ exit = 1 }, 1)
    local run = world:run "hermes"
    assert.equal(good, run.stdout)
    assert.matches("is used, since", run.stderr, 1, true)
    assert.not_equal(good, world:run("hermes").stdout)
  end)
end)
