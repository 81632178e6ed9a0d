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

  it("scans an image once, before it has its tag", function()
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    local scans = run:commands_of "trivy"
    assert.equal(1, #scans)
    assert.is_true(scans[1]:has(run.stdout:gsub("\n", ".unverified")))
    assert.equal(0, #world:run("hermes"):commands_of "trivy")
  end)

  it("gives no tag to an image that has faults", function()
    status = 7
    local run = world:run "hermes"
    assert.equal(7, run.exit)
    assert.equal("", run.stdout)
    assert.matches("was refused: it has critical faults: Total: 1 (CRITICAL: 1)", run.stderr, 1, true)
    assert.same({}, world.engine.images)
  end)

  it("scans an image again that a scanner could not scan, and does not remember that as a fault", function()
    world.env.MOLECULE_FAILED_RETRY_S = "600"
    status = 1
    assert.equal(4, world:run("hermes").exit)
    status = 0
    assert.equal(0, world:run("hermes").exit)
  end)

  it("must be installed", function()
    world.programs.trivy = nil
    local run = world:run "hermes"
    assert.equal(3, run.exit)
    assert.equal("", run.stdout)
  end)
end)
