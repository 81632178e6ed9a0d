--- The test that `molbuild eject --test` writes beside a fork: it passes, and shows where to continue.
local skeleton = {}

local TEXT = [[
--- Tests of @POLICY@: molbuild test @TEST@
--- docs/testing.md has all that a world offers.
local molbuild = require @LIBRARY@

describe("@POLICY@", function()
  local world

  before_each(function()
    world = molbuild.testing.world { policy = "@POLICY@" }
  end)

  it("builds the image of the branch's commit, and prints its tag alone", function()
    local run = world:run "@RUNTIME@"
    assert.equal(0, run.exit, run.stderr)
    assert.matches("^%S+:%x+%S*\n$", run.stdout)
    assert.equal(1, #run:commands_of("@PROGRAM@", "build"))
  end)

  it("builds nothing when the image is there", function()
    world:run "@RUNTIME@"
    local run = world:run "@RUNTIME@"
    assert.equal(0, run.exit, run.stderr)
    assert.same({}, run.commands)
  end)

  it("prints nothing on stdout when the build fails", function()
    world.engine:fails_after("build", "disk full")
    local run = world:run "@RUNTIME@"
    assert.equal(8, run.exit)
    assert.equal("", run.stdout)
    assert.matches("no space left on device", run.stderr)
  end)
end)
]]

--- The text of a test.
---@param policy string  the file's name
---@param runtime string  one that it knows
---@return string text
---@return string name  of the test's file
function skeleton.text(policy, runtime)
  local test = policy:gsub("%.lua$", "") .. "_test.lua"
  local words = { POLICY = policy, TEST = test, RUNTIME = runtime, PROGRAM = "docker", LIBRARY = '"molbuild"' }
  return (TEXT:gsub("@(%u+)@", words)), test
end

return skeleton
