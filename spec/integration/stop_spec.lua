-- Ending a run, in each of its steps: nothing is left, and the next run succeeds.
local docker = require "spec.support.docker"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local STEPS = { "head", "lock", "clone", "check", "build", "alias" }
-- The runtime that is held in that step.
local RUNTIME = {
  head = "autogen", lock = "claude-code", clone = "codex", check = "crewai", build = "deepagents", alias = "hermes",
}

local function sleepers(seconds)
  return sh.processes("sleep " .. seconds)
end

local function template(sleep)
  local files = world.template_files "something"
  if sleep then
    files.Dockerfile = ('FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "%s"]\n'):format(sleep)
  end
  return files
end

describe("a run that is ended", function()
  local w, holder

  setup(function()
    w = world.new()
  end)

  before_each(function()
    w:again()
  end)

  after_each(function()
    if holder then holder.let_go() end
    holder = nil
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  --- SECONDS are those that a RUN step in the engine sleeps for.
  local function assert_nothing_left(seconds)
    -- What a run has started, and its forks: all have the home of this world in their environment.
    assert.same({}, sh.processes_with("HOME=" .. w.home))
    assert.equal("", sh.run(("ls %s/tmp 2>/dev/null || true"):format(w.cache)))
    assert.equal("", sh.run(("find %s -name '*.lock' -size +0 2>/dev/null || true"):format(w.cache)))
    assert.equal("", sh.run(("find %s/repositories -name '*.lock' -o -name 'tmp_*' 2>/dev/null || true"):format(w.cache)))
    -- The engine ends its part when its client has gone away.
    sh.wait_for(function() return not seconds or #sleepers(seconds) == 0 end)
    sh.wait_for(function() return docker.containers() == 0 end)
  end

  --- What holds a run in each of its steps until it is ended: the forge, another holder of the lock, a build step in the
  --- engine; a policy whose step itself waits without end.
  local function hold(steps)
    local held = {}
    for _, step in ipairs(STEPS) do held[step] = sh.unique_seconds() end
    for _, step in ipairs(steps) do
      w:commit("org", RUNTIME[step], template(step == "build" and held.build))
    end
    w:delay("/api/v1/repos/org/t-autogen/branches/main", held.head)
    w:delay("/org/t-codex/git-upload-pack", held.clone)
    sh.run(("mkdir -p %s/locks && chmod 700 %s %s/locks"):format(w.cache, w.cache, w.cache))
    local owner = sh.run(("flock --no-fork %s/locks/claude-code.lock sleep %s >/dev/null 2>&1 & echo $!")
      :format(w.cache, held.lock))
    sh.write(w.dir .. "/held.lua", ([[
      local ensure = molbuild.load "ensure.lua"
      ensure.head_timeout = 0
      for step, seconds in pairs { check = "%s", alias = "%s" } do
        local original = ensure[step]
        ensure[step] = function(job)
          if job.runtime == (step == "check" and "crewai" or "hermes") then
            molbuild.child.run { argv = { "sleep", seconds } }
          end
          return original(job)
        end
      end
      return ensure
    ]]):format(held.check, held.alias))
    holder = { build = held.build }
    function holder.has_come(step, run)
      if step == "lock" then return (run:so_far() or ""):find("waiting for the lock", 1, true) end
      return #sleepers(held[step]) > 0
    end
    function holder.let_go()
      for _, seconds in pairs(held) do
        sh.kill(sleepers(seconds), "TERM")
      end
      sh.run(("rm -rf %s/canned/*; kill %s 2>/dev/null || true"):format(w.forge, owner))
      -- The same template, without the step that delayed the build.
      w:commit("org", RUNTIME.build, template())
    end
  end

  --- Let go what was held, and see the shipped policy succeed.
  local function assert_next_succeeds(steps)
    holder.let_go()
    local arguments = { "run", "--jobs=6", "ensure.lua" }
    for _, step in ipairs(steps) do arguments[#arguments + 1] = RUNTIME[step] end
    local run = w:run(arguments)
    assert.equal(0, run.status, run.stderr)
    local _, count = run.stdout:gsub("molecule%-local/workspace%-template%-[%l-]+:%x+\n", "")
    assert.equal(#steps, count)
  end

  local function assert_ended_well(step, builder)
    local heard = ("%s/heard.%s.%s"):format(w.dir, step, builder)
    hold { step }
    local run = w:start({ "run", w.dir .. "/held.lua", RUNTIME[step] }, { PATH = w:client(builder, heard) })
    sh.wait_for(function() return holder.has_come(step, run) end)
    run:signal "INT"
    local ended = run:wait()
    assert.equal(130, ended.status, ended.stderr)
    assert.equal("", ended.stdout)
    assert_nothing_left(holder.build)
    -- The client takes INT for a person's Ctrl-C, and has the engine end the build.
    assert.equal(step == "build" and "INT\n" or nil, sh.read(heard))
    assert_next_succeeds { step }
  end

  for _, step in ipairs(STEPS) do
    it("by Ctrl-C in the step " .. step .. " leaves nothing, and the next one succeeds", function()
      assert_ended_well(step, "buildkit")
    end)
  end

  it("by Ctrl-C in the step build of the classic builder leaves nothing, and the next one succeeds", function()
    assert_ended_well("build", "classic")
  end)

  for name, expected in pairs {
    INT = { 130, "classic" },
    TERM = { 143, "buildkit" },
    HUP = { 129, "classic" },
    ["INT twice"] = { 130, "buildkit" },
    ["--timeout"] = { 9, "buildkit" },
  } do
    it(("by %s in all steps at the same time leaves nothing, and the next one succeeds"):format(name), function()
      local status, builder = table.unpack(expected)
      hold(STEPS)
      local arguments = { "run", "--jobs=6", w.dir .. "/held.lua" }
      for _, step in ipairs(STEPS) do arguments[#arguments + 1] = RUNTIME[step] end
      if name == "--timeout" then table.insert(arguments, 2, "--timeout=45") end
      local run = w:start(arguments, { PATH = w:client(builder) })
      for _, step in ipairs(STEPS) do
        sh.wait_for(function() return holder.has_come(step, run) end)
      end
      assert.is_true(run:lives(), run:so_far())
      if name ~= "--timeout" then run:signal(name:match "^%u+") end
      if name == "INT twice" then sh.run(("kill -INT %d 2>/dev/null || true"):format(run.pid)) end
      local ended = run:wait()
      assert.equal(status, ended.status, ended.stderr)
      assert.equal("", ended.stdout)
      if name == "--timeout" then
        assert.truthy(ended.stderr:find("molbuild: local-build: the run took longer than 45 s (--timeout)\n", 1, true),
          ended.stderr)
      end
      assert_nothing_left(holder.build)
      assert_next_succeeds(STEPS)
    end)
  end

  it("leaves those alone that wait for its lock, and the holder of a lock that it waits for", function()
    local seconds = sh.unique_seconds()
    w:commit("org", "hermes", template(seconds))
    local first = w:start { "run", "ensure.lua", "hermes" }
    sh.wait_for(function() return #sleepers(seconds) > 0 end)
    local second, third = w:start { "run", "ensure.lua", "hermes" }, w:start { "run", "ensure.lua", "hermes" }
    for _, run in ipairs { second, third } do
      sh.wait_for(function() return run:so_far():find(("held by pid %d"):format(first.pid), 1, true) end)
    end
    second:signal "TERM"
    assert.equal(143, second:wait().status)
    -- The step of the first one continues to its end, by which both have their image.
    assert.is_true(first:lives())
    w:commit("org", "hermes", template())
    sh.kill(sleepers(seconds), "KILL")
    assert.equal(8, first:wait().status)
    third:signal "TERM"
    assert.equal(143, third:wait().status)
    assert_nothing_left(seconds)
  end)

  it("while it waits for one of the places of --jobs leaves nothing", function()
    local seconds = sh.unique_seconds()
    for _, runtime in ipairs { "hermes", "codex" } do
      w:commit("org", runtime, template(seconds))
    end
    local run = w:start { "run", "--progress=json", "--jobs=1", "ensure.lua", "hermes", "codex" }
    sh.wait_for(function()
      return run:so_far():find('"event":"job_waiting"', 1, true) and #sleepers(seconds) > 0
    end)
    local _, clones = run:so_far():gsub('"event":"step_started"[^\n]-"step":"clone"', "")
    assert.equal(1, clones, run:so_far())
    run:signal "TERM"
    assert.equal(143, run:wait().status)
    assert_nothing_left(seconds)
  end)

  it("before it has begun leaves nothing", function()
    for delay = 0, 9 do
      local run = w:start { "run", "ensure.lua", "gemini-cli" }
      os.execute(("sleep 0.00%d; kill -INT %d 2>/dev/null"):format(delay, run.pid))
      local status = run:wait().status
      -- Or it was faster: there is no such repository.
      assert.truthy(status == 130 or status == 6, status)
    end
    assert_nothing_left()
  end)

  it("by a second signal kills immediately what ignores the first, and releases its lock only then", function()
    local path = w.dir .. "/deaf.lua"
    sh.write(path, ([[return { run = function()
      local lock <close> = molbuild.cache.lock("%s", "deaf", {})
      -- Said by the child, once it is deaf.
      molbuild.child.run {
        argv = { "sh", "-c", "trap '' TERM; echo here; while :; do sleep 0.1; done" }, grace = 600,
        on_line = function(line) io.stderr:write(line, "\n") end,
      }
    end }]]):format(w.cache))
    local run = w:start { "run", path }
    sh.wait_for(function() return (run:so_far() or ""):find("here", 1, true) end)
    run:deliver "INT"
    os.execute "sleep 0.5"
    assert.is_true(run:lives())
    sh.run(("! flock -n %s/locks/deaf.lock true"):format(w.cache))
    run:signal "INT"
    assert.equal(130, run:wait().status)
    assert_nothing_left()
    sh.run(("flock -n %s/locks/deaf.lock true"):format(w.cache))
  end)

  it("with its terminal leaves nothing", function()
    -- Its output has no reader any more.
    hold { "clone" }
    local run = w:start({ "run", "ensure.lua", "codex" }, nil, { redirect = "2>&-" })
    sh.wait_for(function() return holder.has_come("clone", run) end)
    run:signal "HUP"
    assert.equal(129, run:wait().status)
    assert_nothing_left()
  end)
end)
