-- Ending a run, in each of its steps: nothing is left, and the next run succeeds.
local world = require "spec.support.world"

describe("a run that is ended", function()
  local w

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  --- Descendants of a run that are still there: they all carry the cache's path, or the forge's port, in their
  --- arguments or their environment.
  local function left()
    return world.sh(([[
      for p in /proc/[0-9]*; do
        { tr '\0' '\n' <$p/environ | grep -c -e '^MOLBUILD_CHILD=' -e '^HOME=%s$'; } 2>/dev/null | grep -qx 2 &&
          echo ${p#/proc/}
      done; true]]):format(w.home))
  end

  local function assert_nothing_left()
    assert.equal("", left())
    assert.equal("", world.sh(("ls %s/tmp 2>/dev/null || true"):format(w.cache)))
    assert.equal("", world.read(w.cache .. "/locks/hermes.lock") or "")
  end

  --- A policy that waits in STEP until it is ended, and says so.
  local function stuck_in(step)
    local path = w.dir .. "/stuck.lua"
    world.write(path, ([[
      local ensure = molbuild.load "ensure.lua"
      local original = ensure.%s
      function ensure.%s(job)
        molbuild.log.info "here"
        molbuild.child.run { argv = { "sleep", "1234.5" } }
        return original(job)
      end
      return ensure
    ]]):format(step, step))
    return path
  end

  for _, step in ipairs { "head", "lock", "clone", "check", "build", "alias" } do
    for name, status in pairs { INT = 130, TERM = 143 } do
      it(("by %s in the step %s leaves nothing, and the next one succeeds"):format(name, step), function()
        local sha = w:commit("org", "hermes", world.template_files "at last")
        local run = w:start { "run", stuck_in(step), "hermes" }
        world.wait_for(function() return (run.stderr() or ""):find("here", 1, true) end)
        run.signal(name)
        local ended = run.wait(15)
        assert.equal(status, ended.status, ended.stderr)
        assert.equal("", ended.stdout)
        assert_nothing_left()
        local next_run = w:ensure "hermes"
        assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", next_run.stdout, next_run.stderr)
      end)
    end
  end

  it("in a wait for a lock leaves the holder alone", function()
    w:commit("org", "hermes", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "6"]\n',
    })
    local first = w:start { "run", "ensure.lua", "hermes" }
    world.wait_for(function() return first.stderr():find("build 3/3", 1, true) end)
    local second = w:start { "run", "ensure.lua", "hermes" }
    world.wait_for(function() return second.stderr():find(("held by pid %d"):format(first.pid), 1, true) end)
    second.signal "TERM"
    assert.equal(143, second.wait(5).status)
    assert.equal(0, first.wait(30).status)
  end)

  it("by a second signal kills at once what ignores the first", function()
    local path = w.dir .. "/deaf.lua"
    world.write(path, [[return { run = function()
      -- Said by the child, once it is deaf.
      molbuild.child.run {
        argv = { "sh", "-c", "trap '' TERM; echo here; while :; do sleep 0.1; done" },
        on_line = function(line) io.stderr:write(line, "\n") end,
      }
    end }]])
    local run = w:start { "run", path }
    world.wait_for(function() return (run.stderr() or ""):find("here", 1, true) end)
    run.signal "INT"
    os.execute "sleep 0.5"
    assert.is_true(run.running())
    run.signal "INT"
    assert.equal(130, run.wait(3).status)
    assert.equal("", left())
  end)

  it("with kill -9, at any point, does not keep the next one from succeeding", function()
    local sha = w:commit("org", "hermes", world.template_files "survivor")
    -- Spread over a whole run; how long that takes is measured first.
    local started = world.sh "date +%s%N"
    assert.equal(0, w:ensure("hermes").status)
    local nanoseconds = tonumber(world.sh "date +%s%N") - tonumber(started)
    for point = 1, 50 do
      world.remove_images()
      world.sh("rm -rf " .. w.cache .. "/hermes")
      local run = w:start { "run", "ensure.lua", "hermes" }
      os.execute(("sleep %.3f"):format(nanoseconds / 1e9 * point / 50))
      os.execute(("kill -9 %d 2>/dev/null"):format(run.pid))
      run.wait(30)
    end
    -- What was killed late may still have got its image built: a hit would have nothing to clean up.
    world.wait_for(function() return left() == "" end, 15)
    world.remove_images()
    local last = w:ensure "hermes"
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", last.stdout, last.stderr)
    assert.truthy(last.stderr:find("built\n", 1, true), last.stderr)
    assert_nothing_left()
  end)

  it("with kill -9 leaves no build running unlocked", function()
    w:commit("org", "hermes", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "45.6"]\n',
    })
    local run = w:start { "run", "ensure.lua", "hermes" }
    world.wait_for(function() return world.sh "pgrep -f 'slee[p] 45.6' || true" ~= "" end)
    run.signal "KILL"
    -- Either the build is gone, or the lock is still held.
    local lock = w.cache .. "/locks/hermes.lock"
    for _ = 1, 20 do
      local free = os.execute(("flock -n %s true 2>/dev/null"):format(lock))
      local client = world.sh(("pgrep -f 'docke[r] build.*%s' || true"):format(w.cache))
      assert.is_false(free == true and client ~= "", "a build runs unlocked")
      os.execute "sleep 0.05"
    end
    world.wait_for(function() return world.sh "pgrep -f 'slee[p] 45.6' || true" == "" end, 20)
  end)
end)
