--- Tests of webhook.lua:   molbuild test docs/examples/webhook_test.lua
local molbuild = require "molbuild"

local URL = "https://chat.example/hooks/secret-0123456789"

describe("the webhook", function()
  local world, messages, status

  before_each(function()
    messages, status = {}, 200
    world = molbuild.testing.world { env = { WEBHOOK_URL = URL } }
    world:serve("https://chat.example/", function(request)
      messages[#messages + 1] = request.body
      return { status = status }
    end)
  end)

  it("gets a message about a failure", function()
    world.engine:fails_after("build", "disk full")
    local run = world:run "hermes"
    assert.equal(8, run.exit)
    assert.equal(1, #messages)
    assert.matches('{"text":"hermes has no image: ', messages[1], 1, true)
    assert.matches("no space left on device", messages[1], 1, true)
  end)

  it("gets none about a success, nor about a run that is stopped", function()
    world:run "hermes"
    world.engine:builds({ seconds = 60 }, 1)
    world:after(10, function() world:signal "INT" end)
    assert.equal(130, world:run("codex").exit)
    assert.same({}, messages)
  end)

  it("gets none if no URL is set", function()
    world.env.WEBHOOK_URL = nil
    world.forge:fails "connect"
    assert.equal(4, world:run("hermes").exit)
    assert.same({}, messages)
  end)

  it("that does not answer well is a warning, which does not show the URL", function()
    world.forge:fails "connect"
    status = 404
    local run = world:run "hermes"
    assert.equal(4, run.exit)
    assert.matches("finally: the webhook answered with status 404", run.stderr, 1, true)
    assert.is_nil(run.stderr:find("secret-0123456789", 1, true))
  end)
end)
