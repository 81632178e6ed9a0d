-- What builds have left in a cache, and what gc removes of it.
local collect = require "molbuild.machine.collect"
local core = require "molbuild.core"
local leftovers = require "molbuild.machine.leftovers"
local log = require "molbuild.base.log"
local sh = require "spec.support.sh"
local stock = require "spec.support.stock"
local task = require "molbuild.base.task"

local A, B = ("a"):rep(12), ("b"):rep(12)
local DAY = 86400

describe("leftovers of builds", function()
  local cache

  before_each(function() cache = sh.temporary "leftovers" end)
  after_each(function() sh.remove(cache) end)

  --- What builds of a runtime leave. FILES names them below its directory; a name that ends in "/" is a directory.
  local function leave(runtime, files)
    for _, name in ipairs(files) do
      local path = ("%s/%s/%s"):format(cache, runtime, name)
      if name:find "/$" then assert(core.fs.mkdirp(path)) else sh.write(path, "12345") end
    end
  end

  local function build(runtime)
    leave(runtime, { A .. "/", A .. "/file", A .. ".log", A .. ".json", A .. "-arm64.json", "order" })
    leave(runtime, { A .. ".json.sig", A .. ".json.checked", A .. ".json.signer", A .. "-arm64.json.sig" })
    leave("repositories", { runtime .. ".git/", runtime .. ".git/HEAD" })
    leave("tmp", { runtime .. ".Xa1b2c/" })
    leave("locks", { runtime .. ".lock" })
  end

  local function kinds(runtime)
    local list = {}
    for _, left in ipairs(leftovers.of(cache, runtime)) do list[#list + 1] = left.kind .. (left.tag and " " .. left.tag or "") end
    table.sort(list)
    return list
  end

  local function gc(engine, more)
    local options = { engine = engine or stock.new(), cache = cache, known = { "hermes" }, keep = 2 }
    for name, value in pairs(more or {}) do options[name] = value end
    local report
    task.run(function() report = collect.run(options) end)
    return report
  end

  local function files()
    return sh.run(("cd %s && find . -mindepth 1 ! -path './locks*' | LC_ALL=C sort"):format(cache))
  end

  it("are trees, logs, records, the order, the repository, unfinished trees", function()
    build "codex"
    leave("codex", { "dev-0123abcd/", A .. "--ci.json", A .. ".json.other", B .. ".txt", "notes", "photos/" })
    assert.same({
      "log " .. A, "order", "record " .. A, "record " .. A .. "--ci", "record " .. A .. "-arm64", "repository",
      "signature " .. A, "signature " .. A, "signature " .. A, "signature " .. A .. "-arm64", "staging", "tree " .. A,
      "tree dev-0123abcd",
    }, kinds "codex")
    assert.equal(5, leftovers.size(("%s/codex/%s.log"):format(cache, A)))
  end)

  it("belong to runtimes that a lock, a repository, or a directory with files of builds alone shows", function()
    build "codex"
    leave("repositories", { "hermes.git/" })
    leave("openclaw", { B .. "/", B .. ".log" })
    leave("photos", { B .. "/", "me.jpg" })
    leave("empty", { "sub/" })
    leave("Upper", { B .. "/" })
    assert.same({ "codex", "hermes", "openclaw" }, leftovers.runtimes(cache))
    assert.same({}, leftovers.runtimes(cache .. "/missing"))
  end)

  it("of runtimes that the policy has stay, those of others go", function()
    build "hermes"
    local before = files()
    build "codex"
    leave("photos", { B .. "/", "me.jpg" })
    local report = gc()
    local expected = before .. ("\n./photos\n./photos/%s\n./photos/me.jpg"):format(B)
    assert.equal(sh.run(("printf '%%s' %s | LC_ALL=C sort"):format(sh.quote(expected))), files())
    local seen = {}
    for _, row in ipairs(report.rows) do
      seen[#seen + 1] = ("%s %s %s %d: %s"):format(row.action, row.kind, row.runtime, row.count, row.reason)
    end
    table.sort(seen)
    assert.same({
      "removed log codex 1: no such runtime any more", "removed order codex 1: no such runtime any more",
      "removed record codex 2: no such runtime any more", "removed repository codex 1: no such runtime any more",
      "removed staging codex 1: no such runtime any more", "removed tree codex 1: no such runtime any more",
    }, seen)
  end)

  it("that are not of builds stay in the directory of a former runtime", function()
    build "codex"
    leave("codex", { "notes" })
    gc()
    assert.equal("./codex\n./codex/notes\n./repositories\n./tmp", files())
  end)

  it("stay in a dry run, and when gc is asked for other runtimes", function()
    build "codex"
    local before = files()
    assert.equal("would_remove", gc(nil, { dry_run = true }).rows[1].action)
    gc(nil, { runtimes = { "hermes" } })
    assert.equal(before, files())
  end)

  local function add(engine, runtime)
    engine:add {
      tags = { ("molecule-local/workspace-template-%s:%s"):format(runtime, A) }, created = os.time(),
      labels = { ["app.molecule.runtime"] = runtime },
    }
  end

  local function old(path, days)
    sh.run(("touch -d '-%d days' %s/%s"):format(days, cache, path))
  end

  it("are records of builds: with their image, or for 30 days", function()
    build "hermes"
    local engine = stock.new()
    add(engine, "hermes")
    leave("hermes", { B .. ".json" })
    for _, tag in ipairs { A, A .. "-arm64" } do old("hermes/" .. tag .. ".json", 40) end
    old("hermes/" .. B .. ".json", 20)
    gc(engine)
    assert.same({ "record " .. A, "record " .. B }, { kinds "hermes"[3], kinds "hermes"[4] })
    gc(engine, { older_than = 10 * DAY })
    assert.is_nil(sh.read(("%s/hermes/%s.json"):format(cache, B)))
    assert.truthy(sh.read(("%s/hermes/%s.json"):format(cache, A)))
  end)

  it("are records of an image that goes", function()
    build "hermes"
    leave("hermes", { A .. ".json.failed" })
    local engine = stock.new()
    add(engine, "hermes")
    gc(engine, { keep = 0 })
    for _, ending in ipairs { "", ".sig", ".checked", ".failed" } do
      assert.is_nil(sh.read(("%s/hermes/%s.json%s"):format(cache, A, ending)))
    end
    assert.truthy(sh.read(("%s/hermes/%s-arm64.json"):format(cache, A)))
    assert.truthy(sh.read(("%s/hermes/%s-arm64.json.sig"):format(cache, A)))
    assert.truthy(sh.read(("%s/hermes/%s.log"):format(cache, A)))
  end)

  it("of a former runtime are kept with the record of an image, and of a pin", function()
    build "codex"
    leave("codex", { B .. ".json" })
    local engine = stock.new()
    add(engine, "codex")
    gc(engine, { pins = { [B .. ("0"):rep(28)] = true } })
    assert.same({ "record " .. A, "record " .. B, "signature " .. A, "signature " .. A, "signature " .. A }, kinds "codex")
  end)

  it("that cannot be removed are a failure, and the rest goes", function()
    build "codex"
    build "openclaw"
    local remove = core.fs.remove_tree
    finally(function() core.fs.remove_tree = remove end)
    core.fs.remove_tree = function(path)
      if path:find "codex/a+$" then return nil, path .. ": Device or resource busy", "EBUSY" end
      return remove(path)
    end
    local report = gc()
    assert.equal(1, report.failed)
    assert.same({ "tree " .. A }, kinds "codex")
    assert.same({}, kinds "openclaw")
  end)

  it("that cannot be read are a warning, and no empty cache", function()
    local list, said, warn = core.fs.list, {}, log.warn_once
    core.fs.list = function() return nil, "cannot read /c: Permission denied", "EACCES" end
    log.warn_once = function(...) said[#said + 1] = string.format(...) end
    local ok = pcall(leftovers.runtimes, "/c")
    local hidden = leftovers.hidden "/c"
    core.fs.list, log.warn_once = list, warn
    assert.is_true(ok)
    assert.equal("cannot read /c: Permission denied", hidden)
    assert.equal("what builds have left is not known: cannot read /c: Permission denied", said[1])
    assert.is_nil(leftovers.hidden "/nowhere/at/all")
  end)
end)
