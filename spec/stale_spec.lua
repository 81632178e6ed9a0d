-- The last good image of a runtime, and when a branch was last seen to point at a commit.
local docker = require "molbuild.engine"
local image = require "molbuild.engine.image"
local record = require "molbuild.machine.record"
local seen = require "molbuild.machine.seen"
local sh = require "spec.support.sh"
local stale = require "molbuild.machine.stale"
local task = require "molbuild.base.task"

local URL = "https://git.example/acme/t-hermes"
local A, B, C = ("a1"):rep(20), ("b2"):rep(20), ("c3"):rep(20)

describe("the last good image", function()
  local dir, job, policy, images, time, now

  local function at(seconds)
    os.time = function(...) return select("#", ...) > 0 and time(...) or now + seconds end -- luacheck: ignore 122
  end

  before_each(function()
    dir, images, time, now = sh.temporary "stale", {}, os.time, os.time()
    local engine = docker.engine()
    engine.api = { image = function(_, ref) return images[ref] end }
    job = {
      cache = dir, engine = engine, runtime = "hermes", branch = "main", target_platform = "linux/amd64", labels = {},
      repo_url = URL,
      build_args = {}, inputs = {}, image_max_age = math.huge, sha = C, tag = "m/hermes:" .. C:sub(1, 12),
    }
    policy = {
      inputs = {}, tag = function(self) return "m/hermes:" .. self.sha:sub(1, 12) .. (self.isolation or "") end,
      cached = function() return true end,
    }
  end)
  after_each(function()
    os.time, task.scope().behind, task.scope().read_only = time, nil, nil -- luacheck: ignore 122
    sh.remove(dir)
  end)

  -- The record and the image of a build that was SECONDS ago; CHANGES are made to its job, LABELS to its image.
  local function build(commit, seconds, changes, labels)
    local self = setmetatable({ sha = commit, tag = policy.tag { sha = commit }, image_id = "sha256:" .. commit:rep(2):sub(1, 64) },
      { __index = job })
    for name, value in pairs(changes or {}) do self[name] = value end
    at(-seconds)
    pcall(function()
      local open <close> = record.begin(self)
      if self.failure then error(self.failure, 0) end
      open:good()
    end)
    at(0)
    local all = image.labels(commit, URL, image.job_labels(self), labels or {})
    images[self.tag] = {
      Id = self.image_id, RepoTags = { self.tag }, Os = "linux", Architecture = "amd64", Config = { Labels = all },
    }
    return self.tag
  end

  local function good(within)
    local found = stale.last_good(job, policy, within)
    return found and found.sha
  end

  -- A hit on a commit, SECONDS ago.
  local function hit(commit, seconds, within)
    local core_now = require("molbuild.core").sys.now()
    task.scope().behind = {}
    job.stale = within or 86400
    seen.note(setmetatable({ sha = commit, head_age = core_now - (now - seconds) }, { __index = job }))
    for _, behind in ipairs(task.scope().behind) do behind() end
    return #task.scope().behind
  end

  it("is the one that was built last, with all that a caller needs", function()
    build(B, 100)
    local tag = build(A, 50)
    local found = stale.last_good(job, policy)
    assert.same({ A, tag, "sha256:" .. A:rep(2):sub(1, 64), now - 50 }, { found.sha, found.tag, found.image_id, found.current })
    assert.equal(A, found.record.commit)
    assert.same({ C, "m/hermes:" .. C:sub(1, 12) }, { job.sha, job.tag })
  end)

  it("was current at most so long ago", function()
    build(A, 3600)
    assert.is_nil(good(3599))
    assert.equal(A, good(3600))
  end)

  it("was current when a hit has seen it last, and not before its time", function()
    build(A, 9000)
    build(B, 5000)
    assert.equal(1, hit(A, 100))
    assert.equal(A, good(3600))
    assert.equal(B, (function() sh.remove(dir .. "/heads") return good() end)())
  end)

  it("is none whose times are in the future: a clock was set back", function()
    build(A, -100)
    assert.is_nil(good())
    build(B, 50)
    hit(B, -1000)
    assert.equal(now - 50, stale.last_good(job, policy).current)
  end)

  for what, changes in pairs {
    ["of another platform"] = { target_platform = "linux/arm64" }, ["of another branch"] = { branch = "next" },
    ["of another repository"] = { repo_url = "https://git.example/other/t-hermes" },
    ["of another kind of tag"] = { tag = "m/hermes:" .. A:sub(1, 12) .. "--mine" },
    ["whose build failed"] = { failure = "no" }, ["of a working tree"] = { working_tree = "/srv/t" },
    ["of a commit that was asked for"] = { commit = A },
  } do
    it("is none " .. what, function()
      build(A, 50, changes)
      assert.is_nil(good())
      build(B, 100)
      assert.equal(B, good())
    end)
  end

  it("is one of a commit that was asked for, if the branch was seen there later", function()
    build(A, 5000, { commit = A })
    hit(A, 60)
    assert.equal(now - 60, stale.last_good(job, policy).current)
  end)

  it("is none that the engine does not have, or has as another one", function()
    local tag = build(A, 50)
    local is = images[tag]
    images[tag] = nil
    assert.is_nil(good())
    images[tag] = setmetatable({ Id = "sha256:" .. ("f"):rep(64) }, { __index = is })
    assert.is_nil(good())
    images[tag] = setmetatable({ Architecture = "arm64" }, { __index = is })
    assert.is_nil(good())
    images[tag] = is
    assert.equal(A, good())
  end)

  it("is none that a hit would not take: of other inputs, or by the policy's own step", function()
    build(A, 50, nil, { ["app.molecule.runtime-version"] = "1.0" })
    assert.equal(A, good())
    policy.inputs, job.build_args = { [".runtime-version"] = "RUNTIME_VERSION" }, { RUNTIME_VERSION = "2.0" }
    assert.is_nil(good())
    job.build_args = { RUNTIME_VERSION = "1.0" }
    local asked
    policy.cached = function(self)
      asked = { self.sha, self.tag }
      return false
    end
    assert.is_nil(good())
    assert.same({ A, "m/hermes:" .. A:sub(1, 12) }, asked)
  end)

  describe("and a branch that was seen", function()
    it("is noted once in a while, when the result stands already", function()
      assert.equal(1, hit(A, 100))
      assert.same({ A, now - 100 }, { seen.last(job) })
      assert.equal(1, hit(A, 0))
      assert.equal(0, hit(A, 0))
      assert.equal(0, hit(A, 30))
      assert.equal(1, hit(B, 0))
      assert.equal(B, (seen.last(job)))
    end)

    it("is noted more often, where the time that it is for is short", function()
      hit(A, 5, 20)
      assert.equal(1, hit(A, 0, 20))
    end)

    it("is not noted by a plan, and a cache that cannot be written to is no failure", function()
      task.scope().read_only = true
      assert.equal(0, hit(A, 0))
      task.scope().read_only = nil
      job.cache = "/dev/null/cache"
      assert.equal(1, hit(A, 0))
      assert.is_nil(seen.last(job))
    end)

    it("is one of this repository and branch, in a file of this user's alone", function()
      hit(A, 0)
      job.branch = "next"
      assert.is_nil(seen.last(job))
      job.branch = "main"
      sh.run { "sh", "-c", "chmod 644 " .. dir .. "/heads/*" }
      assert.is_nil(seen.last(job))
    end)
  end)
end)
