-- What is proven about an image, and attacks on it: signed records, checked by ssh-keygen with keys made here.
local attest = require "molbuild.machine.attest"
local checked = require "molbuild.machine.checked"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local ID, OTHER_ID = "sha256:" .. ("c"):rep(64), "sha256:" .. ("d"):rep(64)
local COMMIT = "0123456789ab" .. ("0"):rep(28)
local POLICY = { name = "ensure.lua", sha256 = ("e"):rep(64) }

describe("an attested image", function()
  local dir, keys, job, policy, started, engine_id
  local run = child.run

  setup(function()
    keys = sh.temporary "keys"
    for _, name in ipairs { "own", "other" } do
      sh.run(("ssh-keygen -q -t ed25519 -N '' -C x -f %s/%s"):format(keys, name))
    end
  end)
  teardown(function() sh.remove(keys) end)

  before_each(function()
    dir, policy, started, engine_id = sh.temporary "attest", POLICY, 0, ID
    job = {
      cache = dir, runtime = "hermes", tag = "local/x-hermes:0123456789ab", sha = COMMIT, branch = "main",
      target_platform = "linux/amd64", repo_url = "https://forge.example/org/t-hermes", image_id = ID, labels = {},
      build_args = {}, builder = "buildkit", signing_key = keys .. "/own",
      engine = { image = function() return engine_id and { id = engine_id } end },
      variables = {
        image_cache = "MOLECULE_IMAGE_CACHE", signing_key = "MOLECULE_SIGNING_KEY", attest_signers = "MOLECULE_ATTEST_SIGNERS",
        attested = "MOLECULE_ATTESTED",
      },
    }
    child.run = function(...)
      started = started + 1
      return run(...)
    end
  end)
  after_each(function()
    child.run = run
    sh.remove(dir)
  end)

  local function within(fn)
    local results
    task.run(function()
      task.scope().policy = function() return policy end
      results = table.pack(fn())
    end)
    return table.unpack(results, 1, results.n)
  end

  --- The record of a build of JOB with FIELDS changed, signed with its key: the path of the record.
  local function build(fields)
    local made = setmetatable(fields or {}, { __index = job })
    within(function()
      local open <close> = record.begin(made)
      open:good()
    end)
    return record.path(dir, made.runtime, made.tag)
  end

  local function demand()
    return within(function()
      if checked.before(job) then return true end
      return errors.try(attest.demand, job)
    end)
  end

  --- The demand fails, because of LINK, for a reason that holds TEXT.
  local function assert_broken(link, words)
    local ok, failure = demand()
    assert.is_false(ok, link)
    assert.equal("auth", failure.kind, failure.message)
    local beginning = ("the image %s is not attested: %s: "):format(job.tag, link)
    assert.equal(beginning, failure.message:sub(1, #beginning), failure.message)
    assert.truthy(failure.message:find(words, 1, true), failure.message)
    assert.truthy(failure.hint:find("--rebuild", 1, true))
  end

  local function signers(...)
    local lines = {}
    for index, name in ipairs { ... } do lines[index] = name .. " " .. sh.read(("%s/%s.pub"):format(keys, name)) end
    sh.write(dir .. "/signers", table.concat(lines))
    job.attest_signers = dir .. "/signers"
  end

  it("is one whose record is signed by this machine's key, or by one of a list", function()
    local path = build()
    assert.equal(384, core.fs.lstat(path .. ".sig").mode)
    assert.is_true(demand())
    signers("other", "own")
    job.signing_key = nil
    assert.is_true(demand())
    local links = within(function() return attest.links(job, ID) end)
    assert.is_nil(attest.broken(links))
    local by_name = {}
    for _, link in ipairs(links) do by_name[link.link] = link.what end
    assert.truthy(by_name.signature:find "^own SHA256:%S+$", by_name.signature)
    assert.same({ ID, COMMIT, "ensure.lua " .. POLICY.sha256, "hermes" },
      { by_name.image, by_name.commit, by_name.policy, by_name.runtime })
  end)

  it("is checked by no program again while nothing has changed, and again when anything has", function()
    local path = build()
    assert.is_true(demand())
    local function count()
      local before = started
      return demand(), started - before
    end
    assert.same({ true, 0 }, { count() })
    for _, change in ipairs {
      function() signers "own" end,
      function() signers("own", "other") end,
      function() os.remove(path .. ".checked") end,
      function() sh.write(path .. ".checked", ("0"):rep(64)) end,
      function() sh.run(("chmod 644 %s.checked"):format(path)) end, -- another user could have written it
      function() build { image_id = ID, builder = "classic" } end,
    } do
      change()
      local ok, programs = count()
      assert.is_true(ok)
      assert.is_true(programs > 0)
      assert.same({ true, 0 }, { count() })
    end
  end)

  it("is not another image under its tag, nor one made from it", function()
    build()
    assert.is_true(demand())
    job.image_id, engine_id = OTHER_ID, OTHER_ID
    assert_broken("image", "the record is that of the image " .. ID)
    job.image_id, engine_id = nil, nil
    assert_broken("image", "the engine has no image " .. job.tag)
  end)

  it("has no record that was edited, by a byte or with a form of the same meaning", function()
    local path = build()
    assert.is_true(demand())
    local good = sh.read(path)
    for _, edited in ipairs { (good:gsub('"buildkit"', '"classic"')), good .. "\n", (good:gsub('^{', "{ ")), good:sub(1, -2) } do
      assert.not_equal(good, edited)
      sh.write(path, edited)
      assert_broken("signature", "the signature is not one of these bytes")
    end
    sh.write(path, good)
    assert.is_true(demand())
  end)

  it("does not have the signed record of another image, commit, runtime, repository, platform or policy", function()
    for link, fields in pairs {
      image = { image_id = OTHER_ID }, commit = { sha = ("f"):rep(40) }, runtime = { runtime = "codex" },
      repository = { repo_url = "https://forge.example/evil/t-hermes" }, platform = { target_platform = "linux/arm64" },
    } do
      local path = build(fields)
      if rawget(fields, "runtime") then sh.run(("mkdir -p %s/hermes && cp -p %s %s.sig %s/hermes"):format(dir, path, path, dir)) end
      assert_broken(link, "the record is that of")
    end
    policy = { name = "fork.lua", sha256 = ("1"):rep(64) }
    build()
    policy = POLICY
    assert_broken("policy", "the record is that of another policy")
  end)

  it("is not proven by an older record of the same commit, but is when the older image is there, too", function()
    local path = build { image_id = OTHER_ID }
    sh.run(("cp -p %s %s/old && cp -p %s.sig %s/old.sig"):format(path, dir, path, dir))
    build()
    assert.is_true(demand())
    sh.run(("cp -p %s/old %s && cp -p %s/old.sig %s.sig"):format(dir, path, dir, path))
    assert_broken("image", "the record is that of the image " .. OTHER_ID)
    job.image_id, engine_id = OTHER_ID, OTHER_ID
    assert.is_true(demand())
  end)

  it("is none any more when its key is taken out of the list, whatever was checked before", function()
    build()
    signers("own", "other")
    assert.is_true(demand())
    signers "other"
    assert_broken("signature", "no allowed key: it was signed by ssh-ed25519 SHA256:")
    sh.write(job.attest_signers, "")
    assert_broken("signature", "no allowed key")
    job.attest_signers, job.signing_key = nil, nil
    assert_broken("signature", "no key is known whose signature counts: set MOLECULE_ATTEST_SIGNERS or MOLECULE_SIGNING_KEY")
    job.signing_key = keys .. "/other"
    assert_broken("signature", "(the key of MOLECULE_SIGNING_KEY)")
  end)

  it("is not signed for another namespace, nor by what is no signature, is large, or is a link", function()
    local path = build()
    local good = sh.read(path .. ".sig")
    sh.run(("ssh-keygen -q -Y sign -n git -f %s/own <%s >%s.sig"):format(keys, path, path))
    assert_broken("signature", 'the signature is one for "git", not for "molbuild"')
    local empty = "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"
    for _, content in ipairs { "", "hello", good .. good, (" "):rep(60 * 1024), empty } do
      sh.write(path .. ".sig", content)
      assert_broken("signature", "it is no signature of ssh-keygen's")
    end
    sh.write(path .. ".sig", good .. ("\n"):rep(record.SIGNATURE_MAX))
    assert_broken("signature", "larger")
    sh.write(path .. ".sig", good)
    assert.is_true(demand())
    sh.run(("chmod 604 %s.sig"):format(path))
    assert_broken("signature", "other users may use it")
    sh.run(("rm %s.sig && mkfifo %s.sig"):format(path, path))
    assert_broken("signature", path .. ".sig")
    sh.run(("rm %s.sig"):format(path))
    assert_broken("signature", "the record is not signed")
  end)

  it("has no record or signature behind a link", function()
    local path = build()
    for _, ending in ipairs { ".sig", "" } do
      sh.run(("mv %s%s %s/real%s && ln -s %s/real%s %s%s"):format(path, ending, dir, ending, dir, ending, path, ending))
      assert_broken(ending == "" and "record" or "signature", path .. ending)
      sh.run(("mv %s/real%s %s%s"):format(dir, ending, path, ending))
    end
    assert.is_true(demand())
    sh.run(("rm %s"):format(path))
    assert_broken("record", "there is no record of the image")
    sh.write(path, "{}")
    sh.run("chmod 600 " .. path)
    assert_broken("record", "is not that of a record")
  end)

  it("is judged by the bytes that were read, although its files are replaced meanwhile", function()
    local path = build()
    local good, signature = sh.read(path), sh.read(path .. ".sig")
    child.run = function(...) -- while the program runs, the files are others
      sh.write(path, "{}")
      sh.write(path .. ".sig", "evil")
      return run(...)
    end
    assert.is_true(demand())
    child.run = run
    assert_broken("record", "")
    -- The other way round: what was bad when it was read does not become good.
    sh.write(path, good .. " ")
    sh.write(path .. ".sig", signature)
    sh.run(("chmod 600 %s %s.sig"):format(path, path))
    child.run = function(...)
      sh.write(path, good)
      return run(...)
    end
    local broken = within(function() return attest.broken(attest.links(job, ID)) end)
    assert.same({ "signature", "the signature is not one of these bytes (the key of MOLECULE_SIGNING_KEY)" },
      { broken.link, broken.reason })
  end)

  it("is looked at again when a running build has ended: that replaces the image and the record one after the other", function()
    build()
    local cache, acquired = require "molbuild.repository.cache", 0
    local lock = cache.lock
    finally(function() cache.lock = lock end)
    cache.lock = function()
      acquired = acquired + 1
      local open <close> = record.begin(setmetatable({ image_id = OTHER_ID }, { __index = job })) -- the process that held the lock
      open:good()
      engine_id = OTHER_ID
      return setmetatable({}, { __close = function() end })
    end
    job.image_id = OTHER_ID -- the image has its tag, and its record is not there yet
    assert.is_true(demand())
    assert.same({ 1, OTHER_ID }, { acquired, job.image_id })
    assert.is_true(demand())
    assert.equal(1, acquired)
  end)

  it("can be that of a working tree", function()
    job.working_tree, job.repo_url, job.sha = "/srv/t", "file:///srv/t", ("0123456789abcdef"):rep(4)
    build()
    assert.is_true(demand())
    job.sha = ("f"):rep(64)
    assert_broken("commit", "the record is that of the commit")
  end)

  it("is none that failed", function()
    pcall(within, function()
      local _ <close> = record.begin(job)
      errors.raise { kind = "build", message = "step 2" }
    end)
    local path = record.path(dir, "hermes", job.tag)
    assert.is_nil(core.fs.lstat(path .. ".sig"))
    sh.run(("ssh-keygen -q -Y sign -n molbuild -f %s/own <%s >%s.sig && chmod 600 %s.sig"):format(keys, path, path, path))
    assert_broken("record", "it is that of a build that failed")
  end)

  it("needs a list of signers that no other user can change", function()
    build()
    signers "own"
    for mode, allowed in pairs { [640] = true, [644] = true, [664] = false, [646] = false } do
      sh.run(("chmod %d %s"):format(mode, job.attest_signers))
      local ok, failure = demand()
      assert.equal(allowed, ok, mode)
      if not ok then
        assert.equal("usage", failure.kind)
        assert.truthy(failure.message:find("MOLECULE_ATTEST_SIGNERS: ", 1, true), failure.message)
      end
    end
    job.attest_signers = dir .. "/none"
    assert.equal("usage", select(2, demand()).kind)
  end)

  it("is not in registry mode", function()
    job.registry = "registry.example"
    local ok, failure = demand()
    assert.same({ false, "usage" }, { ok, failure.kind })
  end)

  it("is not made where it could not be signed, or where its signature would not count: before the build", function()
    job.attested, job.signing_key = true, nil
    local _, failure = within(function() return errors.try(record.begin, job) end)
    local words = "hermes is not built: attested images alone are allowed, and this one could not be: "
    assert.same({ "auth", words .. "MOLECULE_SIGNING_KEY is not set" }, { failure.kind, failure.message })
    signers "other"
    job.signing_key = keys .. "/own"
    _, failure = within(function() return errors.try(record.begin, job) end)
    assert.equal("auth", failure.kind)
    assert.truthy(failure.message:find("no allowed key", 1, true), failure.message)
    job.attested = false
    assert.is_true(within(function() return errors.try(record.begin, job) end))
    job.signing_key = keys .. "/none"
    _, failure = within(function() return errors.try(record.begin, job) end)
    assert.equal("usage", failure.kind)
  end)

  it("has a check of doctor: the program, the key, and whose signatures count", function()
    local doctor_lines, check = require "spec.support.doctor_lines", require "molbuild.machine.doctor_signing"
    local function lines()
      return within(function()
        return (doctor_lines.of(function(report) report:try("signing", check.check, report, job) end))
      end)
    end
    assert.is_true(check.is_asked(job))
    assert.same({
      "ok signing: signatures count by the key of MOLECULE_SIGNING_KEY",
      ("ok signing: %s/own signs the records of builds"):format(keys),
    }, lines())
    signers "other"
    job.attested = true
    assert.truthy(lines()[2]:find("^failure signing: hermes is not built: .*no allowed key"), lines()[2])
    job.signing_key = keys .. "/none"
    assert.truthy(lines()[2]:find("^failure signing: MOLECULE_SIGNING_KEY: "), lines()[2])
    job.signing_key, job.attest_signers = nil, nil
    assert.same({ "failure signing: no image is attested: no key is known whose signature counts" }, lines())
    job.attested = nil
    assert.is_false(check.is_asked(job))
    local find = core.process.find
    finally(function() core.process.find = find end)
    core.process.find = function() return nil end
    assert.same({ 'failure signing: "ssh-keygen" not found on PATH' }, lines())
  end)

  it("leaves no file of a check, also where the system has no files in memory", function()
    local memory_file = core.fs.memory_file
    finally(function() core.fs.memory_file = memory_file end)
    core.fs.memory_file = function() return nil, "Function not implemented", "ENOSYS" end
    build()
    assert.is_true(demand())
    job.image_id, engine_id = OTHER_ID, OTHER_ID
    assert_broken("image", "the record is that of the image")
    assert.same({ "0123456789ab.json", "0123456789ab.json.checked", "0123456789ab.json.sig" }, core.fs.list(dir .. "/hermes"))
    core.fs.memory_file = function() return nil, "Too many open files", "EMFILE" end
    os.remove(dir .. "/hermes/0123456789ab.json.checked")
    local ok, failure = demand()
    assert.same({ false, "failed" }, { ok, failure.kind })
  end)
end)
