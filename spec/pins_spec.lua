-- The file of `molbuild pin`: its text, and what a second run of it changes.
local errors = require "molbuild.base.errors"
local manifest = require "molbuild.machine.manifest"
local pins = require "molbuild.machine.pins"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local A, B = ("a1"):rep(20), ("b2"):rep(20)

describe("molbuild pin", function()
  local dir, path, heads, images, optional, fails

  -- A policy whose steps are known: the branch of each runtime, and the image on this machine.
  local policy = {
    names = function(words)
      return words[1] == "--all" and { "codex", "hermes" } or words, optional
    end,
    job = function(runtime)
      return { runtime = runtime, repo_url = "https://git.example/acme/t-" .. runtime, branch = "main", platform = "linux/amd64",
        cache = dir .. "/cache", manifest = "a former pin", variables = { manifest = "PINS" } }
    end,
    latest = function(job) return "m/" .. job.runtime .. ":latest" end,
    head = function(job)
      if fails == job.runtime then errors.raise { kind = "not_found", message = "no such repository" } end
      return not job.manifest and heads[job.runtime]
    end,
    tag = function(job) return ("m/%s:%s"):format(job.runtime, job.sha:sub(1, 12)) end,
    cached = function(job)
      job.image_id = images[job.tag]
      return job.image_id ~= nil
    end,
  }

  before_each(function()
    dir = sh.temporary "pins"
    path, heads, images, optional, fails = dir .. "/p.json", { hermes = A, codex = B }, {}, nil, nil
  end)
  after_each(function() sh.remove(dir) end)

  local function pin(...)
    local words = { ... }
    local list
    task.run(function() list = pins.update(policy, words, path) end)
    return list
  end

  it("writes a file with one line for each value, sorted, which is a manifest", function()
    images["m/hermes:" .. A:sub(1, 12)] = "sha256:" .. ("1"):rep(64)
    pin("hermes", "codex")
    assert.equal(([[
{
  "version": 1,
  "pins": [
    {
      "runtime": "codex",
      "repository": "https://git.example/acme/t-codex",
      "branch": "main",
      "commit": "%s"
    },
    {
      "runtime": "hermes",
      "repository": "https://git.example/acme/t-hermes",
      "branch": "main",
      "commit": "%s",
      "images": {
        "m/hermes:%s": "sha256:%s"
      }
    }
  ]
}
]]):format(B, A, A:sub(1, 12), ("1"):rep(64)), sh.read(path))
    assert.equal(A, manifest.commit(path, "hermes", "https://git.example/acme/t-hermes"))
  end)

  it("says what is new, what moved, and what stays", function()
    local first = pin "--all"
    assert.same({ "new", "new" }, { first[1].change, first[2].change })
    heads.hermes = ("c3"):rep(20)
    local second = pin()
    assert.equal("same", second[1].change)
    assert.same({ "moved", "commit a1a1a1a1a1a1 -> c3c3c3c3c3c3", A, heads.hermes },
      { second[2].change, second[2].details, second[2].former_commit, second[2].commit })
    assert.same({ path .. " is written: use it with PINS=" .. path }, second.notes)
  end)

  it("says what is known of an image since then, and keeps what other machines know of the same commit", function()
    pin "hermes"
    sh.write(path, (sh.read(path):gsub('("commit": "%x+")', '%1,\n      "images": { "m/hermes:x-arm64": "sha256:99" }', 1)))
    images["m/hermes:" .. A:sub(1, 12)] = "sha256:" .. ("1"):rep(64)
    local list = pin "hermes"
    assert.equal("changed", list[1].change)
    assert.equal("m/hermes:a1a1a1a1a1a1 none -> 111111111111", list[1].details)
    assert.truthy(sh.read(path):find('"m/hermes:x-arm64": "sha256:99"', 1, true))
    heads.hermes, images = B, {}
    pin "hermes"
    assert.is_nil(sh.read(path):find "images")
  end)

  it("does not write a file that stays the same, and leaves other runtimes alone", function()
    pin "--all"
    local before = sh.run { "stat", "-c", "%i", path }
    local list = pin "hermes"
    assert.equal(1, #list)
    assert.same({ path .. " is unchanged" }, list.notes)
    assert.equal(before, sh.run { "stat", "-c", "%i", path })
    heads.hermes = B
    pin "hermes"
    assert.equal(B, manifest.commit(path, "codex", "https://git.example/acme/t-codex"))
  end)

  it("writes nothing when one runtime fails, and skips one that only --all names", function()
    fails = "codex"
    assert.is_false(pcall(pin, "hermes", "codex"))
    assert.is_nil(sh.read(path))
    optional = { codex = true }
    assert.equal(1, #pin "--all")
  end)

  it("replaces no file but its own", function()
    for _, text in ipairs { '{ "workspace_templates": [] }', "text", "" } do
      sh.write(path, text)
      local ok, failure = pcall(pin, "hermes")
      assert.is_false(ok)
      assert.equal("usage", failure.kind)
      assert.equal(text, sh.read(path))
    end
  end)

  it("replaces what a link leads to", function()
    pin "codex"
    sh.run { "mv", path, dir .. "/real.json" }
    sh.run { "ln", "-s", "real.json", path }
    sh.run { "chmod", "640", dir .. "/real.json" }
    pin "hermes"
    assert.truthy(sh.read(dir .. "/real.json"):find(A, 1, true))
    sh.run { "test", "-L", path }
    assert.equal("640", sh.run { "stat", "-c", "%a", dir .. "/real.json" })
  end)

  it("into a directory that does not exist is an error", function()
    path = dir .. "/none/p.json"
    local ok, failure = pcall(pin, "hermes")
    assert.is_false(ok)
    assert.equal(2, errors.exit_code(failure))
  end)
end)
