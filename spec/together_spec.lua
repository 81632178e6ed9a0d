-- Settings of trust, two and more at a time: whole runs of ensure.lua and of forks in a test's world. No key is real here;
-- signatures_spec.lua and attest_spec.lua try those.
local json = require "molbuild.base.json"
local molbuild = require "molbuild"

local IMAGE = "molecule-local/workspace-template-hermes:"
local SIGNERS = "a ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPt2e3Gko/ISQ201DH321yYeFK7EHxSo8TFoIU9MQTVt\n"
local SMOKE = 'ensure.smoke = { argv = { "/bin/agent" }, timeout = 5 }\n'
local OLDER = "ensure.fall_back = true\n"

describe("in a world, together:", function()
  local world

  -- What each policy begins with. A commit in /etc/unsigned has no signature.
  local BEGINNING = [[
    local ensure = molbuild.load "ensure.lua"
    local digest, read = molbuild.core.sha256.hex, molbuild.core.fs.read
    local ssh, signatures = require "molbuild.base.ssh_signature", require "molbuild.repository.signatures"
    function signatures.verdict(options)
      if (read("/etc/unsigned") or ""):find(options.commit) then return { why = "unsigned" } end
      return { good = true, principal = "a", fingerprint = "SHA256:x", kind = "ssh" }
    end
    function ssh.sign(document) return "of " .. digest(document) end
    function ssh.public_key() return "ssh-ed25519 AAAA", "AAAA", "AAAA" end
    function ssh.verify(document, signature)
      if signature == "of " .. digest(document) then return "own-key", "SHA256:x" end
      return nil, "it is not that of the record"
    end
  ]]

  local function policy(text)
    return BEGINNING .. (text or "") .. "\nreturn ensure\n"
  end

  local function policy_is(text)
    assert(world.fs.write_atomic(world.policy, policy(text), 384))
  end

  local function push(version)
    return world.forge:push("hermes", { Dockerfile = "FROM scratch\n", version = version })
  end

  local function tag_of(sha) return IMAGE .. sha:sub(1, 12) end

  local function start(env, text)
    world = molbuild.testing.world {
      fork = policy(text), repositories = {}, env = env, files = { ["/etc/signers"] = SIGNERS, ["/etc/key"] = "a key\n" },
    }
  end

  local function run(...)
    local done = world:run("hermes", ...)
    return done, done:events_of("result")[1] or {}
  end

  local function record_of(sha)
    return ("/home/molbuild/.cache/molecule/workspace-template-build/hermes/%s.json"):format(sha:sub(1, 12))
  end

  -- Let the engine of the world import an image without files, as docker does.
  local function records_travel()
    local docker = world.programs.docker
    function world.programs.docker(call)
      if call.argv[2] ~= "import" then return docker(call) end
      local labels = {}
      for _, word in ipairs(call.argv) do
        local name, value = word:match '^LABEL (%S-)=(.*)$'
        if name then labels[name] = value end
      end
      world.engine:add(call.argv[#call.argv], { labels = labels })
    end
  end

  -- Change a word of a file, without a key.
  local function edit(path, from, to)
    local text, count = world.fs.read(path):gsub(from:gsub("%p", "%%%0"), to)
    assert.is_true(count > 0)
    assert(world.fs.write_atomic(path, text, 384))
  end

  local function expect(exit, outcome, image, ...)
    local done, result = run(...)
    assert.same({ exit, outcome, image }, { done.exit, result.outcome, result.image }, done.stderr)
    return done
  end

  local function expect_plan(exit, outcome, image)
    local done = world:verb("plan", "hermes", { output = "json" })
    local row = json.decode(done.stdout)
    assert.same({ exit, outcome }, { done.exit, row.outcome }, done.stdout)
    if image then assert.equal(image, row.image) end
    return row
  end

  local ATTESTED = { MOLECULE_SIGNING_KEY = "/etc/key", MOLECULE_ATTESTED = "1" }

  it("a build of --rebuild that fails leaves the former image attested, and the last good one", function()
    start(ATTESTED)
    local first = push "1"
    expect(0, "built", tag_of(first))
    local latest = world.engine:image(IMAGE .. "latest").id
    for _, text in ipairs { 'function ensure.check() error("no", 0) end', 'function ensure.verify() return false, "no" end' } do
      policy_is(text)
      assert.not_equal(0, run("--rebuild").exit)
      policy_is ""
      assert.equal(latest, world.engine:image(IMAGE .. "latest").id)
      expect_plan(0, "hit", tag_of(first))
      expect(0, "hit", tag_of(first))
    end
    world.env.MOLECULE_SERVE_STALE_S = "86400"
    push "2"
    expect(0, "stale", tag_of(first))
  end)

  it("a build that is too old, and whose new one fails, is served by its age, and its failure is remembered", function()
    start { MOLECULE_SERVE_STALE_S = "86400", MOLECULE_FAILED_RETRY_S = "7200", MOLECULE_IMAGE_MAX_AGE_S = "3600" }
    local first = push "1"
    expect(0, "built", tag_of(first))
    world.clock.now = world.clock.now + 4000
    world.env.MOLECULE_SERVE_STALE_S = nil
    world.engine:builds({ exit = 1 }, 1)
    assert.equal(8, run().exit)
    expect_plan(8, "failed")
    assert.matches("is not built again for", run().stderr)
    assert.equal(2, #world.builds)
    world.env.MOLECULE_SERVE_STALE_S = "86400"
    expect(0, "stale", tag_of(first))
    expect_plan(0, "stale", tag_of(first))
  end)

  it("an older image is served only if it is attested", function()
    start(ATTESTED)
    local first = push "1"
    expect(0, "built", tag_of(first))
    world.env.MOLECULE_SERVE_STALE_S = "86400"
    local second = push "2"
    expect_plan(11, "build")
    expect(0, "stale", tag_of(first))
    world.locks.others = {}
    edit(record_of(first), first, second)
    expect(0, "built", tag_of(second))
  end)

  it("an older image is fallen back to only if it is attested, and a plan says the same", function()
    start(ATTESTED, OLDER .. SMOKE)
    world.env.MOLECULE_FAILED_RETRY_S = "600"
    local first = push "1"
    expect(0, "built", tag_of(first))
    world.engine:runs({ exit = 3 }, 1)
    push "2"
    for _ = 1, 2 do -- the second time it is remembered
      expect(0, "stale", tag_of(first))
      expect_plan(0, "stale", tag_of(first))
    end
    edit(record_of(first), "linux/amd64", "linux/arm64")
    expect_plan(7, "failed")
    assert.equal(7, run().exit)
    assert.equal(2, #world.builds)
  end)

  it("the record of a pulled image is taken only with the image", function()
    start(ATTESTED, SMOKE)
    records_travel()
    world.env.MOLECULE_IMAGE_CACHE, world.env.MOLECULE_IMAGE_CACHE_PUSH = "registry.example/team", "required"
    local first = push "1"
    expect(0, "built", tag_of(first))
    world.env.MOLECULE_IMAGE_CACHE_PUSH, world.engine.images = nil, {}
    world.fs.remove_tree(world.env.HOME .. "/.cache")
    world.env.MOLECULE_FAILED_RETRY_S = "600"
    world.engine:runs({ exit = 3 }, 2)
    for _ = 1, 2 do
      assert.equal(7, run().exit)
      assert.equal("verify", json.decode(world.fs.read(record_of(first))).predicate.error.step)
      assert.equal(2, #world.builds)
    end
    world.env.MOLECULE_FAILED_RETRY_S = nil
    expect(0, "pulled", tag_of(first))
    expect_plan(0, "hit", tag_of(first))
  end)

  it("no image is pulled of a commit without a signature, and none is given instead that is only older", function()
    start({ MOLECULE_ALLOWED_SIGNERS = "/etc/signers", MOLECULE_IMAGE_CACHE = "registry.example/team" })
    local first = push "1"
    expect(0, "built", tag_of(first))
    local second = push "2"
    assert(world.fs.write_atomic("/etc/unsigned", second, 384))
    local labels = world.engine:image(IMAGE .. "latest").labels
    world.engine.registry["registry.example/team/workspace-template-hermes:" .. second:sub(1, 12)] = { labels = labels }
    world.env.MOLECULE_SERVE_STALE_S = "86400"
    expect(0, "stale", tag_of(first)) -- before it is known
    world.locks.others = {} -- the process behind it
    world.env.MOLECULE_SERVE_STALE_S = nil
    for _, retry in ipairs { "0", "600", "600" } do
      world.env.MOLECULE_FAILED_RETRY_S = retry
      local done = run()
      assert.equal(5, done.exit)
      assert.matches("has no signature", done.stderr)
      for _, call in ipairs(world.processes.calls) do assert.not_equal("pull", call.argv[2]) end
      assert.equal(1, #world.engine.images)
    end
    world.env.MOLECULE_SERVE_STALE_S = "86400"
    assert.equal(5, run().exit)
    expect_plan(5, "failed")
  end)

  it("the signed record has the verdict, and a verdict that is lost is found again beside it", function()
    start(ATTESTED, SMOKE)
    local first = push "1"
    expect(0, "built", tag_of(first))
    local path = record_of(first)
    local document = world.fs.read(path)
    assert.equal("smoke", json.decode(document).predicate.runDetails.metadata.molbuild_verified.by)
    assert(world.fs.remove_tree(path .. ".verified"))
    expect_plan(11, "verify")
    expect(0, "hit", tag_of(first))
    assert.same({ 2, document }, { #world.containers, world.fs.read(path) })
    expect_plan(0, "hit")
    edit(path, '"by":"smoke"', '"by":"other"')
    expect_plan(5, "failed")
    assert.equal(5, run().exit)
    assert(world.fs.remove_tree(path .. ".verified"))
    for _ = 1, 2 do
      expect_plan(5, "failed")
      assert.equal(5, run().exit)
    end
    assert.equal(2, #world.containers) -- an image that is not attested is not run
  end)

  it("an image that is there, of a commit without a signature, is refused, or an older one is given", function()
    start({ MOLECULE_ALLOWED_SIGNERS = "/etc/signers", MOLECULE_SERVE_STALE_S = "86400" }, OLDER)
    local first = push "1"
    expect(0, "built", tag_of(first))
    local second = push "2"
    assert(world.fs.write_atomic("/etc/unsigned", second, 384))
    world.env.MOLECULE_ALLOWED_SIGNERS, world.env.MOLECULE_SERVE_STALE_S = nil, nil
    expect(0, "built", tag_of(second))
    world.env.MOLECULE_ALLOWED_SIGNERS, world.env.MOLECULE_SERVE_STALE_S = "/etc/signers", "86400"
    expect(0, "stale", tag_of(first))
    policy_is ""
    assert.equal(5, run().exit)
    world.env.MOLECULE_SIGNERS_MODE = "warn"
    assert.matches("has no signature", expect(0, "hit", tag_of(second)).stderr)
  end)

  describe("when the files of signers have changed, an older image", function()
    local first, second

    local function begin(text)
      start({ MOLECULE_ALLOWED_SIGNERS = "/etc/signers" }, text)
      first = push "1"
      expect(0, "built", tag_of(first))
      second = push "2"
    end

    -- Other files, which do not allow some commits.
    local function change(signers, unsigned)
      world.locks.others = {} -- the process behind the former run
      assert(world.fs.write_atomic("/etc/signers", SIGNERS .. signers, 384))
      assert(world.fs.write_atomic("/etc/unsigned", unsigned, 384))
    end

    it("is checked again before it is served, and once", function()
      begin()
      world.env.MOLECULE_SERVE_STALE_S = "86400"
      change("# changed\n", "none")
      assert.matches("which is " .. tag_of(first) .. "; the signature of its commit is checked first",
        expect_plan(11, "build").reason, 1, true)
      for count = 1, 2 do
        local _, result = run()
        assert.same({ "stale", tag_of(first), count == 1 }, { result.outcome, result.image, result.steps.signature ~= nil })
        assert.same({ 1, 1 }, { #world.builds, #world.processes.detached })
      end
      assert.is_nil(expect_plan(11, "build").reason:find("checked first", 1, true))
    end)

    it("is not served when it may not, or cannot be checked without a fetch: the run says why, and waits", function()
      for _, is_kept in ipairs { true, false } do
        begin()
        world.env.MOLECULE_SERVE_STALE_S = "86400"
        change("# changed\n", is_kept and first or "none")
        if not is_kept then
          assert(world.fs.remove_tree "/home/molbuild/.cache/molecule/workspace-template-build/repositories")
        end
        local words = is_kept and ("the commit %s has no signature"):format(first)
          or ("offline: the commit %s is not kept on this machine"):format(first)
        words = ("%s is not given instead: %s"):format(tag_of(first), words)
        assert.matches(words, expect(0, "built", tag_of(second)).stderr, 1, true)
      end
    end)

    it("is served after the check that another run makes, and not while another one builds", function()
      for purpose, outcome in pairs { ["check hermes"] = "stale", ["build hermes at 0123456789ab"] = "built" } do
        begin()
        world.env.MOLECULE_SERVE_STALE_S = "86400"
        change("# changed\n", "none")
        world.locks:hold("hermes", 5, purpose)
        local done = expect(0, outcome, tag_of(outcome == "stale" and first or second))
        assert.equal(outcome == "built", done.stderr:find("is not given instead: .* is locked by ") ~= nil, done.stderr)
      end
    end)

    it("is checked again before it is fallen back to", function()
      begin(OLDER)
      change("# changed\n", second)
      expect(0, "stale", tag_of(first))
      change("# again\n", first .. second)
      assert.matches("is not given instead: the commit " .. first .. " has no signature", expect(5).stderr)
    end)
  end)

  it("offline, an image must be attested, of a signed commit and verified, too", function()
    start({ MOLECULE_SIGNING_KEY = "/etc/key", MOLECULE_ATTESTED = "1", MOLECULE_ALLOWED_SIGNERS = "/etc/signers" }, SMOKE)
    local first = push "1"
    expect(0, "built", tag_of(first))
    world.env.MOLECULE_OFFLINE = "1"
    expect_plan(0, "stale", tag_of(first))
    expect(0, "stale", tag_of(first))
    for ending, exit in pairs { [""] = 5, [".signer"] = 5, [".verified"] = 7 } do
      local path = record_of(first) .. ending
      local text = world.fs.read(path)
      edit(path, first, ("0"):rep(#first))
      assert(world.fs.write_atomic("/etc/unsigned", ending == ".signer" and first or "none", 384))
      if ending == ".verified" then world.engine:runs({ exit = 3 }, 1) end
      assert.equal(exit, run().exit, ending)
      assert(world.fs.write_atomic(path, text, 384))
    end
    expect(0, "stale", tag_of(first))
    assert.equal(1, #world.builds)
  end)

  it("a commit that is asked for has no other image in its place", function()
    start({ MOLECULE_SERVE_STALE_S = "86400" }, OLDER .. SMOKE)
    expect(0, "built", tag_of(push "1"))
    local second = push "2"
    world.engine:runs({ exit = 3 }, 1)
    assert.equal(7, run("--commit=" .. second).exit)
    assert.equal(2, #world.builds)
    assert.same({}, world.processes.detached)
  end)

  it("an older image is given where signatures are only reported, and must be attested nevertheless", function()
    start({ MOLECULE_SIGNING_KEY = "/etc/key", MOLECULE_ATTESTED = "1", MOLECULE_ALLOWED_SIGNERS = "/etc/signers",
      MOLECULE_SIGNERS_MODE = "warn" })
    local first = push "1"
    assert(world.fs.write_atomic("/etc/unsigned", first, 384))
    assert.matches("has no signature", expect(0, "built", tag_of(first)).stderr)
    assert.matches("has no signature", expect(0, "hit", tag_of(first)).stderr)
    edit(record_of(first), '"linux/amd64"', '"linux/arm64"')
    assert.equal(5, run().exit)
  end)

  describe("a watch tries a commit once that", function()
    local function watch(tries)
      world:after(3400, function() world:signal "TERM" end)
      local done = world:verb("watch", "hermes")
      assert.equal(0, done.exit, done.stderr)
      assert.equal(tries.builds, #world.builds)
      assert.equal(1, select(2, done.stderr:gsub("hermes: failed", "")), done.stderr)
    end

    it("is refused by its first run", function()
      start({}, SMOKE)
      push "1"
      world.engine:runs { exit = 3 }
      watch { builds = 1 }
      assert.equal(1, #world.containers)
    end)

    it("has no signature", function()
      start { MOLECULE_ALLOWED_SIGNERS = "/etc/signers" }
      assert(world.fs.write_atomic("/etc/unsigned", push "1", 384))
      watch { builds = 0 }
    end)
  end)
end)
