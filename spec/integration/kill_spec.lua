-- kill -9, against which nothing can be done at the time: what it leaves ends by itself, no build continues without the lock,
-- and the next run cleans up and succeeds.
local docker = require "spec.support.docker"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local POINTS = 50
--- The most further points, where the first ones left out too much: on a machine that was busy while the run was measured.
local MORE = 50

describe("a run that is killed", function()
  local w

  setup(function()
    w = world.new()
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  before_each(function()
    w:again()
  end)

  local function client()
    local builds = {}
    for _, pid in ipairs(sh.processes(w.cache)) do
      local words = sh.read(("/proc/%d/cmdline"):format(pid))
      if words and words:find("docker\0build\0", 1, true) then builds[#builds + 1] = pid end
    end
    return builds
  end

  -- A client that a failure has left halted.
  after_each(function()
    sh.kill(client(), "KILL")
  end)

  local function find(arguments)
    return sh.run(("cd %s && find . %s 2>/dev/null || true"):format(w.cache, arguments))
  end

  local function assert_nothing_left()
    -- What a run has started, and its forks: all have the home of this world in their environment.
    sh.wait_for(function() return #sh.processes_with("HOME=" .. w.home) == 0 end)
    sh.wait_for(function() return docker.containers() == 0 end)
    assert.equal("", find "-path './tmp/*'")
    -- A record may be left: where the killed run's build has ended well, the next run is a hit and takes no lock.
    assert.equal("", find "-path './locks/*.lock' '!' -exec flock -n '{}' true ';' -print")
    assert.equal("", find "-path '*/repositories/*' '(' -name '*.lock' -o -name 'tmp_*' ')'")
  end

  --- A template whose RUN has not been carried out before. Its other layer is in the builder's cache after the first build.
  local function commit(runtime, serial, seconds)
    return w:commit("org", runtime, {
      Dockerfile = ('FROM scratch\nCOPY busybox /bin/busybox\nENV SAYS="%s %s %s"\nRUN ["/bin/busybox", "sleep", "%s"]\n'):format(
        runtime, serial, w.dir, seconds),
    })
  end

  --- Start a run that is killed after SECONDS, or when it begins the step of this name. Returns a function that waits for its
  --- end, and then gives the step that it was killed in; if it had ended before, none, and the seconds it took.
  local function start_killed(point, runtime, env)
    local run = w:start({ "run", "--progress=json", "ensure.lua", runtime }, env)
    if type(point) == "number" then
      sh.run(("(sleep %.3f; kill -9 %d) >/dev/null 2>&1 &"):format(point, run.pid))
    end
    return function()
      if type(point) == "string" then
        local begun = ('"event":"step_started"[^\n]-"step":"%s"'):format(point)
        sh.wait_for(function() return run:so_far():find(begun) or not run:lives() end)
        run:signal "KILL"
      end
      local ended = run:wait()
      local step = "start"
      for name in ended.stderr:gmatch '"event":"step_started"[^\n]-"step":"(%l+)"' do step = name end
      if ended.status == 137 then return step end
      return nil, tonumber(ended.stderr:match '"event":"run_ended"[^\n]-"seconds":([%d.]+)')
    end
  end

  it("at any point of it does not keep the next one from succeeding", function()
    -- Two side by side: each builder has every other point.
    local places = {
      { runtime = "hermes", env = { PATH = w:client "classic" } },
      { runtime = "codex", env = { PATH = w:client "buildkit" } },
    }
    -- Spread over a whole run: how long that takes is measured first, and corrected by those that are faster.
    for _, place in ipairs(places) do
      commit(place.runtime, 0, "0.3")
      place.run = w:start({ "run", "--progress=json", "ensure.lua", place.runtime }, place.env)
    end
    for _, place in ipairs(places) do
      local ended = place.run:wait()
      assert.equal(0, ended.status, ended.stderr)
      place.takes = tonumber(ended.stderr:match '"event":"run_ended"[^\n]-"seconds":([%d.]+)')
    end
    local killed, serial = { all = 0, clone = 0, build = 0 }, 0
    local function kill_and_run_again(point_of)
      serial = serial + 1
      for index, place in ipairs(places) do
        place.sha = commit(place.runtime, serial, "0.3")
        place.ended = start_killed(point_of(index, place), place.runtime, place.env)
      end
      for _, place in ipairs(places) do
        local step, seconds = place.ended()
        if step then killed[step], killed.all = (killed[step] or 0) + 1, killed.all + 1 end
        place.takes = math.min(place.takes, seconds or place.takes)
        -- What was left is found by either builder; the classic one costs four times the processor time.
        place.run = w:start({ "run", "ensure.lua", place.runtime }, serial % 5 == 1 and place.env or nil)
      end
      for _, place in ipairs(places) do
        local after = place.run:wait()
        assert.equal(("molecule-local/workspace-template-%s:%s\n"):format(place.runtime, place.sha:sub(1, 12)),
          after.stdout, after.stderr)
        assert.equal("", find(("-path './tmp/%s.*'"):format(place.runtime)))
      end
    end
    for point = 1, POINTS, #places do
      kill_and_run_again(function(index, place) return place.takes * (point + index - 1) / (POINTS + 1) end)
    end
    local function missing()
      return killed.clone < 1 and "clone" or (killed.build < POINTS / 5 or killed.all < POINTS / 2) and "build" or nil
    end
    while missing() and serial < POINTS + MORE do
      kill_and_run_again(missing)
    end
    assert_nothing_left()
    assert.is_nil(missing(), require("cjson").encode(killed))
  end)

  for _, builder in ipairs { "classic", "buildkit" } do
    it("leaves no quiet build of the builder " .. builder .. " running unlocked", function()
      local seconds = sh.unique_seconds()
      local function step() return sh.processes("sleep " .. seconds) end
      local function is_locked()
        return not os.execute(("flock -n %s/locks/hermes.lock true 2>/dev/null"):format(w.cache))
      end
      commit("hermes", 1, seconds)
      local run = w:start({ "run", "ensure.lua", "hermes" }, { PATH = w:client(builder) })
      sh.wait_for(function() return #step() > 0 end)
      -- A stopped process cannot react to the signal: it keeps the lock as long as it exists.
      sh.kill(client(), "STOP")
      run:signal "KILL"
      run:wait()
      assert.is_true(is_locked())
      sh.kill(client(), "CONT")
      sh.wait_for(function() return #client() == 0 end)
      assert.is_false(is_locked())
      -- With the client the engine's part ends.
      sh.wait_for(function() return #step() == 0 end)
      commit("hermes", 2, "0")
      assert.equal(0, w:ensure("hermes").status)
      assert_nothing_left()
    end)
  end
end)
