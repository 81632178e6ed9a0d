-- What goes wrong in a test's world, and the time that passes there.
local molbuild = require "molbuild"

local function world(options)
  options = options or {}
  options.policy = options.policy or "scripts/ensure.lua"
  return molbuild.testing.world(options)
end

describe("a forge of a world", function()
  it("times out COUNT times, and takes the time for it", function()
    local w = world()
    w.forge:fails("timeout", 1)
    local run = w:run "hermes"
    assert.equal(4, run.exit)
    assert.matches('cannot determine HEAD sha for runtime "hermes" at https://.*: Operation timed out', run.stderr)
    assert.is_true(run.seconds >= 29, run.seconds)
    assert.equal(0, w:run("hermes").exit)
  end)

  for what, message in pairs {
    resolve = "Could not resolve host: git.moleculesai.app", connect = "Couldn't connect to server",
    reset = "Connection reset by peer", tls = "SSL certificate problem",
  } do
    it("does not answer: " .. what, function()
      local w = world()
      w.forge:fails(what)
      local run = w:run "hermes"
      assert.equal(4, run.exit)
      assert.matches(message, run.stderr, 1, true)
      assert.equal(what == "tls" and 0 or 2, #run:events_of "retry")
    end)
  end

  it("answers with a status, twice, and is asked again", function()
    local w = world()
    w.forge:fails(503, 2)
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(2, #run:events_of "retry")
  end)

  it("answers what a test wants", function()
    local w = world()
    w.forge:fails { status = 200, headers = { ["Content-Type"] = "text/html" }, body = "<html>log in</html>" }
    assert.matches("with a web page", w:run("hermes").stderr, 1, true)
  end)

  it("fails for git, too: by a timeout, by a status, as a replica that lags", function()
    local w = world { env = { MOLECULE_HEAD_LOOKUP = "git" } }
    w.forge:fails("timeout", 1)
    assert.equal(4, w:run("hermes").exit)
    w.forge:fails(404, 1)
    assert.equal(6, w:run("hermes").exit)
    w.forge:lags(1)
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
  end)

  it("moves its branch while a run looks it up again", function()
    local w = world()
    w.forge:head "hermes"
    w.forge:fails(503, 1)
    w:after(0.1, function() w.forge:push("hermes", { Dockerfile = "FROM moved\n" }) end)
    local run = w:run "hermes"
    assert.equal("FROM moved\n", w.builds[1].files.Dockerfile)
    assert.equal(w.forge:head("hermes"):sub(1, 12), run.stdout:match ":(%x+)")
  end)
end)

describe("an engine of a world", function()
  for cause, words in pairs {
    ["disk full"] = "no space left on device", ["no network"] = "no such host",
    ["rate limit"] = "toomanyrequests",
    ["wrong processor"] = "binfmt_misc",
    ["engine gone"] = "docker version", killed = "ended by SIGKILL",
    ["no image"] = "the engine has no such image", ["ERROR: of my own"] = "ERROR: of my own",
  } do
    it("fails in the last step of a build: " .. cause, function()
      local w = world()
      w.engine:fails_after("build", cause)
      local run = w:run "hermes"
      assert.equal(8, run.exit)
      assert.matches(words, run.stderr, 1, true)
      assert.equal("", run.stdout)
      assert.equal("1/1", ("%d/%d"):format(run:events_of("progress")[1].done, run:events_of("progress")[1].total))
    end)
  end

  it("falls silent in a build: the run ends when its bound is over, in no time", function()
    local w = world()
    w.engine:fails_after("build", "silence")
    local began = os.clock()
    local run = w:run "hermes"
    assert.equal(9, run.exit)
    assert.matches("docker was silent for 240 s (MOLECULE_BUILD_STALL_GRACE_S); the last line was: #4 [1/1] COPY . /",
      run.stderr, 1, true)
    assert.is_true(run.seconds >= 240)
    assert.is_true(os.clock() - began < 5)
  end)

  it("builds as long as a test says: --timeout ends it", function()
    local w = world()
    w.engine:builds({ seconds = 600 }, 1)
    local run = w:run("hermes", { timeout = 100 })
    assert.equal(9, run.exit)
    assert.matches("the run took longer than 100 s (--timeout)", run.stderr, 1, true)
    assert.near(100, run.seconds, 1)
    assert.equal(0, w:run("hermes").exit)
  end)

  it("prints what a test says, also a RUN that fails", function()
    local w = world { repositories = { hermes = { Dockerfile = "FROM scratch\nRUN make\n" } } }
    w.engine:builds({ prints = { "cc -c a.c", "a.c:1: error" }, exit = 2 }, 1)
    local run = w:run "hermes"
    assert.equal(8, run.exit)
    assert.matches("#4 0.1 a.c:1: error\n", table.concat(run:events_of("failed")[1].tail, "\n"), 1, true)
    assert.matches('process "/bin/sh -c make" did not complete successfully: exit code: 2', run.stderr, 1, true)
    assert.equal(0, w:run("hermes").exit)
  end)

  it("builds by a function of the test", function()
    local w = world()
    w.engine:builds(function(build, call)
      call:print("building %s", build.tag)
      call:wait(5)
      return build.labels["app.molecule.runtime"] == "hermes" and 0 or 1
    end)
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.near(5, run.seconds, 0.1)
  end)

  it("cannot be reached, does not answer, answers with a status", function()
    local w = world()
    w.engine:fails "unreachable"
    local run = w:run "hermes"
    assert.equal(3, run.exit)
    assert.matches("the Docker Engine cannot be reached: Cannot connect to the Docker daemon", run.stderr, 1, true)
    w.engine:recovers()
    w.engine:fails "stuck"
    run = w:run "hermes"
    assert.equal(3, run.exit)
    assert.matches("the Docker Engine does not answer", run.stderr, 1, true)
    w.engine:recovers()
    w.engine:fails(500, 3)
    assert.equal(0, w:run("hermes").exit)
  end)

  it("is podman, or has the classic builder alone", function()
    local podman = world { engine = { podman = true }, env = { MOLBUILD_DOCKER = "podman" } }
    assert.equal(0, podman:run("hermes").exit)
    assert.equal(1, #podman.runs[1]:commands_of("podman", "build"))
    podman.engine:fails_after("build", "disk full")
    podman.forge:push("hermes", { Dockerfile = "FROM b\n" })
    assert.matches("podman system prune", podman:run("hermes").stderr, 1, true)
    local classic = world { engine = { builder = "classic" } }
    local run = classic:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.matches("docker has no buildx: building with the classic builder", run.stderr, 1, true)
    assert.is_true(run:commands_of("docker", "build")[1]:has "--force-rm")
  end)

  it("pulls from a registry what the registry has", function()
    local w = world {
      env = { MOLECULE_IMAGE_REGISTRY = "registry.example/x", MOLECULE_IMAGE_PULL = "missing" },
      registry = { ["registry.example/x/workspace-template-hermes:latest"] = { platform = "linux/amd64" } },
    }
    assert.equal(0, w:run("hermes").exit)
    local run = w:run "codex"
    assert.equal(6, run.exit)
    assert.matches("manifest unknown", run.stderr, 1, true)
    w.engine:fails_after("pull", "access denied", 1)
    assert.equal(5, w:run("openclaw").exit)
  end)
end)

describe("a world", function()
  it("has locks that others hold, for some time or without end", function()
    local w = world()
    w:lock("hermes", 45)
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(2, #run:events_of "lock_waiting")
    assert.near(45, run.seconds, 1)
    w.forge:push("hermes", { Dockerfile = "FROM next\n" })
    w:lock "hermes"
    local locked = w:run("hermes", { no_wait = true })
    assert.equal(10, locked.exit)
    assert.matches("hermes.lock is locked by pid 4711 on elsewhere since 2026-01-01T", locked.stderr, 1, true)
  end)

  it("sends signals", function()
    local w = world()
    w.engine:builds { seconds = 600 }
    w:after(30, function() w:signal "INT" end)
    local run = w:run "hermes"
    assert.equal(130, run.exit)
    assert.matches("ended by SIGINT (2)", run.stderr, 1, true)
    assert.is_true(run.seconds < 60)
  end)

  it("says that a run never ends", function()
    local w = world()
    w:lock "hermes"
    local run = w:run "hermes"
    assert.equal(1, run.exit)
    assert.matches("the run has not ended after 86400 s of the world's time", run.stderr, 1, true)
    local ok, failure = pcall(w.call, w, function(_, library)
      local places = library.task.semaphore(1)
      places:acquire()
      places:acquire()
    end)
    assert.is_false(ok)
    assert.matches("stands still", tostring(failure), 1, true)
  end)

  it("ends a policy that never waits: by --timeout, by signals, and by itself", function()
    local w = world { fork = "return { run = function() while true do end end }" }
    local run = w:run({ timeout = 20 })
    assert.equal(9, run.exit)
    assert.matches("the run took longer than 20 s (--timeout)", run.stderr, 1, true)
    w:after(5, function() w:signal "INT" end)
    w:after(6, function() w:signal "INT" end)
    assert.equal(130, w:run().exit)
    run = w:run()
    assert.equal(70, run.exit)
    assert.matches("the policy has computed for 300 s of the world's time, and does not wait", run.stderr, 1, true)
    for _ = 1, 10 ^ 6 do assert(w) end -- and what the test computes is its own affair
  end)

  it("takes no time for what is computed between waits, however much it is", function()
    local w = world { fork = [[return { run = function()
      for _ = 1, 60 do
        for _ = 1, 10 ^ 5 do end
        molbuild.core.sys.sleep(1)
      end
      return "done"
    end }]] }
    local run = w:run()
    assert.equal(0, run.exit, run.stderr)
    assert.equal(60, run.seconds)
  end)

  it("has a disk that fills up", function()
    local w = world()
    w.files:fails "ENOSPC"
    local run = w:run "hermes"
    assert.equal(1, run.exit)
    assert.matches("No space left on device", run.stderr, 1, true)
    w.files:fails(nil)
    assert.equal(0, w:run("hermes").exit)
  end)

  it("has programs and servers of the test's own, for steps of a fork", function()
    local w = world {
      programs = {
        trivy = function(call)
          call:print "scanning"
          return call:has "--bad" and 1 or 0
        end,
      },
      fork = [[
        local ensure = molbuild.load "ensure.lua"
        local check = ensure.check
        function ensure.check(job)
          check(job)
          molbuild.child.run { argv = { "trivy", job.dir } }
          local answer = molbuild.core.http.request { url = "https://hooks.example/built", method = "POST", body = job.tag }
          if answer.status ~= 204 then molbuild.raise { message = "no hook" } end
        end
        return ensure
      ]],
    }
    local asked
    w:serve("https://hooks.example/", function(request)
      asked = request
      return { status = 204 }
    end)
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(1, #run:commands_of "trivy")
    assert.equal(run.stdout, asked.body .. "\n")
    assert.equal(asked, run:requests_to("https://hooks.example")[1])
  end)
end)
