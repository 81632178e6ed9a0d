-- Why an image of the right commit is built again: a declared input, or its age.
local outdated = require "molbuild.machine.outdated"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"

local CREATED = "org.opencontainers.image.created"
local DECLARED = { [".runtime-version"] = "RUNTIME_VERSION" }

local function date(ago)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - ago)
end

describe("an image of the right commit", function()
  local dir, job, image

  before_each(function()
    dir = sh.temporary "outdated"
    job = {
      cache = dir, runtime = "hermes", tag = "name/hermes:0123456789ab", sha = ("0123456789"):rep(4), branch = "main",
      repo_url = "https://forge.example/o/hermes", target_platform = "linux/amd64", build_args = {}, labels = {}, needs = {},
      image_max_age = math.huge, variables = { image_max_age = "MOLECULE_IMAGE_MAX_AGE_S" },
    }
    image = { id = "sha256:" .. ("a"):rep(64), labels = {}, created = date(10) }
  end)
  after_each(function() sh.remove(dir) end)

  local function reason()
    job.pull_base = nil
    return outdated.reason(image, job, DECLARED)
  end

  it("is used, whatever its age, where there is no bound", function()
    image.created = date(100000000)
    assert.is_nil(reason())
    assert.is_nil(job.pull_base)
  end)

  it("is built again where the policy sets a declared input to another value", function()
    image.labels["app.molecule.runtime-version"] = "1.0"
    assert.is_nil(reason())
    job.build_args = { RUNTIME_VERSION = "1.0", OTHER = "x" }
    assert.is_nil(reason())
    job.build_args.RUNTIME_VERSION = "2.0"
    assert.equal("it was built with RUNTIME_VERSION=1.0, not 2.0", reason())
    assert.is_nil(job.pull_base)
    job.labels = { ["app.molecule.runtime-version"] = "1.0" }
    assert.is_nil(reason())
    job.labels, image.labels = {}, {}
    assert.is_nil(reason())
  end)

  for name, case in pairs {
    ["by the engine's date"] = { created = 100 }, ["by its label"] = { label = 100 },
    ["by its label, where BuildKit took all layers from its cache"] = { created = 100000, label = 100 },
    ["by the engine's date, where its template fixes the label"] = { created = 100, label = 100000 },
    ["by a date of another zone with parts of a second"] = {
      raw = os.date("!%Y-%m-%dT%H:%M:%S.123456789+02:00", os.time() + 7100),
    },
  } do
    it("is older than a bound, or not, " .. name, function()
      image.created = case.raw or case.created and date(case.created)
      image.labels[CREATED] = case.label and date(case.label)
      job.image_max_age = 3600
      assert.is_nil(reason())
      job.image_max_age = 50
      local words = reason()
      assert.truthy(words and words:find "^too old: it was built 10%ds ago, at most 50s are allowed %(MOLECULE_IMAGE_MAX_AGE_S%)$"
        or words and words:find "^too old: it was built 1m ago", words)
      assert.is_true(job.pull_base)
    end)
  end

  it("is too old where no date is usable: none, of the future, no date", function()
    job.image_max_age = 3600
    for _, created in ipairs { false, date(-100000), "0001-01-01T00:00:00Z", "yesterday", "" } do
      image.created = created or nil
      assert.equal("too old: its age is not known, at most 60m are allowed (MOLECULE_IMAGE_MAX_AGE_S)", reason())
    end
  end)

  it("is as old as its record where all dates in it are fixed", function()
    image.created, image.labels[CREATED] = "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z"
    job.image_max_age, job.image_id = 3600, image.id
    do
      local open <close> = record.begin(job)
      open:good()
    end
    assert.is_nil(reason())
    image.id = "sha256:" .. ("b"):rep(64)
    assert.truthy(reason():find("too old: it was built", 1, true))
  end)

  it("is too old, and its base is not fetched where that is an image of this machine", function()
    job.image_max_age, job.needs, image.created = 50, { "codex" }, date(100)
    assert.truthy(reason())
    assert.is_nil(job.pull_base)
  end)
end)
