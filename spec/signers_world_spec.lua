-- Signed commits in a world of tests, where no commit is signed: which calls refuse what.
local molbuild = require "molbuild"

local SIGNERS = "a ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPt2e3Gko/ISQ201DH321yYeFK7EHxSo8TFoIU9MQTVt\n"

describe("in a world, allowed signers", function()
  local world

  before_each(function()
    world = molbuild.testing.world {
      policy = "scripts/ensure.lua", files = { ["/etc/signers"] = SIGNERS }, env = { MOLECULE_ALLOWED_SIGNERS = "/etc/signers" },
    }
  end)

  local function refused(done)
    assert.equal(5, done.exit)
    assert.truthy(done.stderr:find("has no signature", 1, true), done.stderr)
    assert.equal(0, #world.builds)
  end

  it("refuse a commit without a signature before anything is built", function()
    refused(world:run "hermes")
  end)

  it("refuse the image of such a commit that is there already", function()
    world.env.MOLECULE_SIGNERS_MODE = "warn"
    local done = world:run "hermes"
    assert.equal(0, done.exit, done.stderr)
    assert.truthy(done.stderr:find("has no signature (MOLECULE_SIGNERS_MODE=warn)", 1, true), done.stderr)
    world.builds = {}
    world.env.MOLECULE_SIGNERS_MODE = nil
    refused(world:run "hermes")
  end)
end)
