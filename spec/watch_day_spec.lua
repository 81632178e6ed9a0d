-- A day of a watch in a test's world: outages, moved branches, a broken commit, policies that are replaced. What must hold of it.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"

local HOUR, DAY = 3600, 86400
local NAMES = { "hermes", "codex", "autogen" }
local METRICS = "/home/molbuild/watch.prom"

local FORK = [[
  local ensure = molbuild.load "ensure.lua"
  ensure.words.prefix = "first"
  return ensure
]]

local function tree(text)
  return { Dockerfile = "FROM scratch\n", text = text }
end

describe("in a day, a watch of three runtimes", function()
  local world, run, rows, pushed = nil, nil, {}, {}

  -- What happens, by the hour.
  local function plan()
    local function at(hours, fn) world:after(hours * HOUR, fn) end
    local function push(name, text)
      return function()
        local commit = world.forge:push(name, tree(text))
        pushed[#pushed + 1] = { name = name, commit = commit, time = world.clock.now }
      end
    end
    at(2, push("hermes", "two"))
    at(3, function() world.forge:fails "timeout" end)
    at(5, function() world.forge:recovers() end)
    at(6, function() world.forge:fails({ status = 429, headers = { ["Retry-After"] = "7200" } }, 1) end)
    at(10, function() world.engine:builds({ exit = 1, says = "the template is broken" }) push("codex", "broken")() end)
    at(14, function() world.engine.plans = {} push("codex", "repaired")() end)
    at(15, function()
      world.files:add(world.policy, FORK:gsub("return ensure", "ensure.branhc = 1 return ensure"))
      world:signal "HUP"
    end)
    at(16, function()
      world.files:add(world.policy, FORK:gsub("return ensure", "ensure.per_runtime = { autogen = { ceiling = 99 } } return ensure"))
      world:signal "HUP"
    end)
    at(17, function() world.engine:fails "unreachable" end)
    at(18, function() world.engine:recovers() end)
    at(20, push("autogen", "twenty"))
    at(24, function() world:signal "TERM" end)
  end

  lazy_setup(function()
    world = molbuild.testing.world { fork = FORK, repositories = {}, seconds = { head = 1 } }
    for _, name in ipairs(NAMES) do world.forge:push(name, tree "one") end
    plan()
    run = world:verb("watch", "--metrics=" .. METRICS, "hermes", "codex", "autogen", { output = "json" })
    for line in run.stdout:gmatch "[^\n]+" do rows[#rows + 1] = json.decode(line) end
  end)

  local function times_of(from, till)
    local times = {}
    for _, request in ipairs(run:requests_to "forge") do
      if request.time >= from and request.time < till then times[#times + 1] = request.time end
    end
    return times
  end

  local function events(name)
    local list = {}
    for _, row in ipairs(rows) do
      if row.event == name then list[#list + 1] = row end
    end
    return list
  end

  local function metric(line)
    return tonumber(world:read(METRICS):match("\n" .. line:gsub("%p", "%%%0") .. " ([^\n]+)"))
  end

  it("ends with status 0 when it gets SIGTERM", function()
    assert.equal(0, run.exit, run.stderr)
    assert.equal(DAY, run.seconds)
  end)

  it("looks at each about 288 times, less the times in which it waits", function()
    local looks = 0
    for _, name in ipairs(NAMES) do
      looks = looks + metric(('molbuild_watch_results_total{outcome="hit",runtime="%s"}'):format(name))
    end
    assert.is_true(looks > 600 and looks <= 3 * 300, looks)
  end)

  it("has each commit soon after its push", function()
    for _, push in ipairs(pushed) do
      local built
      for _, row in ipairs(events "image") do
        if row.commit == push.commit then built = row.time - world.clock.beginning end
      end
      local is_broken = push.time == 10 * HOUR
      assert.equal(is_broken, built == nil, push.name)
      assert.is_true(is_broken or built - push.time <= 400, push.name)
    end
  end)

  it("asks a forge that does not answer less often, and not at all while it wants a pause", function()
    assert.is_true(#times_of(3.5 * HOUR, 5 * HOUR) <= 10, #times_of(3.5 * HOUR, 5 * HOUR))
    local limited = times_of(6 * HOUR, 8.3 * HOUR)
    assert.is_true(limited[2] - limited[1] >= 7200)
    assert.is_true(#times_of(9 * HOUR, 10 * HOUR) >= 30)
  end)

  it("builds a broken commit once an hour at most, and reports it once", function()
    local builds = 0
    for _, build in ipairs(world.builds) do
      if build.tag:find(pushed[2].commit:sub(1, 12), 1, true) then builds = builds + 1 end
    end
    assert.is_true(builds >= 3 and builds <= 4, builds)
    assert.equal(1, select(2, run.stderr:gsub("failed in step build", "")))
  end)

  it("keeps its policy when the new one is wrong, and takes it when it is not", function()
    local kept, loaded = table.unpack(events "policy")
    assert.same({ "kept", "loaded" }, { kept.outcome, loaded.outcome })
    assert.truthy(kept.error.message:find("branhc", 1, true), kept.error.message)
    assert.equal(1, metric 'molbuild_watch_reloads_total{result="loaded"}')
    assert.equal(1, metric 'molbuild_watch_reloads_total{result="kept"}')
  end)

  it("has one line for each beginning and each end of a trouble", function()
    local lines, seen = 0, {}
    for line in run.stderr:gmatch "[^\n]+" do
      lines = lines + 1
      seen[line] = (seen[line] or 0) + 1
    end
    for line, count in pairs(seen) do assert.is_true(count == 1 or not line:find "answer", line) end
    assert.is_true(lines < 70, run.stderr)
    assert.equal(3, #events "waiting")
    assert.equal(3, #events "recovered")
    assert.equal(1, #events "failed")
  end)
end)
