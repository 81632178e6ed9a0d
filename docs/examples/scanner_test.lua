--- Tests of scanner.lua:   molbuild test docs/examples/scanner_test.lua
local molbuild = require "molbuild"

describe("the scanner", function()
  local world, status

  before_each(function()
    status = 0
    world = molbuild.testing.world {
      programs = {
        trivy = function(call)
          call:print "Total: 1 (CRITICAL: 1)"
          return status
        end,
      },
    }
  end)

  it("scans an image once", function()
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    local scans = run:commands_of "trivy"
    assert.equal(1, #scans)
    assert.is_true(scans[1]:has(run.stdout:gsub("\n", "")))
    assert.equal(0, #world:run("hermes"):commands_of "trivy")
  end)

  it("is a step with a name and a time", function()
    assert.is_number(world:run("hermes"):events_of("result")[1].steps.scan)
  end)

  it("holds an image back that has faults, also in the next run, which does not build", function()
    status = 1
    for _ = 1, 2 do
      local run = world:run "hermes"
      assert.equal(1, run.exit)
      assert.equal("", run.stdout)
      assert.matches("has critical faults: Total: 1 (CRITICAL: 1)", run.stderr, 1, true)
      assert.is_nil(world.engine:image "molecule-local/workspace-template-hermes:latest")
    end
    assert.equal(1, #world.builds)
  end)

  it("must be installed", function()
    world.programs.trivy = nil
    local run = world:run "hermes"
    assert.equal(3, run.exit)
    assert.equal("", run.stdout)
  end)
end)
