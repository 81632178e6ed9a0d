--- Tests of build-arg.lua:   molbuild test docs/examples/build-arg_test.lua
local molbuild = require "molbuild"

describe("a build", function()
  local world

  before_each(function()
    world = molbuild.testing.world()
  end)

  it("gets the index of Python packages", function()
    local run = world:run "claude-code"
    assert.equal(0, run.exit, run.stderr)
    assert.equal("https://pypi.internal/simple", world.builds[1].build_args.PIP_INDEX_URL)
  end)

  it("still gets the version of the runtime", function()
    world.forge:push("claude-code", { Dockerfile = "FROM scratch\n", [".runtime-version"] = "2.1.0\n" })
    world:run "claude-code"
    assert.same({ PIP_INDEX_URL = "https://pypi.internal/simple", RUNTIME_VERSION = "2.1.0" }, world.builds[1].build_args)
  end)

  it("that fails leaves no image, and is tried again by the next run", function()
    world.engine:fails_after("build", "no network", 1)
    local run = world:run "claude-code"
    assert.equal(8, run.exit)
    assert.equal("", run.stdout)
    assert.matches("the engine cannot reach a registry", run.stderr, 1, true)
    assert.equal(0, world:run("claude-code").exit)
  end)
end)
