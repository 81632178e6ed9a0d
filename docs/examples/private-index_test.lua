--- Tests of private-index.lua:   molbuild test docs/examples/private-index_test.lua
local molbuild = require "molbuild"

describe("a build with a private index", function()
  local world

  before_each(function()
    world = molbuild.testing.world {
      env = { PIP_TOKEN = "pip-0123456789" }, files = { ["/run/secrets/npm"] = { text = "npm-0123456789\n", mode = 256 } },
      repositories = {
        ["claude-code"] = { Dockerfile = "FROM scratch\n" },
        hermes = { Dockerfile = "FROM scratch AS build\nFROM scratch AS runtime\n" },
      },
    }
  end)

  it("gets the token, which nothing shows", function()
    local run = world:run("claude-code", { v = true })
    assert.equal(0, run.exit, run.stderr)
    assert.same({ pip = "pip-0123456789" }, world.builds[1].secrets)
    assert.is_nil(run.stderr:find("0123456789", 1, true))
    for _, call in ipairs(run.commands) do assert.is_nil(table.concat(call.argv, " "):find("0123456789", 1, true)) end
  end)

  it("of one runtime gets more, and is a stage", function()
    assert.equal(0, world:run("hermes").exit)
    assert.same({ pip = "pip-0123456789", npm = "npm-0123456789\n" }, world.builds[1].secrets)
    assert.equal("runtime", world.builds[1].target)
  end)

  it("is refused without the token, before anything is fetched", function()
    world.env.PIP_TOKEN = nil
    local run = world:run "claude-code"
    assert.equal(2, run.exit)
    assert.matches("secrets.pip: the variable PIP_TOKEN is not set", run.stderr, 1, true)
    assert.same({}, run:commands_of("git", "fetch"))
  end)
end)
