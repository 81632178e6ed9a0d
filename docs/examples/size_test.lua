--- Tests of size.lua:   molbuild test docs/examples/size_test.lua
local molbuild = require "molbuild"

describe("the size limit", function()
  local world

  before_each(function() world = molbuild.testing.world {} end)

  local function run(size)
    world.engine:builds({ image = { size = size } }, 1)
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n", change = tostring(size) })
    return world:run "hermes"
  end

  it("accepts an image that is as large as the former one", function()
    assert.equal(0, run(2000000000).exit)
    assert.equal(0, run(2900000000).exit)
  end)

  it("refuses one that is much larger", function()
    assert.equal(0, run(2000000000).exit)
    local larger = run(3100000000)
    assert.equal(7, larger.exit)
    assert.matches("was refused: it has 3.1 GB, and the former one 2.0 GB", larger.stderr, 1, true)
  end)

  it("refuses a giant", function()
    assert.matches("it has 9.0 GB, at most 8.0 GB are allowed", run(9000000000).stderr, 1, true)
  end)
end)
