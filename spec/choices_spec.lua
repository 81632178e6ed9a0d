-- The options of run: how each changes a job, and which exclude each other.
local choices = require "molbuild.base.choices"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"

local SHA = ("0123456789abcdef"):rep(3):sub(1, 40)

describe("an option of run", function()
  local job, warn, warnings

  before_each(function()
    job = { runtime = "hermes", branch = "main", repo_url = "https://forge.example/o/hermes", needs = {} }
    warn, warnings = log.warn, {}
    log.warn = function(format, ...) warnings[#warnings + 1] = format:format(...) end
  end)
  after_each(function() log.warn = warn end)

  local function apply(options, asked)
    return choices.apply(job, options, asked or { "hermes" })
  end

  for name, wanted in pairs {
    rebuild = { true }, no_cache = { true, true }, pull = { true, nil, true },
  } do
    it(("--%s builds an image that is there"):format(name:gsub("_", "-")), function()
      apply { [name] = true }
      assert.same(wanted, { job.rebuild, job.no_cache, job.pull_base })
      assert.is_nil(job.keeps_latest)
    end)
  end

  it("--branch leaves :latest alone, unless it is the policy's own branch", function()
    apply { branch = "next/one" }
    assert.same({ "next/one", true }, { job.branch, job.keeps_latest })
    job.keeps_latest, job.branch = nil, "main"
    apply { branch = "main" }
    assert.same({ "main" }, { job.branch, job.keeps_latest })
  end)

  it("--commit takes a whole id, of either length and case", function()
    for _, id in ipairs { SHA, SHA:upper(), SHA .. SHA:sub(1, 24) } do
      apply { commit = id }
      assert.same({ id:lower(), true }, { job.commit, job.keeps_latest })
    end
  end)

  it("--dir makes a directory the source, absolute, in a URL without blanks", function()
    apply { dir = "/srv/my trees/100%/" }
    assert.same({ "/srv/my trees/100%", "file:///srv/my%20trees/100%25", true },
      { job.working_tree, job.repo_url, job.keeps_latest })
    apply { dir = "spec" }
    assert.truthy(job.working_tree:find "^/.*/spec$")
  end)

  it("--pull fetches nothing for an image that is built from images of this machine", function()
    job.needs = { "codex" }
    apply { pull = true }
    assert.same({ true }, { job.rebuild, job.pull_base })
    assert.equal(1, #warnings)
  end)

  for message, case in pairs {
    ["the branch \"a..b\" cannot be used"] = { { branch = "a..b" } },
    ["option --commit: \"abc\" is not a whole commit id"] = { { commit = "abc" } },
    ["option --commit: \"" .. ("g"):rep(40)] = { { commit = ("g"):rep(40) } },
    ["option --commit is for one runtime, and codex is requested, too"] = { { commit = SHA }, { "hermes", "codex" } },
    ["option --dir is for one runtime, and codex is requested, too"] = { { dir = "/x" }, { "codex", "hermes" } },
    ["the options --dir and --branch exclude each other"] = { { dir = "/x", branch = "next" } },
    ["the options --dir and --commit exclude each other"] = { { dir = "/x", commit = SHA } },
    ["option --no-cache has no effect in registry mode"] = { { no_cache = true }, nil, "registry.example" },
    ["option --dir has no effect in registry mode"] = { { dir = "/x" }, nil, "registry.example" },
  } do
    it("is refused: " .. message, function()
      job.registry = case[3]
      local ok, failure = pcall(apply, case[1], case[2])
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "usage"))
      assert.equal(message, failure.message:sub(1, #message))
    end)
  end

  it("may be given with a runtime that is named twice", function()
    apply({ commit = SHA }, { "hermes", "hermes" })
    assert.equal(SHA, job.commit)
  end)
end)
