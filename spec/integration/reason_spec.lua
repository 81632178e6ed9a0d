-- Why a forge gives no commit: its own words reach the user, and what is not there is named.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local PATH = "/api/v1/repos/org/t-claude-code/branches/main"

describe("a forge that gives no commit", function()
  local w

  lazy_setup(function() w = world.new() end)
  before_each(function()
    w:again()
    sh.run("rm -rf " .. w.forge .. "/repos/*")
  end)
  lazy_teardown(function()
    world.remove_images()
    w:close()
  end)

  local function fails(status, words, env)
    local run = w:ensure("claude-code", env)
    assert.equal(status, run.status, run.stderr)
    assert.truthy(run.stderr:find(words, 1, true), run.stderr)
    return run.stderr
  end

  it("says what the token lacks", function()
    w:answer(403, [[{"message":"token does not have at least one of required scope(s): [read:repository]","url":"u"}]])
    fails(5, "(the forge reports: token does not have at least one of required scope(s): [read:repository])\n",
      { MOLECULE_GITEA_TOKEN = "a-token-of-mine" })
  end)

  it("is distinguished from one that is not a Gitea, and the hint names the setting", function()
    w:answer(404, "<!DOCTYPE html><title>404</title>")
    fails(6, "\nhint: if the forge is not a Gitea, set MOLECULE_HEAD_LOOKUP=git\n")
    w:respond(PATH, "Status: 302\r\nLocation: /user/login\r\n\r\n")
    w:respond("/user/login", "Content-Type: text/html\r\n\r\n<html>Sign in</html>")
    for _, token in ipairs { "", "a-token-of-mine" } do
      local said = fails(4, PATH .. ", which leads to " .. w.http .. "/user/login, answered with a web page",
        { MOLECULE_GITEA_TOKEN = token })
      assert.truthy(said:find("MOLECULE_HEAD_LOOKUP=git", 1, true), said)
    end
  end)

  it("has the repository, but not the branch: by its message, by a request for the repository, by git", function()
    w:commit("org", "claude-code", world.template_files "x", "other")
    local said = fails(6, 'no branch "main" at ' .. w.http .. PATH .. " (the forge reports: branch does not exist [name: main])")
    assert.is_nil(said:find("mirrored", 1, true), said)
    w:answer(404, [[{"message":"The target couldn't be found."}]])
    fails(6, 'no branch "main" at ' .. w.http .. PATH .. "\n")
    assert.equal(0, #w:requests "/info/refs")
    w:respond("/api/v1/repos/org/t-claude-code", "Status: 404\r\n\r\n")
    -- The answer for the branch is in the directory of the repository's, which is made again.
    w:answer(404, [[{"message":"The target couldn't be found."}]])
    fails(6, 'no branch "main" at ' .. w.http .. PATH .. "\n")
    assert.equal(1, #w:requests "/info/refs")
  end)

  it("has no such repository: a private one needs a token", function()
    local said = fails(6, "repo not found at " .. w.http .. PATH .. ' — runtime "claude-code" may not be mirrored to Gitea')
    assert.truthy(said:find("\nhint: if it is private, set MOLECULE_GITEA_TOKEN\n", 1, true), said)
    said = fails(6, "repo not found at ", { MOLECULE_GITEA_TOKEN = "a-token-of-mine" })
    assert.is_nil(said:find("\nhint: ", 1, true), said)
    said = fails(6, "not found", { MOLECULE_HEAD_LOOKUP = "git" })
    assert.truthy(said:find("\nhint: if it is private, set MOLECULE_GITEA_TOKEN\n", 1, true), said)
  end)

  it("names no token where none is sent: for a directory", function()
    local said = fails(6, "does not appear to be a git repository",
      { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.dir .. "/none/t-" })
    assert.is_nil(said:find("MOLECULE_GITEA_TOKEN", 1, true), said)
  end)
end)
