-- The window of freshness (repository/heads.lua), on a fake clock: the shipped policy in a world of fakes.
local heads = require "molbuild.repository.heads"
local molbuild = require "molbuild"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local IMAGE = "molecule-local/workspace-template-hermes"
local CACHE = "/home/test/cache"
local BOOT = "/proc/sys/kernel/random/boot_id"

describe("the window of freshness", function()
  local w, first

  before_each(function()
    w = molbuild.testing.world {
      policy = "scripts/ensure.lua", forge = { private = true, token = "s3cret-token-1" },
      env = { MOLECULE_HEAD_MAX_AGE_S = "30", MOLECULE_LOCAL_BUILD_CACHE = CACHE, MOLECULE_GITEA_TOKEN = "s3cret-token-1" },
    }
    w.files:add(BOOT, "11111111-2222\n")
    first = w:run("hermes").stdout
    assert.truthy(first:find(IMAGE, 1, true))
  end)

  -- The requests to the forge of one more run.
  local function asked(...)
    local run = w:run("hermes", ...)
    assert.equal(0, run.exit, run.stderr)
    return #run:requests_to "forge", run
  end

  -- The file of the head.
  local function file()
    local path
    for _, name in ipairs(w.fs.list(CACHE .. "/heads") or {}) do
      path = name:find "^%x+$" and ("%s/heads/%s"):format(CACHE, name) or path
    end
    return path
  end

  local function push(text)
    return w.forge:push("hermes", { Dockerfile = "FROM scratch\n# " .. text .. "\n" })
  end

  local function later(seconds)
    w.clock.now = w.clock.now + seconds
  end

  it("is one request for fifty runs in it, and one more after it", function()
    for _ = 1, 50 do
      later(0.5)
      assert.equal(0, (asked()))
    end
    later(6)
    assert.equal(1, (asked()))
    assert.equal(0, (asked()))
  end)

  it("is closed when it is not set: no file is read or written", function()
    w = molbuild.testing.world { policy = "scripts/ensure.lua", env = { MOLECULE_LOCAL_BUILD_CACHE = CACHE } }
    assert.equal(0, w:run("hermes").exit)
    w.files:fails "EROFS"
    assert.equal(1, (asked()))
    assert.is_nil(w.fs.lstat(CACHE .. "/heads"))
  end)

  it("reports the age of the head, in the result and with -v", function()
    later(12)
    local count, run = asked { v = true, output = "json" }
    assert.equal(0, count)
    assert.near(12, run:events_of("result")[1].head_age_s, 0.5)
    assert.truthy(run.stdout:find '"outcome":"hit","head_age_s":12[.,]', run.stdout)
    local words = "the head is 12.%d s old: main was looked up as " .. w.forge:head("hermes"):sub(1, 12)
    assert.truthy(run.stderr:find(words), run.stderr)
    later(30)
    count, run = asked { output = "json" }
    assert.equal(1, count)
    assert.is_nil(run.stdout:find("head_age_s", 1, true))
  end)

  it("is used by plan, which shows the age and writes nothing", function()
    later(12)
    local run = w:verb("plan", "hermes", { output = "json" })
    assert.equal(0, #run:requests_to "forge")
    assert.truthy(run.stdout:find '"head_age_s":12[.,}]', run.stdout)
    later(30)
    w.files:fails "EROFS"
    for _ = 1, 2 do
      run = w:verb("plan", "hermes")
      assert.same({ 1, 0 }, { #run:requests_to "forge", run.exit })
    end
  end)

  it("uses the head that was looked up, and not one that is older than said", function()
    local old, new = w.forge:head "hermes", push "next"
    later(20)
    local _, run = asked()
    assert.equal(("%s:%s\n"):format(IMAGE, old:sub(1, 12)), run.stdout)
    later(11)
    _, run = asked()
    assert.equal(("%s:%s\n"):format(IMAGE, new:sub(1, 12)), run.stdout)
  end)

  it("ends when a clock was set back or forward, and with the boot", function()
    for _, seconds in ipairs { -5, -3600, 3600 } do
      w.clock.beginning = w.clock.beginning + seconds
      assert.equal(1, (asked()), seconds)
      assert.equal(0, (asked()), seconds)
    end
    -- Set back by less than has passed: only the monotonic clock shows it.
    later(20)
    w.clock.beginning = w.clock.beginning - 10
    assert.equal(1, (asked()))
    w.files:add(BOOT, "33333333-4444\n")
    assert.equal(1, (asked()))
    assert.equal(0, (asked()))
  end)

  it("is of one repository, branch and token", function()
    w.env.MOLECULE_GITEA_TOKEN = "s3cret-token-2"
    assert.equal(5, w:run("hermes").exit)
    w.env.MOLECULE_GITEA_TOKEN = nil
    assert.equal(5, w:run("hermes").exit)
    w.env.MOLECULE_GITEA_TOKEN = "s3cret-token-1"
    assert.equal(0, (asked()))
    w.env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://git.moleculesai.app/molecule-ai/copy-of-"
    assert.equal(1, (asked()))
    w.env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = nil
    w.files:add("/home/test/next.lua", 'local e = molbuild.load "ensure.lua"; e.branch = "next"; return e')
    w.forge:push("hermes", { Dockerfile = "FROM next\n" }, "next")
    local policy = w.policy
    w.policy = "/home/test/next.lua"
    assert.equal(1, #w:run("hermes"):requests_to "forge")
    w.policy = policy
    local _, run = asked()
    assert.equal(first, run.stdout)
  end)

  it("never writes the token, nor more than 16 bits of its digest", function()
    local text = assert(w:read(file()))
    assert.is_nil(text:find("s3cret", 1, true))
    assert.truthy(text:find "\ntoken %x%x%x%x\n")
    assert.equal(384, w.fs.lstat(file()).mode)
    w.env.MOLECULE_GITEA_TOKEN = nil
    w.env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://user:s3cret-token-1@git.moleculesai.app/molecule-ai/copy-of-"
    assert.equal(0, w:run("hermes").exit)
    for _, name in ipairs(w.fs.list(CACHE .. "/heads")) do
      assert.is_nil((w:read(CACHE .. "/heads/" .. name) or ""):find("s3cret", 1, true))
    end
  end)

  it("ignores a file that it did not write, and replaces it", function()
    local good, other = assert(w:read(file())), ("ab"):rep(20)
    local path = file()
    for name, text in pairs {
      empty = "", short = good:sub(1, -10), long = good .. good, huge = good .. ("x"):rep(10000), binary = "\0\1\2" .. good,
      commit = good:gsub("commit %x+", "commit abc"), upper = good:gsub("commit %x+", "commit " .. ("AB"):rep(20)),
      branch = good:gsub("commit %x+", "commit " .. other):gsub("main\n$", "next\n"),
      future = good:gsub("looked%-up %d", "looked-up 9"), endless = good:gsub("looked%-up %d", "looked-up " .. ("9"):rep(400)),
      readable = { text = good:gsub("commit %x+", "commit " .. other), mode = 420 },
      link = { link = "/home/test/elsewhere" },
    } do
      w.files:add("/home/test/elsewhere", { text = good:gsub("commit %x+", "commit " .. other), mode = 384 })
      w.fs.remove_tree(path)
      w.files:add(path, type(text) == "table" and text or { text = text, mode = 384 })
      assert.equal(1, (asked()), name)
      assert.equal(0, (asked()), name)
    end
  end)

  it("removes its own files after a day, and no other, in the place that the directory is a link to", function()
    local dir, own = CACHE .. "/heads", ("0a"):rep(16)
    local elsewhere = "/home/test/elsewhere/"
    w.fs.remove_tree(dir)
    w.files:add(dir, { link = "/home/test/elsewhere" })
    local kept = { "notes", "tree/file", own .. ".txt/file", own .. "b", "." .. own .. ".aB3dE6/file" }
    local removed = { own, own .. ".lock", "." .. own .. ".aB3dE6f" }
    for _, list in ipairs { kept, removed } do
      for _, name in ipairs(list) do w.files:add(elsewhere .. name, "old") end
    end
    later(25 * 3600)
    assert.equal(1, (asked()))
    for _, name in ipairs(kept) do assert.equal("old", w:read(elsewhere .. name), name) end
    for _, name in ipairs(removed) do assert.is_nil(w.fs.lstat(elsewhere .. name), name) end
    assert.equal(0, (asked()))
  end)

  it("works on without a cache that can be written, with a warning", function()
    later(31)
    w.files:fails "EROFS"
    for _ = 1, 2 do
      local count, run = asked()
      assert.equal(1, count)
      assert.truthy(run.stderr:find("heads are not kept: .*Read%-only file system"), run.stderr)
    end
  end)
end)

describe("the window of freshness ends", function()
  local w, first

  before_each(function()
    w = molbuild.testing.world {
      policy = "scripts/ensure.lua", env = { MOLECULE_HEAD_MAX_AGE_S = "30", MOLECULE_LOCAL_BUILD_CACHE = CACHE },
    }
    first = w:run("hermes").stdout
  end)

  local function push()
    return ("%s:%s\n"):format(IMAGE, w.forge:push("hermes", { Dockerfile = "FROM next\n" }):sub(1, 12))
  end

  -- A run without the window.
  local function run_without(env)
    for name, value in pairs(env or {}) do w.env[name] = value end
    w.env.MOLECULE_HEAD_MAX_AGE_S = nil
    local run = w:run "hermes"
    w.env.MOLECULE_HEAD_MAX_AGE_S, w.env.MOLECULE_LOCAL_BUILD_CACHE = "30", CACHE
    return run.stdout
  end

  it("with a build of another commit", function()
    local new = push()
    assert.equal(first, w:run("hermes").stdout)
    assert.equal(new, run_without())
    assert.equal(new, w:run("hermes").stdout)
  end)

  it("with a build of another commit in another cache, or by another user: the engine's moving name shows it", function()
    local new = push()
    assert.equal(new, run_without { MOLECULE_LOCAL_BUILD_CACHE = "/home/test/other" })
    assert.equal(new, w:run("hermes").stdout)
    assert.equal(0, #w:run("hermes"):requests_to "forge")
  end)

  it("with a moving name that leads to another image of any kind", function()
    w.engine:add(IMAGE .. ":latest", { labels = {} })
    assert.equal(1, #w:run("hermes"):requests_to "forge")
    assert.equal(0, #w:run("hermes"):requests_to "forge")
  end)

  it("but not while the image is missing, or its build fails: it is built from the same commit", function()
    w.engine.images = {}
    local run = w:run "hermes"
    assert.same({ 0, first }, { #run:requests_to "forge", run.stdout })
    local new = push()
    w.clock.now = w.clock.now + 31
    w.engine:builds({ exit = 1 }, 1)
    run = w:run "hermes"
    assert.same({ 1, 8 }, { #run:requests_to "forge", run.exit })
    run = w:run "hermes" -- :latest is still the former image, as it was at the time of the lookup
    assert.same({ 0, new }, { #run:requests_to "forge", run.stdout })
  end)

  it("with a clone that finds that the branch has moved on", function()
    w.engine.images = {}
    local new = push()
    w.fs.remove_tree(CACHE .. "/repositories")
    w.forge:lags(1) -- git has the old commit no more
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(new, run.stdout)
    assert.equal(new, w:run("hermes").stdout)
  end)

  it("but not with a run for another branch, whose head has a window of its own", function()
    w.forge:push("hermes", { Dockerfile = "FROM next\n" }, "next")
    local other = w:run("--branch=next", "hermes").stdout
    assert.not_equal(first, other)
    for _, each in ipairs { { first, "hermes" }, { other, "--branch=next", "hermes" }, { first, "hermes" } } do
      local run = w:run(table.unpack(each, 2))
      assert.same({ 0, each[1] }, { #run:requests_to "forge", run.stdout })
    end
  end)

  it("with a build of a commit that was given, which is not kept as the head", function()
    local new = push()
    assert.equal(new, w:run("--commit=" .. w.forge:head "hermes", "hermes").stdout)
    local newest = push()
    assert.equal(newest, w:run("hermes").stdout)
  end)

  it("with an engine that does not answer: the step that needs it explains that", function()
    w.engine:fails "unreachable"
    local run = w:run "hermes"
    assert.equal(3, run.exit, run.stderr)
    assert.equal("cached", run:events_of("failed")[1].step)
  end)
end)

describe("a lookup", function()
  it("does not hide that another commit was built while the forge was asked", function()
    local dir, image = sh.temporary "heads", ("a"):rep(40)
    local new, count = ("b"):rep(40), 0
    local job = { cache = dir, head_max_age = 30, alias = "a:latest", engine = { revision = function() return image end } }
    local window = heads.window(job, function()
      count, image = count + 1, new -- another user's build has ended
      return count == 1 and ("a"):rep(40) or new
    end)
    local commits = {}
    task.run(function()
      for index = 1, 3 do commits[index] = window("https://host/org/t", "main", {}) end
    end)
    sh.remove(dir)
    assert.same({ ("a"):rep(40), new, new }, commits)
    assert.equal(2, count)
  end)
end)

describe("the age of a head", function()
  local function age(head, now)
    return heads.age({ time = head[1], monotonic = head[2], boot = head[3] or "a" },
      { time = now[1], monotonic = now[2], boot = now[3] or "a" })
  end

  it("is the larger one of both clocks: a suspended machine stops the monotonic one", function()
    assert.equal(10, age({ 100, 5 }, { 110, 15 }))
    assert.equal(1000, age({ 100, 5 }, { 1100, 15 }))
    assert.equal(10.25, age({ 100, 5 }, { 110, 15.25 }))
    assert.equal(0, age({ 100, 5 }, { 100, 5 }))
  end)

  it("is unknown after a reboot, and when a clock was set back", function()
    assert.is_nil(age({ 100, 5, "a" }, { 110, 15, "b" }))
    assert.is_nil(age({ 100, 5, "a" }, { 110, 15, "-" }))
    assert.is_nil(age({ 100, 5 }, { 99.9, 15 }))
    assert.is_nil(age({ 100, 5 }, { 110, 4 }))
    assert.is_nil(age({ 100, 5 }, { 105, 15 }))
    assert.is_nil(age({ 100, 5 }, { 0 / 0, 15 }))
  end)
end)
