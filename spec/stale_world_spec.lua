-- The last good image as the result of a run that lacks the new one, by whole runs of ensure.lua in a test's world.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"

local DAY = 86400

describe("in a world, with MOLECULE_SERVE_STALE_S, ensure.lua", function()
  local world, first

  local function push(version, name)
    return world.forge:push(name or "hermes", { Dockerfile = "FROM scratch\n", version = version })
  end

  local function start(fork)
    world = molbuild.testing.world { policy = not fork and "scripts/ensure.lua" or nil, fork = fork, repositories = {} }
    first = push "1"
    assert.equal(0, world:run("hermes").exit)
    world.env.MOLECULE_SERVE_STALE_S = tostring(DAY)
  end

  before_each(function() start() end)

  local function tag_of(sha, name)
    return ("molecule-local/workspace-template-%s:%s"):format(name or "hermes", sha:sub(1, 12))
  end

  local function run(...)
    local done = world:run(...)
    return done, done:events_of("result")[1]
  end

  local function started()
    return #world.processes.detached
  end

  -- What the process behind does, which does nothing in a world: a run that waits.
  local function build_behind(...)
    world.locks.others = {}
    world.env.MOLECULE_SERVE_STALE_S = nil
    local done = run(...)
    world.env.MOLECULE_SERVE_STALE_S = tostring(DAY)
    return done
  end

  it("gives the last good image, and leaves the lock to a process that builds", function()
    local wanted = push "2"
    world.clock.now = world.clock.now + 3600
    local done, result = run("hermes", { output = "json", jobs = 3, v = true })
    assert.equal(0, done.exit, done.stderr)
    assert.equal(1, #world.builds)
    local object = json.decode(done.stdout)
    assert.same({ tag_of(first), first, "stale", wanted, 5001 },
      { object.image, object.sha, object.outcome, object.wanted, object.building.pid })
    assert.is_true(object.behind_s >= 3600 and object.behind_s < 3700, done.stdout)
    assert.equal(object.image_id, result.image_id)
    local how = world.processes.detached[1]
    assert.same({
      "molbuild", "run", "--progress=plain", "--color=never", "--jobs=3", "-v", "--", how.argv[8], "hermes",
    }, how.argv)
    assert.matches("/ensure%.lua$", how.argv[8])
    assert.equal("9", how.env.MOLBUILD_BEHIND)
    assert.matches("/hermes/behind%.log$", how.log_file)
    assert.equal(1, #how.keep)
    assert.matches(("%s was current %%d+m ago: %s is being built by pid 5001"):format(tag_of(first):gsub("%p", "%%%0"),
      wanted:sub(1, 12)), done.stderr)
  end)

  it("leaves the name that moves with the branch where it is", function()
    push "2"
    run "hermes"
    local latest = world.engine:image "molecule-local/workspace-template-hermes:latest"
    assert.equal(world.engine:image(tag_of(first)).id, latest.id)
  end)

  it("says how far the build is, and starts no second one", function()
    local wanted = push "2"
    run "hermes"
    world.clock.now = world.clock.now + 34
    local done, result = run "hermes"
    assert.equal(1, started())
    assert.same({ "stale", wanted:sub(1, 12), 4711 }, { result.outcome, result.building.commit, result.building.pid })
    assert.matches(wanted:sub(1, 12) .. " is being built by pid 4711 on elsewhere for %d+s", done.stderr)
    world.locks:hold("hermes", nil, ("build hermes at %s, step clone"):format(first:sub(1, 12)))
    done, result = run "hermes"
    assert.equal("clone", result.building.step)
    assert.matches("another image is being built by pid 4711 on elsewhere for 0s, step clone", done.stderr)
    assert.equal(1, started())
  end)

  it("is a hit when the build is done, and moves the name then", function()
    local wanted = push "2"
    run "hermes"
    assert.equal(0, build_behind("hermes").exit)
    local _, result = run "hermes"
    assert.same({ "hit", wanted }, { result.outcome, result.sha })
    assert.equal(world.engine:image(tag_of(wanted)).id, world.engine:image("molecule-local/workspace-template-hermes:latest").id)
  end)

  it("waits for the image when the last one was current too long ago", function()
    world.clock.now = world.clock.now + DAY + 100
    push "2"
    local _, result = run "hermes"
    assert.same({ "built", 0 }, { result.outcome, started() })
  end)

  it("knows from a hit that an image is still current", function()
    world.clock.now = world.clock.now + DAY + 100
    assert.equal("hit", select(2, run "hermes").outcome)
    world.clock.now = world.clock.now + DAY - 100
    push "2"
    local _, result = run "hermes"
    assert.equal("stale", result.outcome)
    assert.is_true(result.behind_s < DAY)
  end)

  it("writes nothing on a hit without the setting", function()
    world.env.MOLECULE_SERVE_STALE_S = "0"
    run "hermes"
    assert.is_nil(world.fs.lstat(world.env.HOME .. "/.cache/molecule/workspace-template-build/heads"))
  end)

  for what, arguments in pairs {
    ["--rebuild"] = { "--rebuild" }, ["--no-cache"] = { "--no-cache" }, ["--pull"] = { "--pull" },
    ["--commit"] = { "--commit=" }, ["--allow-detached"] = { "--allow-detached" }, ["another branch"] = { "--branch=next" },
  } do
    it("waits with " .. what, function()
      local wanted = push "2"
      world.forge:push("hermes", { Dockerfile = "FROM scratch\n", version = "3" }, "next")
      arguments[1] = arguments[1] == "--commit=" and "--commit=" .. wanted or arguments[1]
      local done, result = run(arguments[1], "hermes")
      assert.same({ "built", 0 }, { result and result.outcome, started() }, done.stderr)
    end)
  end

  it("gives a branch that was named its own last image, and hands the option on", function()
    local function push_next(version)
      return world.forge:push("hermes", { Dockerfile = "FROM scratch\n", version = version }, "next")
    end
    local old = push_next "a"
    run("--branch=next", "hermes")
    push_next "b"
    local _, result = run("hermes", "--branch", "next")
    assert.same({ "stale", old }, { result.outcome, result.sha })
    local argv = world.processes.detached[1].argv
    assert.same({ "--branch=next", "hermes" }, { argv[#argv - 1], argv[#argv] })
  end)

  it("waits after the wanted commit was refused", function()
    local wanted = push "2"
    world.forge:push("hermes", { ["README"] = "no Dockerfile" })
    assert.equal(7, build_behind("hermes").exit)
    local done = run "hermes"
    assert.same({ 7, 0 }, { done.exit, started() })
    assert.not_equal(wanted, world.forge:head "hermes")
  end)

  it("says why the build behind has failed, and tries it again after a while", function()
    push "2"
    world.engine:fails_after("build", "disk full")
    assert.equal(8, build_behind("hermes").exit)
    local done, result = run "hermes"
    assert.same({ 0, "stale", 0 }, { done.exit, result.outcome, started() })
    assert.is_nil(result.building)
    assert.matches("the build of %x+ failed %d+s ago and is tried again in %d+s: .*no space left on device", done.stderr)
    world.clock.now = world.clock.now + 61
    run "hermes"
    assert.equal(1, started())
  end)

  it("starts no second process while the first one has ended before it began, for a minute", function()
    push "2"
    run "hermes"
    world.locks.fallen = world.locks.others.hermes.holder
    world.locks.others = {}
    world.locks.holder = function(self, path) return self.fallen or getmetatable(self).holder(self, path) end
    local done, result = run "hermes"
    assert.same({ "stale", 1 }, { result.outcome, started() })
    assert.is_nil(result.building)
    assert.matches("ended %d+s ago before it began, and another one is started in %d+s; its reason is in .*/behind%.log",
      done.stderr)
    world.clock.now = world.clock.now + 61
    run "hermes"
    assert.equal(2, started())
  end)

  it("waits when no process can be started, and says why", function()
    push "2"
    world.processes.detach = function() return nil, "cannot start molbuild: Resource temporarily unavailable", "EAGAIN" end
    local done, result = run "hermes"
    assert.equal("built", result.outcome)
    assert.matches("hermes is not built behind a result: cannot start molbuild", done.stderr)
  end)

  it("waits for an image that another one of the run is built from", function()
    start [[
      local ensure = molbuild.load "ensure.lua"
      ensure.per_runtime.codex = { needs = { "hermes" } }
      return ensure
    ]]
    push("1", "codex")
    run "codex"
    push "2"
    push("2", "codex")
    local done = run "codex"
    local outcomes = {}
    for _, e in ipairs(done:events_of "result") do outcomes[e.runtime] = e.outcome end
    assert.same({ codex = "stale", hermes = "built" }, outcomes)
  end)

  it("says in a plan what a run gives meanwhile, and starts nothing", function()
    push "2"
    local done = world:verb("plan", "hermes")
    assert.equal(11, done.exit)
    assert.matches("behind the%s+result,%s+which%s+is%s+" .. tag_of(first):gsub("%p", "%%%0"), done.stdout)
    assert.equal(0, started())
  end)

  it("serves each of several runtimes, by a setting of its own", function()
    start [[
      local ensure = molbuild.load "ensure.lua"
      ensure.per_runtime.hermes = { stale = 3600 }
      return ensure
    ]]
    world.env.MOLECULE_SERVE_STALE_S = nil
    push("1", "codex")
    run "codex"
    push "2"
    push("2", "codex")
    local done = run("hermes", "codex")
    local outcomes = {}
    for _, e in ipairs(done:events_of "result") do outcomes[e.runtime] = e.outcome end
    assert.same({ codex = "built", hermes = "stale" }, outcomes)
    assert.equal(1, started())
  end)
end)
