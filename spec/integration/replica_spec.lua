-- Git may be served by a replica that gets a commit later than the API.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a replica that is behind the API", function()
  local w

  lazy_setup(function() w = world.new() end)
  lazy_teardown(function()
    world.remove_images()
    w:close()
  end)

  it("is waited for: for the commit, and for the branch", function()
    local bare, new = w.forge .. "/repos/org/t-claude-code.git", w.dir .. "/new.git"
    local old = w.dir .. "/old.git"
    for _, make in ipairs { "cp -r " .. bare .. " " .. old, "git init -q --bare -b main " .. old } do
      w:again()
      w:commit("org", "claude-code", world.template_files "old")
      sh.run(make)
      local sha = w:commit("org", "claude-code", world.template_files "new")
      sh.run(("mv %s %s && mv %s %s"):format(bare, new, old, bare))
      w:answer(200, ('{"commit":{"id":"%s"}}'):format(sha))
      local started = w:start { "run", "ensure.lua", "claude-code" }
      sh.wait_for(function() return started:so_far():find("a replica is behind; looking it up again", 1, true) end)
      sh.run(("mv %s %s && mv %s %s"):format(bare, old, new, bare))
      local run = started:wait()
      assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
      sh.run("rm -rf " .. old)
    end
  end)
end)
