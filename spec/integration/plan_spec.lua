-- `molbuild plan` and the records of builds, with a real forge, git and engine.
local docker = require "spec.support.docker"
local json = require "molbuild.base.json"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("plan", function()
  local w

  setup(function() w = world.new() end)
  after_each(function() w:again() end)
  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function commit(says, branch)
    return w:commit("org", "claude-code", world.template_files(says or "hello"), branch)
  end

  local function plan(...)
    return w:run { "plan", ... }
  end

  local function rows(result)
    local list = {}
    assert(schema.check("verbs", result.stdout, "plan"))
    for line in result.stdout:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    return list
  end

  local function record_of(sha)
    return json.decode(sh.read(("%s/claude-code/%s.json"):format(w.cache, sha:sub(1, 12))) or "null")
  end

  it("says that there is no image, and changes nothing", function()
    local sha = commit()
    local result = plan("-q", "--output=json", "ensure.lua", "claude-code")
    assert.equal(11, result.status, result.stderr)
    local row = rows(result)[1]
    assert.same({ "claude-code", "build", sha, "no image" }, { row.runtime, row.outcome, row.commit, row.reason })
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12), row.image)
    assert.is_nil(sh.read(w.cache .. "/claude-code"))
    assert.is_false(sh.try("test -e " .. w.cache))
  end)

  it("is a hit with exit 0 after a run, and then names the move of the branch, and the seconds of a build", function()
    local before = commit "one"
    local run = w:ensure "claude-code"
    assert.equal(0, run.status, run.stderr)
    assert.truthy(run.stderr:find("for linux/amd64: no image\n", 1, true), run.stderr)
    local result = plan("ensure.lua", "claude-code")
    assert.equal(0, result.status)
    assert.equal(("RUNTIME      OUTCOME  TAG           SECONDS  REASON\nclaude-code  hit      %s        -  -\n"):format(
      before:sub(1, 12)), result.stdout)
    local after = commit "two"
    result = plan("-q", "--output=json", "ensure.lua", "claude-code")
    assert.equal(11, result.status)
    local row = rows(result)[1]
    local moved = ("the branch main moved %s -> %s"):format(before:sub(1, 12), after:sub(1, 12))
    assert.equal(moved .. " (1 commit)", row.reason)
    assert.is_true(row.seconds > 0)
    local commits = "/api/v1/repos/org/t-claude-code/commits"
    w:respond(commits, "Status: 500\r\n\r\n[")
    assert.equal(moved, rows(plan("-q", "--output=json", "ensure.lua", "claude-code"))[1].reason)
    w:relent(commits)
    sh.run(": >" .. w.forge .. "/log/access.log")
    assert.truthy(w:ensure("claude-code").stderr:find(moved .. "\n", 1, true))
    assert.same({}, w:requests(commits))
  end)

  it("names an image that is not the one its tag says, a forced build, and a failure for each runtime", function()
    local sha = commit()
    assert.equal(0, w:ensure("claude-code").status)
    local tag = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12)
    local row = rows(plan("-q", "--output=json", "ensure.lua", "claude-code", "--rebuild"))[1]
    assert.same({ "build", "--rebuild" }, { row.outcome, row.reason })
    local dockerfile = [[FROM scratch\nLABEL org.opencontainers.image.revision=]] .. ("e"):rep(40)
    sh.run(("printf '%s\\n' | docker build -q -t %s -"):format(dockerfile, tag))
    row = rows(plan("-q", "--output=json", "ensure.lua", "claude-code"))[1]
    assert.equal(("it was built from the revision %s, not %s"):format(("e"):rep(40), sha), row.reason)
    local result = plan("-q", "--output=json", "ensure.lua", "claude-code", "hermes")
    assert.equal(6, result.status)
    local list = rows(result)
    assert.same({ "build", "failed", "not_found", 6 },
      { list[1].outcome, list[2].outcome, list[2].error.kind, list[2].error.exit })
  end)

  it("is what run does with --rebuild", function()
    local sha = commit()
    assert.equal(0, w:ensure("claude-code").status)
    local function seconds() return record_of(sha).predicate.runDetails.metadata.molbuild_seconds end
    local before = seconds()
    local run = w:ensure { "claude-code", "--rebuild" }
    assert.equal(0, run.status, run.stderr)
    assert.truthy(run.stderr:find("for linux/amd64: --rebuild\n", 1, true), run.stderr)
    assert.is_number(seconds())
    assert.not_equal(before, seconds())
  end)

  it("has records, private ones, of builds that succeeded and that failed", function()
    local sha = commit()
    assert.equal(0, w:ensure("claude-code").status)
    local path = ("%s/claude-code/%s.json"):format(w.cache, sha:sub(1, 12))
    assert.equal("600", sh.run("stat -c %a " .. path))
    local made = record_of(sha)
    local id = docker.id("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12))
    assert.equal(id, "sha256:" .. made.subject[1].digest.sha256)
    assert.equal(sha, made.predicate.buildDefinition.resolvedDependencies[1].digest.gitCommit)
    sh.run { "python3", "spec/support/statement.py", path }
    local files = world.template_files "x"
    files.Dockerfile = "FROM scratch\nCOPY nothing /\n"
    sha = w:commit("org", "claude-code", files)
    assert.equal(8, w:ensure("claude-code").status)
    made = record_of(sha)
    assert.same({ "build", 8 }, { made.predicate.error.kind, made.predicate.error.exit })
    assert.equal(("%s/claude-code/%s.log"):format(w.cache, sha:sub(1, 12)), made.predicate.error.log)
  end)
end)
