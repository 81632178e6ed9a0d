--- Tests of mirror.lua:   molbuild test docs/examples/mirror_test.lua
local molbuild = require "molbuild"

local URL = "https://git.internal.example/mirrors/molecule-ai-workspace-template-hermes"

describe("the mirror", function()
  local world

  before_each(function()
    world = molbuild.testing.world { env = { MOLECULE_GITEA_TOKEN = "token-of-the-mirror" } }
  end)

  it("has the templates", function()
    local run = world:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(URL, world.builds[1].labels["org.opencontainers.image.source"])
  end)

  it("gets the token, which is bound to its origin", function()
    local lookup = world:run("hermes"):commands_of("git", "ls-remote")[1]
    assert.is_true(lookup:has(URL))
    assert.equal("token-of-the-mirror", lookup.env.MOLBUILD_GIT_TOKEN)
  end)

  it("has the packages of the builds", function()
    world:run "hermes"
    assert.equal("https://pypi.internal.example/simple", world.builds[1].build_args.PIP_INDEX_URL)
  end)

  it("is not replaced by another server when it is down", function()
    world.forge:fails "connect"
    local run = world:run "hermes"
    assert.equal(4, run.exit)
    assert.equal("", run.stdout)
    assert.equal(0, #world.builds)
  end)
end)
