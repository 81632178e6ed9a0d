-- Who signed the commit of an image, by whole runs: with a private forge, a real engine, and real keys.
local core = require "molbuild.core"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"
local signing = require "spec.support.signing"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes"

describe("an image of a signed commit", function()
  local w, s, env, first

  local function signers(...)
    local lines = {}
    for index, name in ipairs { ... } do lines[index] = ("%s@example.org %s"):format(name, s:public(name)) end
    sh.write(w.dir .. "/signers", "# team\n" .. table.concat(lines, "\n") .. "\n")
    sh.run(("chmod 600 %s/signers"):format(w.dir))
  end

  -- A commit of the template by the key NAME, or by none.
  local function commit(says, name)
    local setup = name and ("git config commit.gpgSign true; git config gpg.format ssh; git config user.signingKey %s/%s")
      :format(s.dir, name) or "git config commit.gpgSign false"
    return w:commit("private", "hermes", world.template_files(says), "main", setup)
  end

  setup(function()
    w, s = world.new(), signing.new()
    s:key "alice"
    s:key "bob"
    signers "alice"
    first = commit("one", "alice")
    env = {
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-", MOLECULE_GITEA_TOKEN = w.token,
      MOLECULE_ALLOWED_SIGNERS = w.dir .. "/signers",
    }
  end)
  teardown(function()
    world.remove_images()
    s:close()
    w:close()
  end)

  local function run(more, verb, ...)
    local all = {}
    for _, from in ipairs { env, more or {} } do
      for name, value in pairs(from) do all[name] = value end
    end
    return w:run({ verb or "run", "ensure.lua", "hermes", ... }, all)
  end

  local function tag(sha) return ("%s:%s"):format(NAME, sha:sub(1, 12)) end

  local function gives(sha, done)
    assert.equal(0, done.status, done.stderr)
    assert.equal(tag(sha) .. "\n", done.stdout)
    return done.stderr
  end

  local function refused(words, done)
    assert.same({ 5, "" }, { done.status, done.stdout }, done.stderr)
    assert.truthy(done.stderr:find(words, 1, true), done.stderr)
  end

  local function unknown(sha, name)
    return ("the commit %s is signed by the SSH key %s, which %s/signers does not allow"):format(sha, s:fingerprint(name), w.dir)
  end

  it("is built, found, checked again when who may sign changes, and refused when its signer may not", function()
    gives(first, run())
    assert.is_nil(gives(first, run()):find "signature")
    signers("alice", "bob")
    gives(first, run())
    signers "bob"
    refused(unknown(first, "alice"), run())
    assert.equal(0, run({ MOLECULE_SIGNERS_MODE = "warn" }).status)
    refused(unknown(first, "alice"), run({ MOLECULE_OFFLINE = "1" }))
    refused(unknown(first, "alice"), run({}, "run", "--commit=" .. first))
    signers "alice"
    gives(first, run({ MOLECULE_OFFLINE = "1" }))
    assert.truthy(core.fs.lstat(("%s/hermes/%s.json.signer"):format(w.cache, first:sub(1, 12))))
    local plan = run({}, "plan")
    assert.truthy(plan.stdout:find "hit", plan.stdout .. plan.stderr)
  end)

  it("that another cache has built is checked without a build", function()
    gives(first, run())
    local cache = { MOLECULE_LOCAL_BUILD_CACHE = w.dir .. "/cache.other" }
    local plan = run(cache, "plan")
    assert.truthy(plan.stdout:find("the signature of its commit is", 1, true), plan.stdout)
    gives(first, run(cache))
    assert.is_nil(core.fs.lstat(("%s/cache.other/hermes/%s"):format(w.dir, first:sub(1, 12))))
    local other = run(cache, "plan")
    assert.is_nil(other.stdout:find("the signature of its commit is", 1, true), other.stdout)
  end)

  -- Settings and variables that would make another git, ssh-keygen or gpg accept anything.
  local function hostile()
    sh.write(w.home .. "/.gitconfig", ([=[
[gpg]
  format = ssh
  program = /bin/true
[gpg "ssh"]
  program = /bin/true
  allowedSignersFile = %s/all
  defaultKeyCommand = /bin/true
[core]
  useReplaceRefs = true
]=]):format(w.dir))
    sh.write(w.home .. "/.gnupg/gpg.conf", "trust-model always\nkeyserver-options auto-key-retrieve\n")
    env.GNUPGHOME, env.GIT_CONFIG_COUNT, env.GIT_CONFIG_KEY_0 = w.home .. "/.gnupg", "1", "gpg.ssh.program"
    env.GIT_CONFIG_VALUE_0, env.TZ = "/bin/true", "XXX-20"
  end

  it("is refused in each of its own words when the forge moves the branch, whatever settings and variables there are", function()
    gives(first, run())
    hostile()
    local unsigned = commit("two")
    refused(("the commit %s has no signature"):format(unsigned), run())
    assert.is_nil(core.fs.lstat(("%s/hermes/%s"):format(w.cache, unsigned:sub(1, 12))))
    local by_bob = commit("three", "bob")
    refused(unknown(by_bob, "bob"), run())
    sh.write(w.dir .. "/revoked", s:fingerprint "bob" .. " lost\n")
    signers("alice", "bob")
    refused(("is signed by the SSH key %s, which is revoked"):format(s:fingerprint "bob"),
      run { MOLECULE_REVOKED_SIGNERS = w.dir .. "/revoked" })
    local again = commit("four", "alice")
    gives(again, run())
    local result = w:run({ "run", "--output=json", "ensure.lua", "hermes" }, env)
    assert.is_true(schema.check("results", result.stdout))
  end)

  it("is what a working tree and registry mode cannot have, and a wrong setting is refused", function()
    sh.write(w.dir .. "/tree/Dockerfile", "FROM scratch\n")
    refused("is no commit, and has no signature", run({}, "run", "--dir=" .. w.dir .. "/tree"))
    for words, more in pairs {
      ["cannot be checked in registry mode (MOLECULE_IMAGE_REGISTRY)"] = { MOLECULE_IMAGE_REGISTRY = "registry.example/team" },
      ["/gone: No such file or directory"] = { MOLECULE_ALLOWED_SIGNERS = "/gone" },
      ['MOLECULE_SIGNERS_MODE must be enforce or warn, not "off"'] = { MOLECULE_SIGNERS_MODE = "off" },
      ["MOLECULE_REVOKED_SIGNERS has no effect without MOLECULE_ALLOWED_SIGNERS"] = {
        MOLECULE_REVOKED_SIGNERS = w.dir .. "/revoked", MOLECULE_ALLOWED_SIGNERS = "",
      },
    } do
      local done = run(more)
      assert.same({ 2, "" }, { done.status, done.stdout }, done.stderr)
      assert.truthy(done.stderr:find(words, 1, true), done.stderr)
    end
    local doctor = run({}, "doctor")
    assert.truthy(doctor.stdout:gsub("%s+", " "):find("signers " .. w.dir, 1, true), doctor.stdout)
  end)
end)
