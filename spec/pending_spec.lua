-- The signed record of an image that replaces another one under its tag: runs that are killed at any point. No key is real here.
local attest = require "molbuild.machine.attest"
local checked = require "molbuild.machine.checked"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"
local ssh_signature = require "molbuild.base.ssh_signature"
local task = require "molbuild.base.task"

-- The primitives by which a record is written.
local WRITERS = { "remove_tree", "write_atomic", "mkdirp", "give" }

describe("an image that replaces another one under its tag", function()
  local dir, job, engine_id, steps, own, verified, builds

  before_each(function()
    dir, steps, own, verified, builds = sh.temporary "pending", {}, {}, 0, 0
    sh.write(dir .. "/key", "a key\n")
    job = {
      cache = dir, runtime = "hermes", tag = "local/x-hermes:0123456789ab", sha = "0123456789ab" .. ("0"):rep(28), branch = "main",
      target_platform = "linux/amd64", repo_url = "https://forge.example/org/t-hermes", labels = {}, build_args = {},
      builder = "buildkit", signing_key = dir .. "/key",
      engine = { image = function() return engine_id and { id = engine_id } end },
      variables = { signing_key = "KEY", attest_signers = "SIGNERS", attested = "ATTESTED" },
    }
    for _, name in ipairs(WRITERS) do steps[name] = core.fs[name] end
    for _, name in ipairs { "sign", "verify", "public_key" } do own[name] = ssh_signature[name] end
    -- luacheck: push ignore 122
    function ssh_signature.sign(document) return "of " .. core.sha256.hex(document) end
    function ssh_signature.public_key() return "ssh-ed25519 AAAA", "AAAA", sh.read(job.signing_key) end
    function ssh_signature.verify(document, signature)
      verified = verified + 1
      return signature == "of " .. core.sha256.hex(document) and "own-key" or nil, "it is not that of the record"
    end
    -- luacheck: pop
  end)
  after_each(function()
    for _, name in ipairs(WRITERS) do core.fs[name] = steps[name] end
    for name, fn in pairs(own) do ssh_signature[name] = fn end
    sh.remove(dir)
  end)

  local function within(fn)
    local results
    task.run(function()
      task.scope().policy = function() return { name = "ensure.lua", sha256 = ("e"):rep(64) } end
      results = table.pack(errors.try(fn))
    end)
    return table.unpack(results, 1, results.n)
  end

  -- Build an image with a signed record, and give it its tag. The process is killed after LAST of the steps that change anything:
  -- whether it has ended by itself.
  local function build(last)
    local count = 0
    local function alive()
      count = count + 1
      if count > last then error("killed", 0) end
    end
    for _, name in ipairs(WRITERS) do
      core.fs[name] = function(...)
        alive()
        return steps[name](...)
      end
    end
    builds = builds + 1
    local made = setmetatable({ image_id = "sha256:" .. ("%064x"):format(builds) }, { __index = job })
    local called, ok, failure = pcall(within, function()
      local open <close> = record.begin(made)
      open:sign()
      alive()
      engine_id = made.image_id
      open:good()
    end)
    for _, name in ipairs(WRITERS) do core.fs[name] = steps[name] end
    assert.is_true(called and ok or count > last, tostring(failure))
    return count <= last
  end

  local function demand()
    job.image_id = engine_id
    return within(function() return checked.before(job) or attest.demand(job) or true end)
  end

  local function broken()
    return select(2, within(function() return attest.broken(attest.links(job, engine_id)) end))
  end

  local function assert_attested(where)
    local link = broken()
    assert.is_nil(link, where .. ": " .. tostring(link and link.reason))
    local ok, failure = demand()
    assert.is_true(ok, where .. ": " .. tostring(failure))
    local before = verified
    assert.is_true(demand())
    assert.equal(before, verified, where)
  end

  -- Each number of steps after which a run can be killed, and whether the image has its tag then.
  local function each_kill(fn)
    local last, is_done = 0, false
    while not is_done do
      assert.is_true(build(math.huge))
      local former = engine_id
      is_done = build(last)
      fn(engine_id ~= former, last)
      last = last + 1
    end
    return last
  end

  it("is attested, or the former one is, at whatever point the run is killed", function()
    local states = {}
    local last = each_kill(function(has_tag, after)
      states[has_tag] = true
      assert_attested(("after %d steps"):format(after))
    end)
    assert.same({ [true] = true, [false] = true }, states)
    assert.is_true(last > 6)
  end)

  it("is attested, or the former one is, when the run before it was killed immediately before or after its tag", function()
    local before
    each_kill(function(has_tag, after) before = has_tag and before or after end)
    for _, first in ipairs { before, before + 1 } do
      local last, is_done = 0, false
      while not is_done do
        assert.is_true(build(math.huge))
        build(first)
        is_done = build(last)
        assert_attested(("after %d and %d steps"):format(first, last))
        last = last + 1
      end
    end
  end)

  it("is attested after a kill on a full disk, too, where its record cannot be put in its place", function()
    local after
    each_kill(function(has_tag, last) after = has_tag and after or last + 1 end)
    assert.is_true(build(math.huge))
    assert.is_false(build(after))
    function core.fs.write_atomic() return nil, "no space left on device", "ENOSPC" end -- luacheck: ignore 122
    assert.is_nil(broken())
    assert.is_true(demand())
    core.fs.write_atomic = steps.write_atomic -- luacheck: ignore 122
    assert_attested "with room again"
  end)

  it("has its record in no file but its own when that is of another image, or is none", function()
    assert.is_true(build(math.huge))
    local path = record.path(dir, "hermes", job.tag) .. ".pending"
    local document = sh.read(record.path(dir, "hermes", job.tag))
    for _, text in ipairs {
      "", "{", ("sha256:%s %s eA==\n"):format(("9"):rep(64), "eA=="), ("%s %s %s\n"):format(engine_id, "!", "!"),
    } do
      sh.write(path, text)
      sh.run { "chmod", "600", path }
      assert.is_nil(broken())
      assert.is_true(demand())
      assert.equal(document, sh.read(record.path(dir, "hermes", job.tag)))
    end
  end)

  it("is not attested by a file beside its record that is not signed, nor by one that another user could have written", function()
    assert.is_true(build(math.huge))
    local path = record.path(dir, "hermes", job.tag)
    local base64 = require "molbuild.base.base64"
    local document, signature = sh.read(path), sh.read(path .. ".sig")
    local former = engine_id
    engine_id = "sha256:" .. ("7"):rep(64)
    local forged = document:gsub(former:match "%x+$", engine_id:match "%x+$")
    for mode, text in pairs { [600] = forged, [666] = document } do
      sh.write(path .. ".pending", ("%s %s %s\n"):format(mode == 600 and engine_id or former, base64.encode(text),
        base64.encode(signature)))
      sh.run { "chmod", tostring(mode), path .. ".pending" }
      assert.is_table(broken())
      assert.is_false(demand())
    end
  end)
end)
