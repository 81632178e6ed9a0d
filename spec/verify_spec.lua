-- Verify, then tag: whole runs of ensure.lua and of forks in a test's world.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"
local is_one_of = require("molbuild.base.text").is_one_of
local world_images = require "spec.support.world_images"

local IMAGE = "molecule-local/workspace-template-hermes:"
local SMOKE = 'ensure.smoke = { argv = { "/bin/agent", "--version" }, timeout = 5, memory = "100m" }\n'

describe("in a world, verify", function()
  local world, tag

  local function fork(text)
    world = molbuild.testing.world {
      policy = not text and "scripts/ensure.lua" or nil, repositories = {},
      fork = text and 'local ensure = molbuild.load "ensure.lua"\n' .. text .. "\nreturn ensure\n" or nil,
    }
    tag = IMAGE .. world.forge:push("hermes", { Dockerfile = "FROM scratch\n" }):sub(1, 12)
  end

  local function policy_is(text)
    assert(world.fs.write_atomic(world.policy, 'local ensure = molbuild.load "ensure.lua"\n' .. text .. "\nreturn ensure\n", 384))
  end

  local function names() return world_images.names(world) end

  local function run(...)
    local done = world:run("hermes", ...)
    return done, done:events_of("result")[1]
  end

  local function fails(exit, words)
    local done = run()
    assert.equal(exit, done.exit, done.stderr)
    assert.equal("", done.stdout)
    assert.matches(words, done.stderr, 1, true)
    assert.same({}, world.engine.containers)
    return done
  end

  it("gives a tag to an image that was built under another name, which goes", function()
    fork()
    local done = run()
    assert.equal(0, done.exit, done.stderr)
    assert.equal(tag .. ".unverified", world.builds[1].name)
    assert.same({ tag, IMAGE .. "latest" }, names())
  end)

  for what, how in pairs {
    ["an error"] = 'error("no", 0)',
    ["an error without a kind"] = 'molbuild.raise { message = "no" }',
    ["false"] = 'return false, "no"',
    ["an error of a kind"] = 'molbuild.raise { kind = "remote", message = "no" }', ["a value that is none"] = 'return "yes"',
    ["a step that does not end"] = "molbuild.core.sys.sleep(math.huge)",
    ["a cancellation"] = "molbuild.task.timeout(1, function() molbuild.core.sys.sleep(9) end)",
  } do
    it("leaves no tag and no other name after " .. what, function()
      fork(("function ensure.verify(job) %s end"):format(how))
      for count = 1, 2 do
        local done = run()
        assert.not_equal(0, done.exit)
        assert.equal("", done.stdout)
        assert.same({}, names())
        assert.equal(count, #world.builds)
      end
    end)
  end

  it("leaves the former image and its :latest alone when a new one is refused", function()
    fork 'function ensure.verify(job) if job.build_args.BAD then return false, "it is bad" end end'
    assert.equal(0, run().exit)
    local former = world.engine:image(IMAGE .. "latest").id
    policy_is 'ensure.build_args.BAD = "1"\nfunction ensure.verify() return false, "it is bad" end'
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
    fails(7, "the image of hermes was refused: it is bad")
    assert.same({ tag, IMAGE .. "latest" }, names())
    assert.equal(former, world.engine:image(IMAGE .. "latest").id)
  end)

  it("finds the image under its other name alone", function()
    fork [[
      function ensure.verify(job)
        if job.engine:image(job.tag) or not job.engine:image(job.unverified) then return false, "wrong names" end
        if job.engine:image(job.unverified).id ~= job.image_id then return false, "wrong id" end
      end]]
    assert.equal(0, run().exit)
    assert.same({ tag, IMAGE .. "latest" }, names())
  end)

  it("is a step, whose end is bounded by the ceiling", function()
    fork "ensure.ceiling = 7\nfunction ensure.verify() molbuild.core.sys.sleep(math.huge) end"
    fails(9, "the step verify took longer than 7 s (MOLECULE_BUILD_CEILING_S)")
    policy_is ""
    assert.is_number(select(2, run()).steps.verify)
  end)

  it("is a function", function()
    fork "ensure.verify = nil"
    fails(70, "verify must be a function, not nothing")
    assert.same({}, names())
  end)

  it("accepts a fork's build that gives the tag itself, which it then takes back until the image is verified", function()
    local own = [[
      function ensure.build(job)
        job.engine:build { tag = job.tag, dir = job.dir, builder = job.builder,
          labels = molbuild.image.labels(job.sha, job.repo_url, molbuild.image.job_labels(job)) }
      end
    ]]
    fork(own)
    assert.equal(0, run().exit)
    assert.same({ tag, IMAGE .. "latest" }, names())
    world.engine.images = {}
    policy_is(own .. 'function ensure.verify(job) return job.engine:image(job.tag) == nil, "it has the tag" end')
    assert.equal(0, run().exit)
    assert.same({ tag, IMAGE .. "latest" }, names())
    world.engine.images = {}
    policy_is(own .. "function ensure.verify() return false end")
    assert.equal(7, run().exit)
    assert.same({}, names())
  end)

  it("does not mistake what a killed run left for the image of a fork's own build", function()
    fork "function ensure.build() end"
    world.engine:add(tag .. ".unverified", { labels = { ["org.opencontainers.image.revision"] = world.forge:head "hermes" } })
    fails(70, "build succeeded, but " .. tag)
    assert.same({}, names())
  end)

  it("gives an image with the same content its tag again", function()
    fork()
    assert.equal(0, run().exit)
    local id = world.engine:image(tag).id
    world.engine:builds { image = { id = id } }
    assert.equal(0, run("--rebuild").exit)
    assert.same({ tag, IMAGE .. "latest" }, names())
  end)

  describe("with smoke", function()
    it("runs an image once, apart from everything, before it gets its tag", function()
      fork(SMOKE)
      local before
      world.engine:runs(function(container) before = { names(), container } return 0 end)
      local done, result = run()
      assert.equal(0, done.exit, done.stderr)
      assert.same({ tag .. ".unverified" }, before[1])
      local container = before[2]
      assert.equal(result.image_id, container.image)
      assert.same({ "/bin/agent", "--version" }, container.argv)
      for _, option in ipairs {
        "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
        "--memory=100m", "--memory-swap=100m", "--pids-limit=256", "--log-driver=none",
        "--tmpfs=/tmp:rw,nosuid,nodev,exec,mode=1777,size=64m",
      } do
        assert.is_true(is_one_of(option, container.options), option)
      end
      assert.same({}, world.engine.containers)
    end)

    it("refuses an image whose run fails, with its last lines, and remembers that", function()
      fork(SMOKE)
      world.env.MOLECULE_FAILED_RETRY_S = "600"
      world.engine:runs { prints = { "loading", "no module named agent" }, exit = 3 }
      local done = fails(7, 'the image of hermes was refused: "/bin/agent --version" ended with the exit status 3; '
        .. "the last line was: no module named agent")
      assert.equal("no module named agent", done:events_of("failed")[1].tail[2])
      fails(7, "is not built again for")
      assert.equal(7, world:verb("plan", "hermes").exit)
      assert.same({ 1, 1 }, { #world.builds, #world.containers })
      assert.same({}, names())
    end)

    it("ends a run that does not end, and does not remember it", function()
      fork(SMOKE)
      world.env.MOLECULE_FAILED_RETRY_S = "600"
      world.engine:runs({ prints = "starting", seconds = math.huge }, 1)
      fails(9, '"/bin/agent --version" in the image of hermes took longer than 5 s (smoke.timeout); the last line was: starting')
      assert.same({}, names())
      assert.equal(0, run().exit)
    end)

    it("says that the engine cannot run an image for another processor", function()
      fork(SMOKE)
      world.env.MOLECULE_IMAGE_PLATFORM = "linux/arm64"
      world.engine:runs { prints = "exec /bin/agent: exec format error", exit = 255 }
      fails(1, "the image of hermes is for linux/arm64, and the engine, which is linux/amd64, cannot run it")
    end)

    it("removes a container that a killed run left, and none of another cache", function()
      fork(SMOKE)
      assert.equal(0, run().exit)
      world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
      local left = { name = "left", image = tag, labels = world.containers[1].labels }
      local function of_another(name, till)
        return { name = name, image = "x", labels = { ["app.molecule.verify"] = "0", ["app.molecule.verify.until"] = till } }
      end
      local other, old = of_another("other", "99999999999"), of_another("old", "5")
      world.engine.containers = { left, other, old }
      assert.equal(0, run().exit)
      assert.same({ other }, world.engine.containers)
    end)

    it("puts a volume of the image into memory, and runs none with an odd name", function()
      fork(SMOKE)
      world.engine:builds { image = { volumes = { ["/data"] = {} } } }
      assert.equal(0, run().exit)
      assert.is_true(is_one_of("--tmpfs=/data:rw,nosuid,nodev,exec,mode=1777,size=64m", world.containers[1].options))
      world.engine:recovers()
      world.engine:builds { image = { volumes = { ["/a:exec,size=9g"] = {} } } }
      world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" })
      fails(7, "the image declares volumes with unusual names")
    end)
  end)

  describe("finds an image that is there", function()
    before_each(function()
      fork ""
      assert.equal(0, run().exit)
      policy_is(SMOKE)
    end)

    local function plan()
      local done = world:verb("plan", "hermes", { output = "json" })
      return json.decode(done.stdout), done.exit
    end

    it("without a verdict to be none that it gives out: it is verified first, and not built", function()
      local row, exit = plan()
      assert.same({ "verify", "the image has not been verified on this machine", 11 }, { row.outcome, row.reason, exit })
      for _ = 1, 2 do
        local done, result = run()
        assert.same({ 0, "hit" }, { done.exit, result.outcome }, done.stderr)
      end
      assert.same({ 1, 1 }, { #world.builds, #world.containers })
      assert.equal("hit", plan().outcome)
    end)

    it("verified, but otherwise, and verifies it again", function()
      assert.equal(0, run().exit)
      policy_is(SMOKE:gsub("%-%-version", "--help"))
      assert.equal("the image was verified in another way", plan().reason)
      assert.equal(0, run().exit)
      assert.equal(2, #world.containers)
    end)

    it("and refuses it: it keeps its names, and is not given out until another one is", function()
      world.env.MOLECULE_FAILED_RETRY_S = "600"
      world.engine:runs({ exit = 4 }, 1)
      fails(7, "ended with the exit status 4")
      assert.same({ tag, IMAGE .. "latest" }, names())
      fails(7, "it failed 0s ago, and is not built again for 10m")
      local row, exit = plan()
      assert.same({ "failed", 7 }, { row.outcome, exit })
      world.env.MOLECULE_FAILED_RETRY_S = nil
      assert.equal("the image was refused: the image of hermes was refused: "
        .. '"/bin/agent --version" ended with the exit status 4', plan().reason)
      assert.equal(0, run().exit)
      assert.equal(1, #world.builds)
    end)

    it("under another id, and verifies that one", function()
      assert.equal(0, run().exit)
      local image = world.engine:image(tag)
      world.engine:add(tag, { labels = image.labels })
      assert.equal(0, run().exit)
      assert.equal(2, #world.containers)
    end)

    it("offline, and verifies it without a network", function()
      world.env.MOLECULE_OFFLINE = "1"
      assert.equal("stale", select(2, run()).outcome)
      assert.equal(1, #world.containers)
    end)

    it("by a fork's own step, and again when the fork has changed", function()
      policy_is "function ensure.verify() end"
      for _ = 1, 2 do assert.equal("hit", select(2, run()).outcome) end
      policy_is "function ensure.verify() return false end"
      fails(7, "verify gave false")
      assert.equal(1, #world.builds)
    end)
  end)

  describe("with fall_back", function()
    local former

    before_each(function()
      fork "ensure.fall_back = true"
      assert.equal(0, run().exit)
      former = tag
      policy_is(SMOKE .. "ensure.fall_back = true")
      assert.equal(0, run().exit) -- which verifies it
      world.env.MOLECULE_FAILED_RETRY_S = "600"
      tag = IMAGE .. world.forge:push("hermes", { Dockerfile = "FROM scratch\n", more = "x" }):sub(1, 12)
    end)

    it("gives the last good image when the new one is refused, and says which was wanted, and why", function()
      world.engine:runs({ exit = 3 }, 1)
      for _ = 1, 2 do -- the second time it is remembered
        local done, result = run { output = "json" }
        assert.equal(0, done.exit, done.stderr)
        assert.same({ former, "stale", world.forge:head "hermes" }, { result.image, result.outcome, result.wanted })
        assert.matches(("%s was refused: "):format(result.wanted:sub(1, 12)), result.reason, 1, true)
        assert.matches("ended with the exit status 3", result.reason, 1, true)
        assert.matches("is used, since", done.stderr, 1, true)
        assert.equal(result.wanted, json.decode(done.stdout).wanted)
      end
      assert.equal(2, #world.builds)
      assert.same({ former, IMAGE .. "latest" }, names())
    end)

    it("gives it when the new one does not end", function()
      world.engine:runs({ seconds = math.huge }, 1)
      assert.equal("stale", select(2, run()).outcome)
    end)

    it("gives none for a failed build, for a commit that was asked for, or where the older one is not verified", function()
      world.engine:builds({ exit = 1 }, 1)
      assert.equal(8, run().exit)
      world.env.MOLECULE_FAILED_RETRY_S = nil
      world.engine:runs({ exit = 3 }, 1)
      assert.equal(7, run("--commit=" .. world.forge:head "hermes").exit)
      policy_is(SMOKE:gsub("%-%-version", "--help") .. "ensure.fall_back = true")
      world.engine:runs({ exit = 3 }, 1)
      assert.equal(7, run().exit)
    end)
  end)
end)
