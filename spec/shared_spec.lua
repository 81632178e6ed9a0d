-- What is taken from a shared registry: an image that a run on this machine would use.
local errors = require "molbuild.base.errors"
local shared = require "molbuild.machine.shared"
local sh = require "spec.support.sh"
local signers = require "molbuild.machine.signers"
local stock = require "spec.support.stock"
local task = require "molbuild.base.task"

local SHA = ("0123456789"):rep(4)
local URL = "https://forge.example/org/hermes"

local function date(ago) return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - ago) end

describe("an image of a shared registry", function()
  local dir, engine, job, pulls

  before_each(function()
    dir, engine, pulls = sh.temporary "shared", stock.new(), 0
    job = {
      engine = engine, runtime = "hermes",
      tag = "molecule-local/workspace-template-hermes:0123456789ab", sha = SHA, branch = "main",
      repo_url = URL, target_platform = "linux/amd64", platform = "linux/amd64", build_args = {}, labels = {}, needs = {},
      cache = dir,
      image_cache = "registry.example/team", image_cache_timeout = 10, image_max_age = math.huge, stall = 10, ceiling = 10,
      variables = { image_cache_timeout = "TIMEOUT", image_cache_required = "REQUIRED", image_max_age = "MAX_AGE" },
    }
  end)
  after_each(function() sh.remove(dir) end)

  -- What a run takes of an image of that age and with these labels.
  local function take(age, labels)
    function engine:pull(ref)
      pulls = pulls + 1
      local all = {
        ["org.opencontainers.image.revision"] = SHA, ["org.opencontainers.image.source"] = URL, ["app.molecule.runtime"] = "hermes",
        ["org.opencontainers.image.created"] = date(age),
      }
      for name, value in pairs(labels or {}) do all[name] = value end
      local image = self:add { labels = all, tags = { ref } }
      return { id = image.id, labels = all, created = date(age), os = "linux", architecture = "amd64" }
    end
    local taken = task.run(function() return shared.take(job, { [".runtime-version"] = "RUNTIME_VERSION" }, "pulled") end)
    assert.is_nil(engine:find "registry.example/team/workspace-template-hermes:0123456789ab")
    return taken
  end

  it("is taken, whatever its age, where there is no bound", function()
    assert.is_true(take(1000000))
    assert.equal("pulled", job.outcome)
    assert.truthy(engine:find(job.tag))
  end)

  it("is not taken when this machine would build it again because of its age, and the build fetches base images", function()
    job.image_max_age = 3600
    assert.is_false(take(7200))
    assert.is_nil(engine:find(job.tag))
    assert.is_true(job.pull_base)
    job.image_cache_required = "1"
    local ok, failure = pcall(take, 7200)
    assert.is_false(ok)
    assert.truthy(failure.message:find("was not taken: too old: it was built 2h ago, at most 60m are allowed (MAX_AGE)", 1, true))
    assert.is_true(take(60))
  end)

  it("is not even pulled when no allowed signer has signed its commit", function()
    local examine, keep, kept = signers.examine, signers.keep, 0
    finally(function() signers.examine, signers.keep = examine, keep end)
    function signers.examine() error(errors.new { kind = "signature", message = "no" }, 0) end -- luacheck: ignore 122
    function signers.keep() kept = kept + 1 end -- luacheck: ignore 122
    job.allowed_signers = "/signers"
    local ok, failure = pcall(take, 60)
    assert.same({ false, "signature", 0, 0 }, { ok, failure.kind, kept, pulls })
    function signers.examine() end -- luacheck: ignore 122
    assert.is_true(take(60))
    assert.same({ 1, 1 }, { kept, pulls })
  end)

  it("is not taken when it was built with another value of a declared input", function()
    job.build_args = { RUNTIME_VERSION = "2.0" }
    assert.is_false(take(60, { ["app.molecule.runtime-version"] = "1.0" }))
    assert.is_true(take(60, { ["app.molecule.runtime-version"] = "2.0" }))
  end)
end)
