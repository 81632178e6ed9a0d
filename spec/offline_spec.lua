-- A machine without a network: which image of a runtime is the right one, and what is reported of it.
local docker = require "molbuild.engine"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"
local log = require "molbuild.base.log"
local offline = require "molbuild.machine.offline"

local URL = "https://git.example/acme/t-hermes"

describe("offline", function()
  local job, images, warned
  local warn = log.warn

  -- An image as `ensure.build` labels it, of the commit DIGITS ...; MORE changes labels.
  local function add(digits, created, more, fields)
    local commit = digits:rep(20)
    local labels = image.labels(commit, URL, { ["app.molecule.runtime"] = "hermes", ["app.molecule.branch"] = "main" },
      { ["org.opencontainers.image.created"] = created })
    for name, value in pairs(more or {}) do labels[name] = value or nil end
    local new = { Id = "sha256:" .. digits, RepoTags = { "m/hermes:" .. commit:sub(1, 12) }, Labels = labels, Os = "linux",
      Architecture = "amd64" }
    for name, value in pairs(fields or {}) do new[name] = value end
    images[#images + 1] = new
    return commit
  end

  before_each(function()
    images, warned = {}, {}
    log.warn = function(...) warned[#warned + 1] = string.format(...) end
    local engine = docker.engine()
    engine.api = {
      labelled = function(_, label)
        assert.equal("app.molecule.runtime=hermes", label)
        return images
      end,
      image = function(_, ref)
        for _, one in ipairs(images) do
          if one.RepoTags[1] == ref then
            return setmetatable({ Config = { Labels = one.Labels } }, { __index = one })
          end
        end
      end,
    }
    job = { engine = engine, runtime = "hermes", branch = "main", target_platform = "linux/amd64", labels = {}, repo_url = URL,
      alias = "m/hermes:latest", variables = { offline = "OFFLINE" } }
  end)
  after_each(function() log.warn = warn end)

  local function head()
    return offline.head(job, function(self) return "m/hermes:" .. self.sha:sub(1, 12) end)
  end

  local function none()
    local ok, failure = pcall(head)
    assert.is_false(ok)
    assert.equal(4, errors.exit_code(failure))
    assert.is_false(errors.retry(failure))
    assert.equal("run it once with a network, without OFFLINE=1", failure.hint)
    assert.equal("offline: no image of hermes for linux/amd64 from the branch main of " .. URL .. " is on this machine",
      failure.message)
  end

  it("takes the image that was built last, and reports its age", function()
    add("a1", "2026-11-20T00:00:00Z")
    local newest = add("b2", os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 3 * 86400 - 60))
    add("c3", "2026-11-22T00:00:00Z")
    assert.equal(newest, head())
    assert.same({ "offline: m/hermes:b2b2b2b2b2b2 is the newest image of hermes on this machine, built 3d ago" }, warned)
    assert.is_true(job.offline_age >= 3 * 86400)
  end)

  it("takes an image whose date is unknown as the oldest, and one of the future as new", function()
    local only = add("a1", "yesterday")
    assert.equal(only, head())
    assert.matches("at a date that it does not say$", warned[1])
    local later = add("b2", os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 86400))
    assert.equal(later, head())
    assert.equal(0, job.offline_age)
  end)

  it("finds none on a machine without images", none)

  for what, case in pairs {
    ["another repository"] = { { ["org.opencontainers.image.source"] = "https://git.example/other/t-hermes" } },
    ["another branch"] = { { ["app.molecule.branch"] = "next" } },
    ["no commit"] = { { ["org.opencontainers.image.revision"] = "v1.2" } },
    ["a shortened commit"] = { { ["org.opencontainers.image.revision"] = ("a1"):rep(6) } },
    ["another tag, such as that of another caller"] = { nil, { RepoTags = { "m/hermes:a1a1a1a1a1a1--mine" } } },
    ["no tag"] = { nil, { RepoTags = {} } },
    ["another platform"] = { nil, { Architecture = "arm64" } },
    ["no branch, and not the name that moves"] = { { ["app.molecule.branch"] = false } },
  } do
    it("does not take an image of " .. what, function()
      add("a1", "2026-11-20T00:00:00Z", case[1], case[2])
      none()
    end)
  end

  it("takes an image without a branch if the name that moves with the branch is its", function()
    local commit = add("a1", "2026-11-20T00:00:00Z", { ["app.molecule.branch"] = false },
      { RepoTags = { "m/hermes:a1a1a1a1a1a1", "m/hermes:latest" } })
    assert.equal(commit, head())
  end)

  it("compares labels with those of the policy, where it sets them", function()
    job.labels = { ["org.opencontainers.image.source"] = "https://mirror/x" }
    local commit = add("a1", "2026-11-20T00:00:00Z", { ["org.opencontainers.image.source"] = "https://mirror/x" })
    assert.equal(commit, head())
  end)

  it("is an error of the engine's when that cannot list its images", function()
    job.engine.api.labelled = function() return nil, "the engine reports: broken" end
    local ok, failure = pcall(head)
    assert.is_false(ok)
    assert.equal("the images of this machine are not known: the engine reports: broken", failure.message)
    assert.equal(3, errors.exit_code(failure))
  end)

  it("refuses a build: for an image that is missing, is another one, or was asked for", function()
    local function message()
      local ok, failure = pcall(offline.refuse, job)
      assert.is_false(ok)
      assert.equal(4, errors.exit_code(failure))
      return failure.message
    end
    job.tag = "m/hermes:a1"
    assert.equal("offline: the image m/hermes:a1 is not on this machine", message())
    job.wrong = "it was built from x"
    assert.equal("offline: the image m/hermes:a1 is not on this machine, or is another one: it was built from x", message())
    job.rebuild = true
    assert.equal("offline: hermes cannot be built again", message())
  end)
end)
