--- Tests of tidy.lua:   molbuild test docs/examples/tidy_test.lua
local molbuild = require "molbuild"

describe("a tidy machine", function()
  local world

  before_each(function()
    world = molbuild.testing.world()
  end)

  --- Build the next commit.
  local function build(says)
    world.forge:push("hermes", { Dockerfile = "FROM scratch\nENV SAYS=" .. says .. "\n" })
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    return run.stdout:gsub("\n", ""), run
  end

  it("has the two newest images, and those that containers use", function()
    local tags = {}
    for index = 1, 5 do
      tags[index] = build("number " .. index)
      if index == 1 then world.engine.containers = { { name = "web", image = tags[1] } } end
    end
    for index, there in ipairs { true, false, false, true, true } do
      assert.equal(there, world.engine:image(tags[index]) ~= nil, tags[index])
    end
  end)

  it("is tidied behind a build, and not behind a hit", function()
    local _, run = build "one"
    assert.matches("gc: 0 images removed", run.stderr, 1, true)
    run = world:run "hermes"
    assert.is_nil(run.stderr:find("gc:", 1, true))
    for _, request in ipairs(run:requests_to "engine") do assert.is_nil(request.path:find("/containers", 1, true)) end
  end)
end)
