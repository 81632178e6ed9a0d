--- Tests of own-host.lua:   molbuild test docs/examples/own-host_test.lua
local molbuild = require "molbuild"

local URL = "https://git.partner.example/agents/partner-agent"

describe("the runtime partner-agent", function()
  local world

  before_each(function()
    world = molbuild.testing.world {
      env = { MOLECULE_GITEA_TOKEN = "token-of-the-forge", PARTNER_TOKEN = "token-of-the-partner" },
      repositories = {
        [URL] = { stable = { Dockerfile = "FROM scratch\nLABEL from=partner\n" } },
        hermes = { Dockerfile = "FROM scratch\n" },
      },
    }
  end)

  it("is built from its branch on its host", function()
    local run = world:run "partner-agent"
    assert.equal(0, run.exit, run.stderr)
    assert.equal("FROM scratch\nLABEL from=partner\n", world.builds[1].files.Dockerfile)
    assert.equal(world.forge:head(URL, "stable"), run:events_of("result")[1].sha)
  end)

  it("uses its own token, in each call of git", function()
    local calls = world:run("partner-agent"):commands_of "git"
    local tokens = {}
    for _, call in ipairs(calls) do tokens[call.env.MOLBUILD_GIT_TOKEN or "none"] = true end
    assert.is_true(tokens["token-of-the-partner"])
    assert.is_nil(tokens["token-of-the-forge"])
  end)

  it("gets no token if its own is missing", function()
    world.env.PARTNER_TOKEN = nil
    for _, call in ipairs(world:run("partner-agent"):commands_of "git") do
      assert.is_nil(call.env.MOLBUILD_GIT_TOKEN)
    end
  end)

  it("does not change the other runtimes", function()
    local request = world:run("hermes"):requests_to("forge")[1]
    assert.equal("token token-of-the-forge", request.headers.Authorization)
  end)
end)
