-- The verb watch, by whole runs of ensure.lua in a test's world: what it looks at, what it says, and how it ends.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"

local FORGE = "https://git.moleculesai.app"
local METRICS = "/home/molbuild/watch.prom"
local PLAIN = { Dockerfile = "FROM scratch\n" }

local function rows_of(run)
  local rows = {}
  for line in run.stdout:gmatch "[^\n]+" do rows[#rows + 1] = json.decode(line) end
  return rows
end

local function count(text, word)
  return select(2, text:gsub(word:gsub("%p", "%%%0"), ""))
end

describe("a watch", function()
  local world

  before_each(function()
    world = molbuild.testing.world { policy = "scripts/ensure.lua", repositories = {} }
    world.forge:push("hermes", PLAIN)
    world.forge:push("codex", PLAIN)
  end)

  -- For some seconds; then it gets TERM.
  local function watch(seconds, ...)
    world:after(seconds, function() world:signal "TERM" end)
    return world:verb("watch", ...)
  end

  local function metric(line)
    local value = (world:read(METRICS) or ""):match("\n" .. line:gsub("%p", "%%%0") .. " ([^\n]+)")
    return tonumber(value)
  end

  it("builds what is missing and what moves, reports that, and ends with status 0", function()
    world:after(1000, function() world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" }) end)
    local run = watch(2000, "hermes", "codex")
    assert.equal(0, run.exit, run.stderr)
    assert.equal("", run.stdout)
    assert.equal(3, #world.builds)
    assert.truthy(run.stderr:find("watching 2 runtimes every 5m", 1, true), run.stderr)
    assert.equal(3, count(run.stderr, " built\n"), run.stderr)
    assert.equal(1, count(run.stderr, "the branch main moved"), run.stderr)
    assert.truthy(run.stderr:find "ended by SIGTERM %(15%)\n$", run.stderr)
  end)

  it("says nothing when nothing is new, whatever it shows", function()
    assert.equal(0, world:run("hermes", "codex").exit)
    for _, options in ipairs { {}, { progress = "json" }, { q = true } } do
      options.output = "json"
      local short = watch(250, "hermes", "codex", options)
      local long = watch(5000, "hermes", "codex", options)
      assert.equal(count(short.stderr, "\n"), count(long.stderr, "\n"), long.stderr)
      assert.equal(count(short.stdout, "\n"), count(long.stdout, "\n"), long.stdout)
      assert.is_true(#long:requests_to "forge" > 25)
    end
  end)

  it("prints an object for each image that is new, with --output=json", function()
    assert.equal(0, world:run("hermes").exit)
    local run = watch(1000, "hermes", "codex", { output = "json", q = true })
    local rows = rows_of(run)
    assert.equal(2, #rows, run.stdout)
    local codex = rows[1].runtime == "codex" and rows[1] or rows[2]
    assert.same({ "image", "built", world.forge:head "codex" }, { codex.event, codex.outcome, codex.commit })
    assert.equal("molecule-local/workspace-template-codex:" .. world.forge:head("codex"):sub(1, 12), codex.image)
  end)

  it("spreads its questions over the time, also the first ones", function()
    local names = {}
    for index = 1, 8 do names[index] = ({ "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes",
      "langgraph" })[index] end
    for _, name in ipairs(names) do world.forge:push(name, PLAIN) end
    names[#names + 1] = { q = true }
    local run = watch(3000, table.unpack(names))
    local times, closest, fullest = {}, math.huge, 0
    for _, request in ipairs(run:requests_to "forge") do times[#times + 1] = request.time end
    for index = 2, #times do closest = math.min(closest, times[index] - times[index - 1]) end
    for _, from in ipairs(times) do
      local within = 0
      for _, time in ipairs(times) do
        if from > 600 and time >= from and time < from + 30 then within = within + 1 end
      end
      fullest = math.max(fullest, within)
    end
    assert.is_true(closest >= 1.99, closest)
    assert.is_true(fullest <= 4, fullest) -- of 8 runtimes in 300 s: 0.8 in 30 s
    assert.is_true(#times >= 8 * 9 and #times <= 8 * 12, #times)
  end)

  it("backs off from a forge that fails, in one line, and returns to its usual time", function()
    world:after(1000, function() world.forge:fails "resolve" end)
    world:after(8200, function() world.forge:recovers() end)
    local run = watch(12000, "hermes", "codex", "--metrics=" .. METRICS, { output = "json" })
    assert.equal(0, run.exit)
    assert.equal(1, count(run.stderr, "Could not resolve"), run.stderr)
    assert.equal(1, count(run.stderr, FORGE .. " answers again, after 2h and "), run.stderr)
    local failed, back = 0, 0
    for _, request in ipairs(run:requests_to "forge") do
      if request.time > 1400 and request.time < 8200 then failed = failed + 1 end
      if request.time > 9200 then back = back + 1 end
    end
    assert.is_true(failed / 3 < 14, failed) -- three attempts each; two runtimes would have looked 45 times
    assert.is_true(back >= 15, back)
    local events = {}
    for _, row in ipairs(rows_of(run)) do
      if row.origin then events[#events + 1] = row.event .. " " .. row.origin end
    end
    assert.same({ "waiting " .. FORGE, "recovered " .. FORGE }, events)
    assert.equal(0, metric(('molbuild_watch_origin_failures{origin="%s"}'):format(FORGE)))
  end)

  it("asks a forge no sooner than it wants", function()
    world:after(100, function() world.forge:fails({ status = 503, headers = { ["Retry-After"] = "5000" } }, 1) end)
    local gap, last = 0, nil
    for _, request in ipairs(watch(6500, "hermes", "codex", { q = true }):requests_to "forge") do
      if last then gap = math.max(gap, request.time - last) end
      last = request.time
    end
    assert.is_true(gap >= 5000 and gap < 5400, gap)
  end)

  it("builds a commit that fails once, and reports it once", function()
    local id = world.forge:push("hermes", { Dockerfile = "FROM scratch\nRUN false\n" })
    assert.equal(0, world:run("codex").exit)
    world.engine:builds { exit = 1, says = "boom" }
    local run = watch(3400, "hermes", "codex", "--metrics=" .. METRICS, { output = "json" })
    assert.equal(0, run.exit)
    local builds = 0
    for _, build in ipairs(world.builds) do
      if build.tag:find(id:sub(1, 12), 1, true) then builds = builds + 1 end
    end
    assert.equal(1, builds)
    assert.equal(1, count(run.stderr, "failed in step build"), run.stderr)
    assert.equal(1, metric 'molbuild_watch_failing{runtime="hermes"}')
    assert.is_true(metric 'molbuild_watch_failures_total{kind="build",runtime="hermes"}' >= 2)
    assert.equal(0, metric 'molbuild_watch_failing{runtime="codex"}')
  end)

  it("is not ended by a mistake about one runtime", function()
    world = molbuild.testing.world { fork = [[
      local ensure = molbuild.load "ensure.lua"
      local job = ensure.job
      function ensure.job(runtime)
        if runtime == "hermes" then error "a mistake" end
        return job(runtime)
      end
      return ensure
    ]], repositories = {} }
    world.forge:push("codex", PLAIN)
    local run = watch(3000, "codex", "hermes")
    assert.equal(0, run.exit, run.stderr)
    assert.equal(1, count(run.stderr, "a mistake"), run.stderr)
    assert.equal(1, #world.builds)
  end)

  it("ends with an error when the policy is wrong about all runtimes", function()
    world = molbuild.testing.world { fork = [[
      local ensure = molbuild.load "ensure.lua"
      function ensure.job() return nil end
      return ensure
    ]], repositories = {} }
    local run = watch(3000, "codex", "hermes")
    assert.equal(70, run.exit)
    assert.equal(1, count(run.stderr, "job gave nothing; it must give a job"), run.stderr)
  end)

  it("also watches what a runtime needs", function()
    world = molbuild.testing.world { fork = [[
      local ensure = molbuild.load "ensure.lua"
      ensure.per_runtime = { hermes = { needs = { "codex" } } }
      return ensure
    ]], repositories = {} }
    world.forge:push("hermes", PLAIN)
    world.forge:push("codex", PLAIN)
    world:after(1000, function() world.forge:push("codex", { Dockerfile = "FROM scratch\n", more = "x" }) end)
    local named = {}
    for index, row in ipairs(rows_of(watch(2000, "hermes", { output = "json", q = true }))) do named[index] = row.runtime end
    table.sort(named)
    assert.same({ "codex", "codex", "hermes" }, named)
  end)

  it("looks soon at what has failed when the policy is loaded again", function()
    world.forge:fails(403)
    world:after(3000, function()
      world.forge:recovers()
      world:signal "HUP"
    end)
    local run = watch(3010, "hermes", { output = "json" })
    local rows = rows_of(run)
    assert.same({ "image", 3000 }, { rows[#rows].event, rows[#rows].time - world.clock.beginning }, run.stdout)
  end)

  it("writes its numbers for others to read, and says that it has ended", function()
    world:after(500, function() assert.equal(1, metric "molbuild_watch_up") end)
    watch(1000, "hermes", "--metrics=" .. METRICS)
    assert.equal(0, metric "molbuild_watch_up")
    assert.equal(1, metric 'molbuild_watch_results_total{outcome="built",runtime="hermes"}')
    assert.is_true(metric 'molbuild_watch_results_total{outcome="hit",runtime="hermes"}' >= 2)
    assert.is_true(metric 'molbuild_watch_image_age_seconds{runtime="hermes"}' >= 999)
    assert.equal(1, metric 'molbuild_watch_step_seconds_count{runtime="hermes",step="build"}')
    assert.equal(420, world.fs.lstat(METRICS).mode & 511)
  end)

  it("has ended by its numbers, whatever ended it", function()
    world:after(500, function() world:signal "ALRM" end)
    assert.equal(142, world:verb("watch", "hermes", "--metrics=" .. METRICS).exit)
    assert.equal(0, metric "molbuild_watch_up")
    assert.equal(9, world:verb("watch", "hermes", "--metrics=" .. METRICS, { timeout = 500 }).exit)
    assert.equal(0, metric "molbuild_watch_up")
  end)

  it("needs a file of numbers that it can write when it begins", function()
    local run = world:verb("watch", "hermes", "--metrics=/nonexistent/dir/watch.prom")
    assert.equal(2, run.exit)
    assert.truthy(run.stderr:find("--metrics: ", 1, true), run.stderr)
    assert.equal(0, #world.builds)
  end)

  it("is refused where there is nothing to watch, and for a time that is none", function()
    for _, each in ipairs {
      { { "--every=0.1s" }, "--every must be at least 1s" }, { { "--every=soon" }, "--every must be an age" },
      { { "nothing" }, 'unknown runtime "nothing"' }, { { "--al" }, "unknown option --al" },
    } do
      local run = world:verb("watch", table.unpack(each[1]), each[1][1]:find "^%-" and "hermes" or nil)
      assert.equal(2, run.exit)
      assert.truthy(run.stderr:find(each[2], 1, true), run.stderr)
    end
  end)

  it("builds, and serves no older image", function()
    world.env.MOLECULE_SERVE_STALE_S = "86400"
    assert.equal(0, world:run("hermes").exit)
    world:after(1000, function() world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" }) end)
    local rows = rows_of(watch(2000, "hermes", { output = "json" }))
    assert.same({ "hit", "built" }, { rows[1].outcome, rows[2].outcome })
    assert.equal(2, #rows)
  end)

  it("is refused offline, and in registry mode without a pull", function()
    for _, env in ipairs { { MOLECULE_OFFLINE = "1" }, { MOLECULE_IMAGE_REGISTRY = "registry.example/team" } } do
      world.env.MOLECULE_OFFLINE, world.env.MOLECULE_IMAGE_REGISTRY = env.MOLECULE_OFFLINE, env.MOLECULE_IMAGE_REGISTRY
      assert.equal(2, world:verb("watch", "hermes", "codex").exit)
    end
  end)

  it("reads a token's file at each look", function()
    local path = "/home/molbuild/token"
    world.forge.private, world.forge.token, world.env.MOLECULE_GITEA_TOKEN_FILE = true, "first-token-abcdef", path
    assert(world.fs.write_atomic(path, "first-token-abcdef\n", 384))
    world:after(1000, function()
      world.forge.token = "second-token-ghijkl"
      assert(world.fs.write_atomic(path, "second-token-ghijkl\n", 384))
    end)
    world:after(2000, function() world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" }) end)
    local run = watch(3000, "hermes")
    assert.equal(2, count(run.stderr, " built\n"), run.stderr)
    assert.equal(0, count(run.stderr, "failed"), run.stderr)
  end)

  it("looks once at each runtime after its machine was suspended", function()
    world:after(1000, function() world.clock.now = world.clock.now + 8 * 3600 end)
    local run, late = watch(1060 + 8 * 3600, "hermes", "codex", { q = true }), 0
    for _, request in ipairs(run:requests_to "forge") do late = late + (request.time > 20000 and 1 or 0) end
    assert.equal(2, late)
  end)

  it("survives a disk that is full", function()
    world:after(1000, function()
      world.files:fails "ENOSPC"
      world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
    end)
    world:after(5000, function() world.files:fails(nil) end)
    local run = watch(9000, "hermes", "--metrics=" .. METRICS)
    assert.equal(0, run.exit)
    assert.equal(1, count(run.stderr, "--metrics: cannot write"), run.stderr)
    assert.equal(1, count(run.stderr, "failed in step lock"), run.stderr)
    assert.equal(2, count(run.stderr, " built\n"), run.stderr)
  end)

  it("does not run twice on one cache", function()
    world:lock "molbuild-watch"
    local run = world:verb("watch", "hermes")
    assert.equal(10, run.exit)
    assert.truthy(run.stderr:find("another watch is running", 1, true), run.stderr)
    assert.equal(0, #run:requests_to "forge")
  end)
end)
