local image = require "molbuild.image"

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

  it("keep a fork's own, which count more", function()
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

  it("takes one that says nothing of itself", function()
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
