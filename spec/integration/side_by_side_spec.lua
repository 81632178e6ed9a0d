-- Several processes and several runtimes at the same time.
local docker = require "spec.support.docker"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local RUNTIMES = {
  "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
}

describe("side by side", function()
  local w

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  it("ten processes for one runtime make one clone, one build and ten equal tags", function()
    local sha = w:commit("org", "hermes", world.template_files "once")
    local runs, builds = {}, 0
    for index = 1, 10 do
      runs[index] = w:start { "run", "ensure.lua", "hermes" }
    end
    for index = 1, 10 do
      local run = runs[index]:wait()
      assert.equal(0, run.status, run.stderr)
      assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout)
      builds = builds + (run.stderr:find("built\n", 1, true) and 1 or 0)
    end
    assert.equal(1, builds)
    assert.equal(1, #w:requests "info/refs")
  end)

  it("nine runtimes are built side by side, one tag a line in the order asked", function()
    -- Each its own, so that no layer cache lets one of them off; and this run's own, so that no other spec is disturbed.
    local wanted, seconds = {}, sh.unique_seconds()
    for index, runtime in ipairs(RUNTIMES) do
      local files = world.program_files(runtime)
      files.Dockerfile = files.Dockerfile
        .. ('RUN ["/bin/busybox", "sh", "-c", "/bin/busybox sleep %s%d; true"]\n'):format(seconds, index)
      local sha = w:commit("org", runtime, files)
      wanted[index] = ("molecule-local/workspace-template-%s:%s\n"):format(runtime, sha:sub(1, 12))
    end
    local started = w:start { "run", "--jobs=9", "ensure.lua", table.unpack(RUNTIMES) }
    -- The shell of the step has these words in one of its own.
    local function sleeping()
      local pids = {}
      for _, pid in ipairs(sh.processes("/bin/busybox sleep " .. seconds)) do
        local words = sh.read(("/proc/%d/cmdline"):format(pid))
        if words and words:find("^/bin/busybox%zsleep") then pids[#pids + 1] = pid end
      end
      return pids
    end
    sh.wait_for(function() return #sleeping() == 9 end, 300)
    sh.kill(sleeping(), "TERM")
    local run = started:wait()
    assert.equal(0, run.status, run.stderr)
    assert.equal(table.concat(wanted), run.stdout)
  end)

  it("a failure does not stop the others, and the first failed one decides the status", function()
    w:commit("org", "hermes", { README = "no Dockerfile" })
    w:commit("org", "codex", world.template_files "fine")
    local run = w:ensure { "hermes", "codex", "autogen" }
    assert.equal(7, run.status, run.stderr)
    assert.equal("", run.stdout)
    assert.truthy(run.stderr:find("has no Dockerfile", 1, true))
    assert.truthy(run.stderr:find('runtime "autogen" may not be mirrored', 1, true))
    docker.id "molecule-local/workspace-template-codex:latest"
  end)

  it("says who holds a lock, and gives up with exit 10", function()
    w:commit("org", "hermes", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "600"]\n',
    })
    local first = w:start { "run", "ensure.lua", "hermes" }
    sh.wait_for(function() return first:so_far():find("build", 1, true) end)
    local run = w:run { "run", "--lock-timeout=1", "ensure.lua", "hermes" }
    assert.equal(10, run.status, run.stderr)
    assert.truthy(run.stderr:find(("pid %d on "):format(first.pid), 1, true), run.stderr)
    run = w:run { "run", "--no-wait", "ensure.lua", "hermes" }
    assert.equal(10, run.status, run.stderr)
    first:signal "TERM"
    assert.equal(143, first:wait().status)
  end)

  it("leaves no child, lock, staging or build behind when it is ended", function()
    local seconds = sh.unique_seconds()
    local function steps() return sh.processes("sleep " .. seconds) end
    w:commit("org", "hermes", {
      Dockerfile = ('FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "%s"]\n'):format(seconds),
    })
    local run = w:start { "run", "ensure.lua", "hermes" }
    sh.wait_for(function() return #steps() > 0 end)
    run:signal "INT"
    assert.equal(130, run:wait().status)
    sh.wait_for(function() return #steps() == 0 end)
    assert.equal("", sh.run(("ls %s/tmp"):format(w.cache)))
    assert.equal("", sh.read(w.cache .. "/locks/hermes.lock"))
    assert.same({}, sh.processes(w.cache))
  end)
end)
