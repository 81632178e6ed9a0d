-- Which images gc removes, in an engine in memory.
local collect = require "molbuild.machine.collect"
local sh = require "spec.support.sh"
local stock = require "spec.support.stock"
local task = require "molbuild.base.task"
local worlds = require "spec.support.gc_worlds"

local NAME = "molecule-local/workspace-template-"
local REVISION = "org.opencontainers.image.revision"

describe("gc", function()
  local engine, cache, now

  before_each(function()
    engine, cache, now = stock.new(), sh.temporary "gc", os.time()
  end)

  after_each(function() sh.remove(cache) end)

  --- An image of RUNTIME, DAYS old, built from the commit that NUMBER stands for.
  local function built(runtime, number, days, more)
    local commit = ("%012x"):format(number) .. ("0"):rep(28)
    local image = {
      tags = { NAME .. runtime .. ":" .. commit:sub(1, 12) }, created = now - days * 86400,
      labels = { ["app.molecule.runtime"] = runtime, [REVISION] = commit },
    }
    for name, value in pairs(more or {}) do image[name] = value end
    return engine:add(image)
  end

  local function run(more)
    local options = { engine = engine, cache = cache, known = { "hermes", "codex" }, keep = 2 }
    for name, value in pairs(more or {}) do options[name] = value end
    local report
    task.run(function() report = collect.run(options) end)
    return report
  end

  -- The tags that are left, without the part that is common.
  local function left()
    local list = {}
    for _, image in ipairs(engine.images) do
      list[#list + 1] = image.tags[1] and image.tags[1]:gsub("^" .. NAME:gsub("%p", "%%%0"), ""):gsub(":0+", ":") or "none"
    end
    table.sort(list)
    return table.concat(list, " ")
  end

  local function actions(report)
    local list = {}
    for _, row in ipairs(report.rows) do
      list[#list + 1] = ("%s %s %s: %s"):format(row.action, row.kind, row.tag and row.tag:gsub("^0+", "") or "-", row.reason)
    end
    return list
  end

  it("keeps the two newest of each runtime, and removes the others, the oldest first", function()
    for number = 1, 4 do built("hermes", number, 10 - number) end
    for number = 5, 7 do built("codex", number, 10 - number) end
    local report = run()
    assert.equal("codex:6 codex:7 hermes:3 hermes:4", left())
    assert.same({
      "removed image 1: not one of the 2 newest", "removed image 2: not one of the 2 newest",
      "removed image 5: not one of the 2 newest",
    }, actions(report))
    assert.same({ 3, 0 }, { report.removed, report.failed })
    assert.equal(2700, report.freed) -- as the engine counts its layers
  end)

  it("keeps what the options say", function()
    for number = 1, 4 do built("hermes", number, 10 * (5 - number)) end -- 40, 30, 20, 10 days
    run { keep = 4 }
    assert.equal("hermes:1 hermes:2 hermes:3 hermes:4", left())
    run { keep = 0, older_than = 25 * 86400 }
    assert.equal("hermes:3 hermes:4", left())
    run { keep = 0, dry_run = true }
    assert.equal("hermes:3 hermes:4", left())
    run { keep = 0, runtimes = { "codex" } }
    assert.equal("hermes:3 hermes:4", left())
    assert.equal(1900, run({ keep = 0 }).freed)
    assert.equal("", left())
  end)

  it("takes the date of the build from our label, and from the engine where there is none", function()
    local old = built("hermes", 1, 0)
    old.labels["org.opencontainers.image.created"] = "2020-01-01T00:00:00Z"
    built("hermes", 2, 100)
    run { keep = 1 }
    assert.equal("hermes:2", left())
  end)

  it("takes the order of builds on this machine for images of the same second", function()
    for number = 1, 3 do built("hermes", number, 1) end
    sh.write(cache .. "/hermes/order", "000000000003\n000000000001\n000000000002\n")
    run { keep = 1 }
    assert.equal("hermes:2", left())
  end)

  -- Each with a newer image, so that nothing else saves it.
  local SAVED = {
    ["a container uses"] = function(image) table.insert(engine.containers, { name = "web", image = image.id }) end,
    [":latest names"] = function(image) engine:name(image.id, NAME .. "hermes:latest") end,
    [":latest of its platform names"] = function(image) engine:name(image.id, NAME .. "hermes:latest-arm64") end,
    [":latest of a caller names"] = function(image) engine:name(image.id, NAME .. "hermes:latest--ci") end,
    ["a user has named"] = function(image) engine:name(image.id, NAME .. "hermes:stable") end,
    ["has a name elsewhere"] = function(image) engine:name(image.id, "me/app:1") end,
    ["has a user's name only"] = function(image) image.tags = { "me/app:latest" } end,
    ["was pulled by its digest"] = function(image)
      image.tags, image.digests = {}, { "registry.example/workspace-template-hermes@sha256:" .. ("1"):rep(64) }
    end,
    ["another image was built from"] = function(image)
      engine:add { parent = image.id, tags = { "me/derived:1" }, labels = { ["app.molecule.runtime"] = "hermes" }, created = now }
    end,
    ["has a label that is no runtime"] = function(image) image.labels["app.molecule.runtime"] = "../etc" end,
    ["has an empty label"] = function(image) image.labels["app.molecule.runtime"] = "" end,
    ["has no label"] = function(image) image.labels = { [REVISION] = image.labels[REVISION] } end,
    ["a pin names by its commit"] = function(image) return { [image.labels[REVISION]] = true } end,
    ["a pin names by its id"] = function(image) return { [image.id] = true } end,
    ["a pin names, without a label of its commit"] = function(image)
      local commit = image.labels[REVISION]
      image.labels[REVISION] = nil
      return { [commit] = true }
    end,
  }

  for what, prepare in pairs(SAVED) do
    it("never removes an image that " .. what, function()
      local image = built("hermes", 1, 50)
      local pins = prepare(image)
      built("hermes", 2, 40)
      run { keep = 0, pins = pins }
      assert.truthy(engine:find(image.id))
      assert.is_nil(engine:find(NAME .. "hermes:000000000002"))
    end)
  end

  it("removes images without a name, all but those that a container uses", function()
    local used = built("hermes", 1, 1, { tags = {} })
    table.insert(engine.containers, { name = "web", image = used.id })
    built("hermes", 2, 1, { tags = {} })
    built("hermes", 3, 1)
    local report = run()
    assert.equal("hermes:3 none", left())
    assert.same({ "removed image -: it has no name" }, actions(report))
  end)

  it("does not count images that a user has built from ours", function()
    for number = 1, 3 do built("hermes", number, 10) end
    for number = 1, 3 do built("hermes", 100 + number, 0, { tags = { "me/app:" .. number } }) end
    engine.images[1].created, engine.images[2].created = now - 30 * 86400, now - 20 * 86400
    run()
    assert.truthy(engine:find(NAME .. "hermes:000000000002"))
    assert.is_nil(engine:find(NAME .. "hermes:000000000001"))
  end)

  it("removes an image under all its names, and asks for no force", function()
    local image = built("hermes", 1, 50)
    table.insert(image.tags, NAME .. "hermes:000000000001-amd64")
    table.insert(image.tags, NAME .. "hermes:000000000001--ci")
    run { keep = 0 }
    assert.equal(0, #engine.images)
    for _, request in ipairs(engine.requests) do assert.is_nil(request:find "force", request) end
  end)

  it("leaves an image alone that a container uses by the time of its removal, under all its names", function()
    local image = built("hermes", 1, 50)
    table.insert(image.tags, NAME .. "hermes:000000000001--ci")
    function engine:meanwhile(request)
      local is_first = request:find "^DELETE" and #self.containers == 0
      if is_first then table.insert(self.containers, { name = "late", image = image.id }) end
    end
    local report = run { keep = 0 }
    table.sort(image.tags)
    assert.same({ NAME .. "hermes:000000000001", NAME .. "hermes:000000000001--ci" }, image.tags)
    assert.same({ "kept image 1: in use by late" }, actions(report))
    assert.equal(0, report.failed)
  end)

  it("leaves an image alone that got another name by the time of its removal", function()
    local image = built("hermes", 1, 50)
    function engine:meanwhile(request)
      if request:find "^DELETE" then self:name(image.id, NAME .. "hermes:latest") end
    end
    assert.same({ "kept image 1: it is :latest" }, actions(run { keep = 0 }))
  end)

  it("leaves an image alone that got its first name by the time of its removal", function()
    local image = built("hermes", 1, 50, { tags = {} })
    function engine:meanwhile(request)
      if request:find "^INSPECT" then self:name(image.id, "me/app:1") end
    end
    assert.same({ "kept image -: it is also called me/app:1" }, actions(run { keep = 0 }))
  end)

  it("leaves a name alone that is another image's by the time of its removal", function()
    local image = built("hermes", 1, 50)
    table.insert(image.tags, NAME .. "hermes:000000000009")
    local other = engine:add { tags = { "other:1" } }
    function engine:meanwhile(request)
      if request:find "^INSPECT" then self:name(other.id, NAME .. "hermes:000000000009") end
    end
    run { keep = 0 }
    assert.same({ "other:1", NAME .. "hermes:000000000009" }, other.tags)
    assert.is_nil(engine:find(image.id))
  end)

  it("continues after a failure, and counts it", function()
    for number = 1, 4 do built("hermes", number, 10 - number) end
    engine.failing[engine.images[1].id] = "device or resource busy"
    local report = run()
    assert.equal("hermes:1 hermes:3 hermes:4", left())
    assert.same({ 1, 1 }, { report.removed, report.failed })
    assert.equal("failed image 1: the engine reports: device or resource busy",
      actions(report)[1]:gsub(": device", ": the engine reports: device"))
  end)

  it("does not count what another gc has removed in between", function()
    for number = 1, 3 do built("hermes", number, 10 - number) end
    function engine:meanwhile(request)
      if request:find "^DELETE" then table.remove(self.images, 1) self.meanwhile = nil end
    end
    local report = run()
    assert.equal("hermes:2 hermes:3", left())
    assert.same({ 0, 0, 0 }, { report.removed, report.failed, #report.rows })
  end)

  it("leaves a runtime alone that is being built, after --lock-timeout", function()
    for number = 1, 2 do built("hermes", number, 10) built("codex", number + 10, 10) end
    sh.run("mkdir -p " .. cache .. "/locks")
    local _ <close> = assert(io.popen(("flock %s/locks/hermes.lock cat"):format(cache), "w"))
    sh.wait_for(function() return not sh.try(("flock -n %s/locks/hermes.lock true"):format(cache)) end)
    for _, is_dry in ipairs { true, false } do
      local report = run { keep = 0, lock_timeout = 0.05, dry_run = is_dry }
      local seen = table.concat(actions(report), "\n")
      assert.truthy(seen:find("kept image 1: being built\nkept image 2: being built", 1, true), seen)
      assert.equal(2, report.removed)
      assert.equal(0, report.failed)
    end
    assert.equal("hermes:1 hermes:2", left())
  end)

  it("does not free space when it cannot be known how much there is", function()
    built("hermes", 1, 10)
    local ok, failure = pcall(run, { keep = 0, free = 1 })
    assert.is_false(ok)
    assert.equal("failed", failure.kind)
    assert.truthy(failure.message:find("--free: how much space the engine has free is not known", 1, true))
    assert.equal("hermes:1", left())
  end)

  it("prunes the build cache to a size", function()
    engine.cache = 5000
    assert.same({ "removed build_cache -: beyond its bound" }, actions(run { build_cache = 2000 }))
    assert.equal(2000, engine.cache)
  end)
end)

-- Random worlds ------------------------------------------------------------------------------------------------------------

describe("gc in random worlds", function()
  local SEED, COUNT = tonumber(os.getenv "GC_SEED") or 20261126, tonumber(os.getenv "GC_WORLDS") or 200
  local cache

  setup(function() cache = sh.temporary "gc" end)
  teardown(function() sh.remove(cache) end)

  local function run(world, engine)
    local options = {
      engine = engine, cache = cache, known = world.runtimes, keep = world.options.keep, older_than = world.options.older_than,
      pins = world.pins,
    }
    local report
    task.run(function() report = collect.run(options) end)
    return report
  end

  local function filled(world)
    local engine = stock.new()
    for _, image in ipairs(world.images) do
      local added = engine:add { labels = image.labels, created = image.created, tags = {} }
      image.id = added.id
      table.move(image.tags, 1, #image.tags, 1, added.tags)
    end
    for _, container in ipairs(world.containers) do
      table.insert(engine.containers, { name = container.name, image = container.image.id })
    end
    return engine
  end

  it("removes what a model of them says, and nothing else", function()
    local removed = 0
    for number = 1, COUNT do
      local world = worlds.new(SEED, number, { now = os.time() })
      local engine, gone = filled(world), worlds.expected(world)
      local report = run(world, engine)
      for _, image in ipairs(world.images) do
        local what = ("image %d of world %d, GC_SEED=%d"):format(image.number, number, SEED)
        local found = engine:find(image.id)
        assert.equal(not gone[image.number], found ~= nil, what)
        if found then assert.same(image.tags, found.tags, what) end
        removed = removed + (found and 0 or 1)
      end
      assert.equal(0, report.failed)
    end
    assert.truthy(removed > COUNT / 2) -- the worlds are not such that nothing can go
  end)

  it("never removes what another program begins to use, or names, at any moment", function()
    for number = 1, COUNT do
      local world = worlds.new(SEED, number, { now = os.time() })
      local engine, gone = filled(world), worlds.expected(world)
      local saved = {}
      function engine:meanwhile()
        local image = self.images[math.random(#self.images)]
        if math.random(4) > 1 or not image or saved[image.id] then return end
        if math.random(2) == 1 or #image.tags == 0 then
          table.insert(self.containers, { name = "late-" .. #self.containers, image = image.id })
        else
          self:name(image.id, "me/late:" .. #image.tags .. image.id:sub(-8))
        end
        saved[image.id] = table.move(image.tags, 1, #image.tags, 1, {})
      end
      run(world, engine)
      for _, image in ipairs(world.images) do
        local what = ("image %d of world %d, GC_SEED=%d"):format(image.number, number, SEED)
        local found = engine:find(image.id)
        if saved[image.id] or not gone[image.number] then
          assert.truthy(found, what)
          assert.truthy(#found.tags >= #image.tags, what)
        end
      end
    end
  end)
end)
