-- Images of signed commits: what a run checks, what it remembers, and what it does without one. With real git, from a directory.
local cache = require "molbuild.repository.cache"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local failures = require "molbuild.machine.failures"
local git = require "molbuild.repository.git"
local log = require "molbuild.base.log"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"
local signers = require "molbuild.machine.signers"
local signing = require "spec.support.signing"
local task = require "molbuild.base.task"

local IMAGE = "sha256:" .. ("a1"):rep(32)

describe("an image", function()
  local s, repository, alice, signed, unsigned, job, programs, warnings
  local run, warn, find = child.run, log.warn_once, core.process.find

  setup(function()
    s = signing.new()
    alice, repository = s:key "alice", s:repository "main"
    sh.run(("git --git-dir=%s config uploadpack.allowFilter true"):format(repository))
    sh.run(("git --git-dir=%s config uploadpack.allowAnySHA1InWant true"):format(repository))
    signed = s:commit(repository, { ssh = "alice" })
    unsigned = s:commit(repository, { parent = signed })
  end)
  teardown(function() s:close() end)

  local function write(name, text)
    sh.write(s.dir .. "/" .. name, text)
    sh.run(("chmod 600 %s/%s"):format(s.dir, name))
  end

  before_each(function()
    sh.run(("rm -rf %s/cache %s/revoked"):format(s.dir, s.dir))
    write("signers", "alice " .. alice .. "\n")
    job = {
      runtime = "hermes", cache = s.dir .. "/cache", repo_url = "file://" .. repository, branch = "main", sha = signed,
      tag = "local/hermes:" .. signed:sub(1, 12), image_id = IMAGE, target_platform = "linux/amd64", build_args = {}, labels = {},
      allowed_signers = s.dir .. "/signers", signers_mode = "enforce", max_files = 100, max_bytes = 1 << 24, failed_retry = 600,
      variables = {
        allowed_signers = "SIGNERS", revoked_signers = "REVOKED", signers_mode = "MODE", registry = "REGISTRY",
      },
      engine = { command = "docker", builder = function() return "classic" end, image = function() return { id = IMAGE } end },
    }
    programs, warnings = {}, {}
    function child.run(options) -- luacheck: ignore 122
      programs[#programs + 1] = options.argv[1]
      return run(options)
    end
    function log.warn_once(...) warnings[#warnings + 1] = string.format(...) end -- luacheck: ignore 122
  end)
  after_each(function()
    child.run, log.warn_once, core.process.find = run, warn, find -- luacheck: ignore 122
  end)

  local function lock() return cache.lock(job.cache, job.runtime, {}) end

  -- What vouching for it gives: nothing, or the failure. PROGRAMS then has what it started.
  local function vouch(found)
    programs = {}
    job.image_id = job.image_id or IMAGE
    local ok, failure = pcall(task.run, function() signers.vouch(job, lock, found ~= false) end)
    return not ok and failure or nil
  end

  local function refused(words)
    local failure = vouch()
    assert.is_table(failure)
    assert.same({ "signature", 5 }, { failure.kind, errors.exit_code(failure) }, failure.message)
    assert.equal(words, failure.message)
  end

  local UNKNOWN
  local function unknown()
    UNKNOWN = UNKNOWN or ("the commit %s is signed by the SSH key %s, which %s/signers does not allow"):format(signed,
      s:fingerprint "alice", s.dir)
    return UNKNOWN
  end

  local function verdict_file() return ("%s/hermes/%s.json.signer"):format(job.cache, job.sha:sub(1, 12)) end

  describe("that was there before", function()
    it("is checked once: the verdict is kept for later runs", function()
      assert.is_nil(vouch())
      assert.same({ "alice", s:fingerprint "alice", "ssh" }, { job.signer.principal, job.signer.fingerprint, job.signer.kind })
      assert.truthy(#programs > 0)
      local stat = core.fs.lstat(verdict_file())
      assert.equal(384, stat.mode)
      assert.is_nil(vouch())
      assert.same({}, programs)
      assert.equal("alice", job.signer.principal)
      assert.equal("", sh.run(("ls %s/tmp"):format(job.cache)))
    end)

    it("is checked again, and refused, when its key is taken out of the file", function()
      assert.is_nil(vouch())
      write("signers", "bob " .. s:key "bob" .. "\n")
      refused(unknown())
      refused(unknown())
      write("signers", "alice " .. alice .. "\n")
      assert.is_nil(vouch())
    end)

    it("is checked again, and refused, when its key is revoked", function()
      assert.is_nil(vouch())
      write("revoked", "# none\n")
      job.revoked_signers = s.dir .. "/revoked"
      assert.is_nil(vouch())
      assert.is_nil(vouch())
      assert.same({}, programs)
      write("revoked", s:fingerprint "alice" .. "\n")
      refused(("the commit %s is signed by the SSH key %s, which is revoked"):format(signed, s:fingerprint "alice"))
    end)

    it("is checked again when the verdict is about another image, another commit, or could be another user's", function()
      assert.is_nil(vouch())
      local kept = sh.read(verdict_file())
      for _, change in ipairs {
        function() job.image_id = "sha256:" .. ("b2"):rep(32) end,
        function() sh.write(verdict_file(), (kept:gsub(signed, unsigned))) end,
        function() sh.run(("chmod 622 %s"):format(verdict_file())) end,
        function() sh.write(verdict_file(), "{") end,
        function() sh.write(verdict_file(), (kept:gsub("principal", "Principal"))) end,
        function() sh.run(("rm %s && ln -s %s/other %s"):format(verdict_file(), s.dir, verdict_file())) end,
      } do
        change()
        assert.is_nil(vouch())
        assert.truthy(#programs > 0)
        sh.run(("rm -f %s"):format(verdict_file()))
        sh.write(verdict_file(), kept)
        sh.run(("chmod 600 %s"):format(verdict_file()))
        job.image_id = IMAGE
      end
    end)

    it("of an unsigned commit is refused", function()
      job.sha, job.tag = unsigned, "local/hermes:" .. unsigned:sub(1, 12)
      refused(("the commit %s has no signature"):format(unsigned))
      assert.is_nil(core.fs.lstat(verdict_file()))
    end)

    it("is refused when the file of signers is gone", function()
      assert.is_nil(vouch())
      os.remove(job.allowed_signers)
      local failure = vouch()
      assert.same({ "usage", ("SIGNERS: %s: No such file or directory"):format(job.allowed_signers) },
        { failure.kind, failure.message })
    end)

    -- As a build does: the repository is kept.
    local function fetch(commit)
      task.run(function()
        return cache.fill(job.cache, "hermes", job.cache .. "/hermes/tree", function(tree, kept)
          return git.tree {
            repository = kept, dir = tree, url = job.repo_url, commit = commit, branch = "main", files = 100, bytes = 1 << 20,
            on_branch = false,
          }
        end)
      end)
    end

    it("is checked offline only when the repository is kept", function()
      job.offline = true
      local failure = vouch()
      assert.same({ "remote", ("offline: the commit %s is not kept on this machine"):format(signed) },
        { failure.kind, failure.message })
      job.offline = false
      fetch(signed)
      job.offline = true
      assert.is_nil(vouch())
    end)

    it("is checked offline in a repository that was fetched for a later commit, while that has the former ones", function()
      fetch(signed)
      fetch(unsigned)
      job.offline = true
      assert.is_nil(vouch())
      job.sha = ("ab"):rep(20)
      assert.equal("remote", vouch().kind)
    end)

    it("of a commit that the server does not have is refused", function()
      job.sha = ("ab"):rep(20)
      assert.equal("not_found", vouch().kind)
    end)

    it("is not looked at when the engine does not have it", function()
      assert.is_nil(vouch(false))
      assert.same({}, programs)
    end)

    it("is not an image of a working tree", function()
      job.working_tree = "/srv/t"
      refused "--dir: /srv/t is no commit, and has no signature (SIGNERS)"
      assert.equal("signature", vouch(false).kind)
      job.signers_mode = "warn"
      assert.is_nil(vouch(false))
      assert.same({ "--dir: /srv/t is no commit, and has no signature (SIGNERS) (MODE=warn)" }, warnings)
    end)

    it("cannot be checked without ssh-keygen", function()
      function core.process.find(name) return name ~= "ssh-keygen" and find(name) or nil end -- luacheck: ignore 122
      local failure = vouch()
      assert.same({ "missing_tool", 3, '"ssh-keygen" not found on PATH: it checks signatures by SSH keys' },
        { failure.kind, errors.exit_code(failure), failure.message })
    end)
  end)

  describe("with the mode that warns", function()
    before_each(function() job.signers_mode = "warn" end)

    it("is used whatever its signature is, with one warning in each run, and is checked once", function()
      write("signers", "bob " .. s:key "warned" .. "\n")
      assert.is_nil(vouch())
      assert.is_nil(vouch())
      assert.same({}, programs)
      assert.same({ unknown() .. " (MODE=warn)", unknown() .. " (MODE=warn)" }, warnings)
      job.signers_mode = "enforce"
      refused(unknown())
    end)

    it("is used when it cannot be checked", function()
      job.offline = true
      assert.is_nil(vouch())
      assert.equal(1, #warnings)
      assert.truthy(warnings[1]:find("is not checked: offline: ", 1, true))
    end)

    it("is not used when the file is wrong", function()
      write("signers", "")
      assert.equal("usage", vouch().kind)
    end)
  end)

  describe("that is built", function()
    local function tree(commit)
      job.sha = commit
      programs = {}
      local ok, result = pcall(task.run, function()
        return cache.fill(job.cache, "hermes", job.cache .. "/hermes/tree", function(dir, kept)
          return git.tree {
            repository = kept, dir = dir, url = job.repo_url, commit = commit, branch = "main", files = 100, bytes = 1 << 20,
            on_branch = false, verify = signers.check(job),
          }
        end)
      end)
      return ok, result
    end

    it("is of a signed commit, and its record says whose", function()
      assert.is_true(tree(signed))
      assert.truthy(sh.read(job.cache .. "/hermes/tree/Dockerfile"))
      signers.demand(job, tree)
      task.run(function()
        local open <close> = record.begin(job)
        open:good()
      end)
      signers.keep(job)
      local signer = record.read(record.path(job.cache, "hermes", job.tag)).signer
      assert.same({ "alice", s:fingerprint "alice", "ssh", core.sha256.file(job.allowed_signers) },
        { signer.principal, signer.fingerprint, signer.kind, signer.signers_sha256 })
      assert.is_nil(vouch())
      assert.same({}, programs)
    end)

    it("is not built from another commit, of which no file is written, and which is not fetched again", function()
      for _ = 1, 2 do
        local ok, failure = tree(unsigned)
        assert.is_false(ok)
        assert.same({ "signature", ("the commit %s has no signature"):format(unsigned) }, { failure.kind, failure.message })
        assert.equal("", sh.run(("ls %s/tmp"):format(job.cache)))
        assert.is_nil(core.fs.lstat(job.cache .. "/hermes/tree"))
      end
      assert.same({ "git" }, programs)
    end)

    it("is not built again for some time after a refusal, unless who may sign has changed", function()
      write("signers", "bob " .. s:key "remembered" .. "\n")
      local _, failure = tree(signed)
      pcall(function()
        local _ <close> = record.begin(job)
        error(failure, 0)
      end)
      local found = failures.recall(job)
      assert.same({ "signature", unknown() }, { found.kind, found.message })
      assert.is_true(failures.is_refused(job))
      local function is_forgotten()
        assert.is_nil(failures.recall(job))
        assert.is_false(failures.is_refused(job))
      end
      job.signers_mode = "warn"
      is_forgotten()
      job.signers_mode = "enforce"
      write("signers", "alice " .. alice .. "\n")
      is_forgotten()
      job.allowed_signers = nil
      is_forgotten()
    end)

    it("is not built when a fork's own clone has checked nothing", function()
      local ok, failure = pcall(signers.demand, job, function() end)
      assert.is_false(ok)
      assert.equal("bug", failure.kind)
      assert.truthy(failure.message:find "signers_spec.lua:%d+: clone has not checked the signature of the commit$")
    end)
  end)

  it("of registry mode has no commit: the setting is refused, or ignored with a warning", function()
    job.registry = "registry.example/team"
    local ok, failure = pcall(signers.expect_commit, job)
    assert.same({ false, "usage", "SIGNERS cannot be checked in registry mode (REGISTRY): no commit is built" },
      { ok, failure.kind, failure.message })
    job.signers_mode = "warn"
    signers.expect_commit(job)
    job.registry, job.allowed_signers, job.revoked_signers = nil, nil, "/revoked"
    ok, failure = pcall(signers.expect_commit, job)
    assert.same({ false, "usage", "REVOKED has no effect without SIGNERS" }, { ok, failure.kind, failure.message })
  end)
end)
