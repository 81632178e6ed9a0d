-- The HEAD lookup is tried again when what failed may be gone in a moment.
local hostile = require "spec.support.hostile"
local world = require "spec.support.world"

describe("the HEAD lookup", function()
  local w, server

  before_each(function()
    w = world.new()
    server = nil
  end)

  after_each(function()
    if server then server:stop() end
    world.remove_images()
    w:close()
  end)

  for _, status in ipairs { 429, 500, 503 } do
    it(("is tried again after a %d, with a message on one line"):format(status), function()
      local sha = w:commit("org", "claude-code", world.template_files "late")
      w:answer(status, "busy", "claude-code", 2)
      local run = w:ensure "claude-code"
      assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
      assert.equal(3, #w:requests "/api/")
      local _, lines = run.stderr:gsub("unexpected status " .. status, "")
      assert.equal(2, lines, run.stderr)
    end)
  end

  for _, lookup in ipairs { "gitea", "git" } do
    it("is tried again if a connection fails or is reset, by " .. lookup, function()
      server = hostile.start()
      -- No process listens at port 1.
      for _, prefix in ipairs { "http://127.0.0.1:1/org/t-", server.url .. "/reset/t-" } do
        local run = w:ensure("claude-code", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = prefix, MOLECULE_HEAD_LOOKUP = lookup })
        assert.equal(4, run.status, run.stderr)
        for attempt = 2, 3 do
          assert.truthy(run.stderr:find(("; attempt %d of 3 in "):format(attempt), 1, true), run.stderr)
        end
        local _, lines = run.stderr:gsub("local%-build: HEAD lookup: [^\n]*", "")
        assert.equal(2, lines, run.stderr)
      end
      local _, asked = server:requests():gsub("GET /", "")
      assert.equal(3, asked)
    end)
  end

  it("is tried again by git after a 503", function()
    local sha = w:commit("org", "claude-code", world.template_files "late")
    w:respond("/org/t-claude-code/info/refs", "Status: 503\r\n\r\n", 1)
    local run = w:ensure("claude-code", { MOLECULE_HEAD_LOOKUP = "git" })
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.truthy(run.stderr:find("503; attempt 2 of 3 in ", 1, true), run.stderr)
  end)

  it("is given up after three tries", function()
    w:answer(503, "busy")
    local run = w:ensure "claude-code"
    assert.equal(4, run.status)
    assert.equal(3, #w:requests "/api/")
  end)

  it("waits as long as the server asks", function()
    w:commit("org", "claude-code", world.template_files "late")
    w:answer(503, "busy", "claude-code", 1, "Retry-After: 3\r\n")
    local started = os.time()
    assert.equal(0, w:ensure("claude-code").status)
    assert.is_true(os.time() - started >= 2)
  end)

  it("gives up immediately when the server asks for more than the 30 seconds", function()
    w:answer(503, "busy", "claude-code", nil, "Retry-After: 3600\r\n")
    assert.equal(4, w:ensure("claude-code").status)
    assert.equal(1, #w:requests "/api/")
  end)

  it("is not tried again after a 404", function()
    assert.equal(6, w:ensure("hermes").status)
    assert.equal(1, #w:requests "/branches/main")
  end)
end)
