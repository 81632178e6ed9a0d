local image = require "molbuild.engine.image"

local SHA, OTHER = ("a1"):rep(20), ("b2"):rep(20)
local REVISION = "org.opencontainers.image.revision"

describe("image.labels", function()
  local SOURCE, SOME = "https://me:password1@forge.example/o/x", { ["some.label"] = "value" }

  it("say what the image was built from, and when", function()
    local labels = image.labels(SHA, SOURCE, SOME, {})
    local created = labels["org.opencontainers.image.created"]
    assert.truthy(created:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", created)
    labels["org.opencontainers.image.created"] = nil
    assert.same({
      [REVISION] = SHA, ["org.opencontainers.image.source"] = "https://***@forge.example/o/x", ["some.label"] = "value",
    }, labels)
  end)

  it("keep a fork's own, which override", function()
    local own = { [REVISION] = "v1.2", mine = "yes" }
    local labels = image.labels(SHA, SOURCE, SOME, own)
    assert.equal("v1.2", labels[REVISION])
    assert.equal("yes", labels.mine)
    assert.same({ [REVISION] = "v1.2", mine = "yes" }, own)
  end)
end)

describe("image.mismatch", function()
  local function mismatch(found, platform, own)
    found.labels = found.labels or {}
    return image.mismatch(found, SHA, platform or "linux/amd64", own)
  end

  it("takes the image that was asked for", function()
    assert.is_nil(mismatch { os = "linux", architecture = "amd64", labels = { [REVISION] = SHA } })
  end)

  it("accepts one without labels", function()
    assert.is_nil(mismatch {})
    assert.is_nil(mismatch { os = "", architecture = "", variant = "", labels = { [REVISION] = "" } })
    assert.is_nil(mismatch { os = 7, architecture = {}, variant = false, labels = { [REVISION] = 1 } })
  end)

  it("names another revision", function()
    local found = mismatch { labels = { [REVISION] = OTHER } }
    assert.equal(("it was built from the revision %s, not %s"):format(OTHER, SHA), found)
    assert.truthy(mismatch { labels = { [REVISION] = SHA:sub(1, 12) } })
    assert.equal("it was built from the revision a?b, not " .. SHA, mismatch { labels = { [REVISION] = "a\nb" } })
  end)

  it("compares with the revision that a fork gives", function()
    assert.is_nil(mismatch({ labels = { [REVISION] = "v1.2" } }, nil, { [REVISION] = "v1.2" }))
    assert.truthy(mismatch({ labels = { [REVISION] = SHA } }, nil, { [REVISION] = "v1.2" }))
  end)

  it("names another stage of the Dockerfile", function()
    local TARGET = "app.molecule.target"
    local function stage(label, target, revision)
      local found = { labels = { [REVISION] = revision ~= "" and SHA or nil, [TARGET] = label } }
      return image.mismatch(found, SHA, "linux/amd64", nil, target)
    end
    local at = "@" .. SHA:sub(1, 12)
    assert.is_nil(stage(nil, nil))
    assert.is_nil(stage("dev" .. at, "dev"))
    assert.equal("it is the stage dev of the Dockerfile, not the last one", stage("dev" .. at, nil))
    assert.equal("it is the stage dev of the Dockerfile, not the stage prod", stage("dev" .. at, "prod"))
    assert.equal("it is the last stage of the Dockerfile, not the stage prod", stage(nil, "prod"))
    -- The label of the image that it was built from says nothing.
    assert.is_nil(stage("dev@" .. OTHER:sub(1, 12), nil))
    assert.equal("it is the last stage of the Dockerfile, not the stage dev", stage("dev@" .. OTHER:sub(1, 12), "dev"))
    -- One that was built by hand is accepted.
    assert.is_nil(stage(nil, "dev", ""))
    assert.is_nil(stage("no such form", nil))
  end)

  it("has its stage, with its commit, as a label", function()
    local job = { runtime = "x", branch = "main", sha = SHA, target = "dev" }
    assert.equal("dev@" .. SHA:sub(1, 12), image.job_labels(job)["app.molecule.target"])
    job.target = nil
    assert.is_nil(image.job_labels(job)["app.molecule.target"])
  end)

  for _, case in ipairs {
    { "linux/amd64", "linux", "arm64", nil, "it is for the platform linux/arm64, not linux/amd64" },
    { "linux/amd64", "windows", "amd64", nil, "it is for the platform windows/amd64, not linux/amd64" },
    { "linux/arm/v6", "linux", "arm", "v7", "it is for the platform linux/arm/v7, not linux/arm/v6" },
    { "linux/arm64", "linux", "arm64", nil },
    { "linux/arm64", "linux", "arm64", "v8" },
    { "linux/arm64/v8", "linux", "arm64", nil },
    { "linux/arm/v7", "linux", "arm", "" },
    { "linux/arm", "linux", "arm", "v7" },
    { "linux/aarch64", "linux", "arm64", nil },
  } do
    local wanted, os_name, architecture, variant, words = table.unpack(case, 1, 5)
    it(("says of %s/%s/%s for %s: %s"):format(os_name, architecture, variant, wanted, words), function()
      assert.equal(words, (mismatch({ os = os_name, architecture = architecture, variant = variant }, wanted)))
    end)
  end
end)

describe("image.obtain", function()
  local errors, log = require "molbuild.base.errors", require "molbuild.base.log"
  local engine, pulled, there, comes, warned
  local warn = log.warn

  before_each(function()
    pulled, there, comes, warned = {}, nil, { id = "sha256:new" }, {}
    log.warn = function(...) warned[#warned + 1] = string.format(...) end
    engine = {
      image = function() return there end,
      pull = function(_, ref, options)
        pulled[#pulled + 1] = { ref, options.platform }
        if errors.is(comes) then error(comes, 0) end
        there = comes
      end,
    }
  end)
  after_each(function() log.warn = warn end)

  local function obtain(ref, options) return image.obtain(engine, ref, options or {}) end

  it("pulls what is missing, and gives it", function()
    assert.equal("sha256:new", obtain("r/x:latest", { platform = "linux/arm64" }).id)
    assert.same({ { "r/x:latest", "linux/arm64" } }, pulled)
  end)

  it("pulls nothing that is there, but with always a name that may move", function()
    there = { id = "sha256:old" }
    assert.equal("sha256:old", obtain("r/x:latest").id)
    assert.equal("sha256:old", obtain("r/x:0123456789ab", { always = true }).id)
    assert.same({}, pulled)
    assert.equal("sha256:new", obtain("r/x:latest", { always = true }).id)
    assert.equal(1, #pulled)
  end)

  it("pulls again what is for another platform, and does without it when that fails", function()
    there = { id = "sha256:old", os = "linux", architecture = "arm64" }
    comes = errors.new { kind = "remote", message = "down" }
    local ok, failure = pcall(obtain, "r/x:latest", { platform = "linux/amd64" })
    assert.is_false(ok)
    assert.equal("down", failure.message)
  end)

  it("warns of a failed pull where an image is there, and raises it where none is", function()
    comes = errors.new { kind = "remote", message = "down" }
    assert.is_false((pcall(obtain, "r/x:latest")))
    assert.same({}, warned)
    there = { id = "sha256:old" }
    assert.equal("sha256:old", obtain("r/x:latest", { always = true }).id)
    assert.same({ "r/x:latest was not pulled, the local image is used: down" }, warned)
  end)

  it("takes no image of another platform for the one that was asked for", function()
    comes = { id = "sha256:new", os = "linux", architecture = "arm64" }
    local ok, failure = pcall(obtain, "r/x:latest", { platform = "linux/amd64" })
    assert.is_false(ok)
    assert.equal("r/x:latest was pulled, but it is for the platform linux/arm64, not linux/amd64", failure.message)
  end)

  it("pulls nothing offline, and is an error then for an image that is missing, or another one", function()
    there = { id = "sha256:old", os = "linux", architecture = "arm64" }
    assert.equal("sha256:old", obtain("r/x:latest", { always = true, offline = true }).id)
    local function fails(words, options)
      local ok, failure = pcall(obtain, "r/x:latest", options)
      assert.is_false(ok)
      assert.equal(4, errors.exit_code(failure))
      assert.is_false(errors.retry(failure))
      assert.equal("offline: the image r/x:latest is not on this machine" .. words, failure.message)
    end
    fails(", or is another one: it is for the platform linux/arm64, not linux/amd64", { offline = true, platform = "linux/amd64" })
    there = nil
    fails("", { offline = true })
    assert.same({}, pulled)
  end)

  it("passes a cancellation on, and is not content with a pull that brought nothing", function()
    there, comes = { id = "sha256:old" }, errors.new { kind = "cancelled", message = "stop" }
    assert.is_false((pcall(obtain, "r/x:latest", { always = true })))
    there, comes = nil, nil
    local ok, failure = pcall(obtain, "r/x:latest")
    assert.is_false(ok)
    assert.equal("r/x:latest was pulled, but the engine has no such image", failure.message)
  end)
end)
