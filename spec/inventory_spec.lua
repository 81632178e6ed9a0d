-- What `list` says, of an engine in memory and a cache.
local core = require "molbuild.core"
local inventory = require "molbuild.machine.inventory"
local json = require "cjson"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"
local stock = require "spec.support.stock"
local task = require "molbuild.base.task"

local NAME = "molecule-local/workspace-template-"
local A, B = ("a"):rep(12), ("b"):rep(12)

describe("an inventory", function()
  local engine, cache, now

  before_each(function() engine, cache, now = stock.new(), sh.temporary "inventory", os.time() end)
  after_each(function() sh.remove(cache) end)

  local function image(runtime, tags, more)
    local added = { tags = {}, created = now - 3600, size = 5000, labels = { ["app.molecule.runtime"] = runtime } }
    for _, tag in ipairs(tags) do table.insert(added.tags, NAME .. runtime .. ":" .. tag) end
    for name, value in pairs(more or {}) do added[name] = value end
    return engine:add(added)
  end

  local function take(more)
    local options, all = { engine = engine, cache = cache }, nil
    for name, value in pairs(more or {}) do options[name] = value end
    task.run(function() all = inventory.take(options) end)
    return inventory.rows(all, now)
  end

  local function state(rows, index) return rows[index].state end

  it("has an image with what uses and names it, and the sizes that the engine knows", function()
    local added = image("hermes", { A, "latest", "latest-arm64" })
    added.labels["org.opencontainers.image.revision"] = A .. ("0"):rep(28)
    engine.containers = {
      { name = "web-2", image = added.id, created = now - 100 }, { name = "web-1", image = added.id, created = now - 500 },
    }
    local row = take { pins = { [A .. ("0"):rep(28)] = true } }[1]
    assert.same({ "image", "hermes", A, A .. ("0"):rep(28), added.id },
      { row.kind, row.runtime, row.tag, row.commit, row.image_id })
    assert.same({ 5000, 4900, 100 }, { row.size, row.own, row.shared })
    assert.same({ "web-1", "web-2" }, row.containers)
    assert.same({ now - 100, "latest", true, "in use by web-1 and 1 more" }, { row.last_used, row.latest, row.pinned, row.needed })
    assert.equal(":latest, in use by web-1 web-2, used 100s ago, pinned", row.state)
    assert.equal(3600, row.age)
  end)

  it("names an image without a name, and one with a user's name", function()
    image("hermes", {}, { created = now - 10 })
    local other = image("hermes", { A })
    table.insert(other.tags, "me/app:1")
    local rows = take()
    assert.same({ "no name", "also called me/app:1" }, { state(rows, 1), state(rows, 2) })
  end)

  it("joins what the cache has of a tag with its image, and has rows for what has no image", function()
    image("hermes", { A })
    for _, name in ipairs { A .. "/file", A .. ".log", B .. ".log" } do sh.write(cache .. "/hermes/" .. name, "12345") end
    sh.write(cache .. "/repositories/hermes.git/HEAD", "ref")
    assert(core.fs.mkdirp(cache .. "/tmp/hermes.Xa1"))
    local rows = take()
    local seen = {}
    for index = 1, #rows - 1 do
      seen[index] = ("%s %s: %s"):format(rows[index].kind, rows[index].tag or "-", rows[index].state)
    end
    assert.same({
      "image " .. A .. ": tree log", "build " .. B .. ": no image, log", "unfinished -: unfinished tree",
      "repository -: repository",
    }, seen)
    assert.equal(5, rows[2].size)
  end)

  it("gives a record to the image of its own tag alone, and a tree and a log to any image of the commit", function()
    image("hermes", { A .. "--t1" }, { created = now - 10 })
    image("hermes", { A .. "-arm64" }, { created = now - 20 })
    for _, name in ipairs { A .. "/file", A .. ".log", A .. ".json", A .. "--t1.json" } do
      sh.write(cache .. "/hermes/" .. name, "{")
    end
    local rows = take()
    local seen = {}
    for index = 1, #rows - 1 do seen[rows[index].tag] = rows[index].state end
    assert.same({ [A .. "--t1"] = "tree record log", [A .. "-arm64"] = "", [A] = "no image, record" }, seen)
  end)

  it("reports a failed build by its record, and ignores what is no record, with a warning", function()
    sh.write(cache .. "/hermes/" .. A .. ".json", json.encode {
      _type = "https://in-toto.io/Statement/v1", predicateType = "urn:molbuild:failure:v1",
      subject = { { name = NAME .. "hermes:" .. A, digest = { gitCommit = A .. ("0"):rep(28) } } },
      predicate = {
        buildDefinition = {
          externalParameters = { runtime = "hermes", image = NAME .. "hermes:" .. A, branch = "main", platform = "linux/amd64" },
          resolvedDependencies = {
            { uri = "git+https://forge/hermes@refs/heads/main", digest = { gitCommit = A .. ("0"):rep(28) } },
          },
        },
        runDetails = { metadata = {
          startedOn = "2026-01-01T00:00:00Z", finishedOn = "2026-01-01T00:01:00Z", molbuild_seconds = 60,
        } },
        error = { kind = "build", exit = 8, message = "docker build: exit status 3" },
      },
    })
    sh.run { "chmod", "600", cache .. "/hermes/" .. A .. ".json" }
    sh.write(cache .. "/hermes/" .. B .. ".json", "{")
    local rows = take()
    assert.same({ "docker build: exit status 3", 8, 60, A .. ("0"):rep(28) },
      { rows[1].failed, rows[1].exit, rows[1].seconds, rows[1].commit })
    assert.equal("failed: docker build: exit status 3, record", rows[1].state)
    assert.equal("no image, record", rows[2].state)
  end)

  it("ends with the sum, is of the named runtimes alone, and is what the schema says", function()
    image("hermes", { A })
    image("codex", { B, "latest" })
    engine.cache = 700
    image("codex", {}, { size = 100 })
    sh.write(cache .. "/codex/" .. B .. ".log", "12345")
    local rows = take()
    local sum = rows[#rows]
    assert.same({ "sum", 3, 9800, 5, 9900, 700 }, { sum.kind, sum.images, sum.own, sum.disk, sum.layers, sum.build_cache })
    assert.equal("3 images, all layers of the engine 9.9 kB, cache 5 B, build cache 700 B", sum.state)
    assert(schema.check("verbs", rows:json(require("molbuild.progress.encode").object), "list"))
    local named = take { runtimes = { "codex" } }
    assert.same({ 3, "codex" }, { #named, named[1].runtime })
  end)

  it("fits 80 columns", function()
    image("claude-code", { A .. "-arm64", "latest-arm64" }, { size = 2147483648 })
    engine.containers = {
      { name = "workspace-1", image = engine.images[1].id }, { name = "workspace-2", image = engine.images[1].id },
    }
    for line in take():text():gmatch "[^\n]+" do assert.truthy(#line <= 80, line) end
  end)

  it("takes runtimes that the policy has, and names the nearest one otherwise", function()
    local policy = { runtimes = { "hermes", "codex" } }
    assert.is_nil(inventory.named(policy, {}))
    assert.is_nil(inventory.named(policy, { "hermes", "--all" }))
    assert.same({ "codex" }, inventory.named(policy, { "codex" }))
    local ok, failure = pcall(inventory.named, policy, { "hermez" })
    assert.is_false(ok)
    assert.same({ "usage", 'unknown runtime "hermez"; did you mean "hermes"? (one of hermes, codex)' },
      { failure.kind, failure.message })
  end)
end)
