-- Every step of ensure.lua can be replaced: the replacement is what runs.
local errors = require "molbuild.base.errors"
local molbuild = require "molbuild"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local STEPS = { "preflight", "head", "tag", "cached", "lock", "clone", "check", "build", "alias" }
local SHA = ("0123456789"):rep(4)

local function closes()
  return setmetatable({}, { __close = function() end })
end

describe("the steps of ensure.lua", function()
  local ensure, job, calls, images, dir

  -- A job without an engine or a forge, and a policy whose every step is replaced by one that is noted. The cache gets the records
  -- of builds alone.
  before_each(function()
    ensure, dir = molbuild.load "scripts/ensure.lua", sh.temporary "steps"
    calls = {}
    images = { ["name:tag"] = { id = "sha256:0f", labels = { ["org.opencontainers.image.revision"] = SHA } } }
    job = {
      runtime = "hermes", branch = "main", repo_url = "https://forge.example/o/hermes", cache = dir,
      platform = "linux/amd64", image = "name",
      engine = {
        builder = function() return "buildkit" end, platform = function() return "linux/amd64" end, ask_early = closes,
        image = function(_, ref) return images[ref] end,
      },
    }
    local results = {
      head = function() return SHA end,
      tag = function() return "name:tag" end,
      cached = function() return false end,
      lock = closes,
      clone = function() return true end,
    }
    for _, name in ipairs(STEPS) do
      ensure[name] = function()
        calls[#calls + 1] = name
        return results[name] and results[name]()
      end
    end
  end)

  after_each(function()
    sh.remove(dir)
  end)

  local function image()
    return task.run(function() return ensure.image(job) end)
  end

  it("run in this order, and give the tag", function()
    assert.equal("name:tag", image())
    assert.same({ "preflight", "head", "tag", "cached", "lock", "cached", "clone", "check", "build", "alias" }, calls)
    assert.equal(SHA, job.sha)
    assert.equal("built", job.outcome)
  end)

  it("are all that the policy's source names", function()
    local source = ""
    for _, path in ipairs { "scripts/ensure.lua", "scripts/ensure-build.lua" } do
      local file <close> = assert(io.open(path))
      source = source .. file:read "a"
    end
    local known, named = { pull = true, engine_platform = true, shared = true }, {} -- these run with their settings alone
    for _, name in ipairs(STEPS) do known[name] = true end
    for name in source:gmatch '%f[%w.]step "([%a_]+)"' do
      named[name] = true
      assert.truthy(known[name], name .. " is not among the steps of this spec")
    end
    named.tag = source:find('call("tag", job)', 1, true) and true
    assert.same(known, named)
  end)

  for _, name in ipairs(STEPS) do
    it(("take a fork's %s"):format(name), function()
      ensure[name] = function(given)
        assert.equal(job, given)
        errors.raise { message = "this is the fork's " .. name }
      end
      local ok, failure = pcall(image)
      assert.is_false(ok)
      assert.equal("this is the fork's " .. name, tostring(failure))
    end)
  end

  it("end with a hit that a fork declares", function()
    ensure.cached = function() return true end
    assert.equal("name:tag", image())
    assert.same({ "preflight", "head", "tag", "alias" }, calls)
    assert.equal("hit", job.outcome)
  end)

  for name, case in pairs {
    head = { { "abc", 'head gave "abc"; it must give a commit id of 40 or 64 lowercase hex digits' },
      { nil, "head gave nothing; it must give a commit id of 40 or 64 lowercase hex digits" } },
    tag = { { "Name of it", 'tag gave "Name of it"; it must give an image\'s name with a tag, such as name:tag, or a digest' },
      { "name", 'tag gave "name"; it must give an image\'s name with a tag, such as name:tag, or a digest' } },
    cached = { { nil, "cached gave nothing; it must give true or false" } },
    lock = { { {}, "lock gave a table; it must give a lock: a value that can be closed" } },
    clone = { { "yes", 'clone gave "yes"; it must give true or false' } },
    latest = { { 7, "latest gave 7; it must give an image's name with a tag, such as name:tag, or a digest" } },
  } do
    for _, pair in ipairs(case) do
      it(("must give what they promise: %s"):format(pair[2]), function()
        ensure[name] = function() return pair[1] end
        local place = ("spec/steps_spec.lua:%d: "):format(debug.getinfo(ensure[name], "S").linedefined)
        local ok, failure = pcall(image)
        assert.is_false(ok)
        assert.same({ "bug", place .. pair[2] }, { failure.kind, failure.message })
      end)
    end
  end

  it("must not change the commit or the tag of the steps before", function()
    ensure.build = function(given) given.tag = "name:other" end
    local ok, failure = pcall(image)
    assert.is_false(ok)
    assert.equal("bug", failure.kind)
    assert.equal("build", failure.step)
    assert.truthy(failure.message:find("the step build changed job.tag from name:tag to name:other", 1, true))
  end)

  for what, found in pairs {
    ["the engine has no such image"] = false,
    ["it has no label org.opencontainers.image.revision"] = { labels = {} },
    ["it was built from the revision ffff, not " .. SHA] = { labels = { ["org.opencontainers.image.revision"] = "ffff" } },
    ["it is for the platform linux/arm64, not linux/amd64"] = {
      architecture = "arm64", labels = { ["org.opencontainers.image.revision"] = SHA },
    },
  } do
    it(("must have built the image: %s"):format(what), function()
      images["name:tag"] = found or nil
      local ok, failure = pcall(image)
      assert.is_false(ok)
      assert.equal("bug", failure.kind)
      assert.truthy(failure.message:find("^spec/steps_spec%.lua:%d+: build succeeded, but name:tag: "), failure.message)
      assert.truthy(failure.message:find(what, 1, true), failure.message)
    end)
  end

  it("must have found the image that a fork declares to be a hit", function()
    ensure.cached, images["name:tag"] = function() return true end, nil
    local ok, failure = pcall(image)
    assert.is_false(ok)
    assert.truthy(failure.message:find("cached succeeded, but name:tag: the engine has no such image", 1, true))
  end)

  it("look the branch up again when the clone says that it moved on, three times at most", function()
    ensure.clone = function() return false end
    local ok, failure = pcall(image)
    assert.is_false(ok)
    assert.equal("remote", failure.kind)
    local heads = 0
    for _, name in ipairs(calls) do
      if name == "head" then heads = heads + 1 end
    end
    assert.equal(3, heads)
  end)

  it("take a fork's names, job and image", function()
    ensure.names = function(args) return { args[1] .. "!" } end
    ensure.job = function(name) return { runtime = name } end
    ensure.image = function(given) return "image of " .. given.runtime end
    assert.equal("image of x!", task.run(function() return ensure.run { "x" } end))
  end)

  it("take a fork's word for the engine's platform, with native alone", function()
    ensure.engine_platform = function() return "linux/arm64" end
    image()
    assert.equal("linux/amd64", job.target_platform)
    job.platform = "native"
    image()
    assert.equal("linux/arm64", job.target_platform)
    assert.equal("name:latest-arm64", job.alias)
  end)

  it("pull the registry's image where that is set", function()
    job.registry, job.image_pull = "registry.example", "missing"
    ensure.pull = function(given) given.image_id = "sha256:0f" end
    assert.equal("name:latest", image())
    assert.same({}, calls)
    assert.same({ "registry", "sha256:0f" }, { job.outcome, job.image_id })
    job.image_pull, ensure.pull = "never", function() error "is not to be pulled" end
    assert.equal("name:latest", image())
  end)

  it("take a fork's name for the registry's image", function()
    job.registry, job.image_pull = "registry.example", "never"
    ensure.registry_image = function(given) return given.registry .. "/mine" end
    assert.equal("registry.example/mine", image())
    assert.same({}, calls)
  end)
end)
