-- Signatures of commits by SSH keys: real keys, real commits of git, checked by ssh-keygen; and commits that git does not make.
local sh = require "spec.support.sh"
local signing = require "spec.support.signing"

local AT = 1700000000 -- of all commits: 2023-11-14

describe("a commit's signature", function()
  local s, alice, signed, repository

  setup(function()
    s = signing.new()
    alice = s:key "alice"
    s:key "mallory"
    repository = s:repository "main"
    signed = s:commit(repository, { ssh = "alice" })
  end)
  teardown(function() s:close() end)

  -- The verdict about a commit by the lines of a signers' file, and what is written about it.
  local function check(commit, lines, revoked, from)
    local verdict, words = s:check(from or repository, commit, lines, revoked)
    assert.is_nil(sh.read(s.dir .. "/tree.signature/signature"))
    return verdict, words
  end

  local function good(principal, ...)
    local verdict, words = check(...)
    assert.is_nil(words)
    assert.same({ true, principal }, { verdict.good, verdict.principal })
    return verdict
  end

  local function refused(words, commit, ...)
    local verdict, message = check(commit, ...)
    assert.is_false(verdict.good)
    assert.equal(("the commit %s %s"):format(commit:sub(1, 7), words), message)
  end

  local function by(name, format, ...)
    return ("is signed by the SSH key %s, "):format(s:fingerprint(name)) .. format:format(...)
  end

  it("by the key of an allowed signer is good, and names the signer and the key", function()
    local verdict = good("alice@example.org", signed, "alice@example.org " .. alice)
    assert.same({ "ssh", s:fingerprint "alice" }, { verdict.kind, verdict.fingerprint })
    good("alice@example.org", signed, ("# team\r\n\r\nbob@example.org %s\r\nalice@example.org %s a comment\r\n"):format(
      s:public "mallory", alice))
    good("Alice A", signed, ('"Alice A" namespaces="git,file" %s'):format(alice))
  end)

  for name, options in pairs { ecdsa = "-t ecdsa", rsa = "-t rsa -b 2048" } do
    it("is checked for keys of the type " .. name, function()
      local key = s:key(name, options)
      local commit = s:commit(repository, { ssh = name })
      assert.equal(s:fingerprint(name), good("x", commit, "x " .. key).fingerprint)
      refused(by(name, "which FILE does not allow"), commit, "x " .. alice)
    end)
  end

  it("by another key is refused, with the key's fingerprint", function()
    refused(by("alice", "which FILE does not allow"), signed, "x " .. s:public "mallory")
  end)

  it("that is missing is refused", function()
    refused("has no signature", s:commit(repository), "x " .. alice)
  end)

  it("does not come from a signed tag of the commit", function()
    local commit = s:commit(repository)
    sh.run(("git --git-dir=%s -c user.name=s -c user.email=s -c gpg.format=ssh -c user.signingKey=%s/alice tag -s -m t v1 %s")
      :format(repository, s.dir, commit))
    refused("has no signature", commit, "x " .. alice)
    local tag = sh.run(("git --git-dir=%s rev-parse v1"):format(repository))
    refused("has an object that is not one of a commit: it is a tag", tag, "x " .. alice)
  end)

  it("that was good is refused when its key is taken out of the file, and the new key's is good", function()
    local new = s:key "new"
    local later = s:commit(repository, { ssh = "new", parent = signed })
    good("alice", signed, ("alice %s\nalice %s"):format(alice, new))
    good("alice", later, ("alice %s\nalice %s"):format(alice, new))
    refused(by("alice", "which FILE does not allow"), signed, "alice " .. new)
  end)

  describe("is about the commit's time:", function()
    it("a key that has expired since is good", function()
      good("a", signed, ('a valid-before="20240101" %s'):format(alice))
      good("a", signed, ('a valid-after="20230101",valid-before="20240101" %s'):format(alice))
    end)

    it("a key that had expired, or was not yet valid, is refused", function()
      refused(by("alice", "which had expired by the commit's time (FILE)"), signed, ('a valid-before="20230101" %s'):format(alice))
      refused(by("alice", "which was not yet valid by the commit's time (FILE)"), signed,
        ('a valid-after="20240101" %s'):format(alice))
    end)

    it("to the second, in UTC", function()
      good("a", signed, ('a valid-before="20231114221320" %s'):format(alice))
      refused(by("alice", "which had expired by the commit's time (FILE)"), signed,
        ('a valid-before="20231114221319" %s'):format(alice))
    end)

    it("one of the future counts as now", function()
      local commit = s:commit(repository, { ssh = "alice", at = 4000000000 })
      good("a", commit, ('a valid-before="20900101" %s'):format(alice))
      refused(by("alice", "which was not yet valid by the commit's time (FILE)"), commit,
        ('a valid-after="20900101" %s'):format(alice))
    end)

    it("a line that does not allow it does not keep another one from doing so", function()
      good("new", signed, ('old valid-before="20200101" %s\nnew %s'):format(alice, alice))
      good("new", signed, ('old namespaces="file" %s\nnew %s'):format(alice, alice))
    end)
  end)

  it("by a key that may not sign commits is refused", function()
    refused(by("alice", "which is not allowed to sign commits (namespaces) in FILE"), signed,
      ('a namespaces="file" %s'):format(alice))
  end)

  it("that was made for something else is refused", function()
    sh.write(s.dir .. "/text", "tree of what was signed")
    sh.run(("ssh-keygen -q -Y sign -f %s/alice -n file %s/text"):format(s.dir, s.dir))
    local text = s:text(repository, signed)
    local other = sh.read(s.dir .. "/text.sig"):gsub("\n$", ""):gsub("\n", "\n ")
    local forged = s:object(repository,
      (text:gsub("%-%-%-%-%-BEGIN SSH.-END SSH SIGNATURE%-%-%-%-%-", function() return other end)))
    refused(("has a bad signature by the SSH key %s: it was made for \"file\", not for git"):format(s:fingerprint "alice"), forged,
      "a " .. alice)
  end)

  describe("by a certificate", function()
    local authority, commit

    setup(function()
      authority = s:key "authority"
      s:key "carol"
      s:certify("carol", "authority", "-n carol@example.org,dev -V 20230101:20240101 -z 7")
      commit = s:commit(repository, { ssh = "carol-cert.pub" })
    end)

    it("is good for its principals, by the line of its authority", function()
      local verdict = good("carol@example.org", commit, "*@example.org cert-authority " .. authority)
      assert.equal(s:fingerprint "carol", verdict.fingerprint)
    end)

    it("is refused without that line, or for other principals", function()
      refused(by("carol", "which FILE does not allow"), commit, "a " .. alice)
      refused(by("carol", "which FILE does not allow"), commit, "* " .. authority)
      refused(by("carol", "which is a certificate for other principals in FILE"), commit,
        "*@example.com cert-authority " .. authority)
    end)

    it("is refused when it had expired by the commit's time", function()
      local late = s:commit(repository, { ssh = "carol-cert.pub", at = 1720000000 })
      refused(by("carol", "which had expired by the commit's time (FILE)"), late, "* cert-authority " .. authority)
    end)

    it("is refused when the authority, or the certificate's number, is revoked", function()
      refused(by("carol", "which is revoked"), commit, "* cert-authority " .. authority, authority)
      refused(by("carol", "which is revoked"), commit, "* cert-authority " .. authority, s:fingerprint "authority")
      sh.write(s.dir .. "/numbers", "serial: 7\n")
      sh.run(("ssh-keygen -q -k -f %s/krl -s %s/authority.pub %s/numbers"):format(s.dir, s.dir, s.dir))
      refused(by("carol", "which is revoked"), commit, "* cert-authority " .. authority, sh.read(s.dir .. "/krl"))
    end)
  end)

  describe("by a key that is revoked is refused", function()
    local function revoked(list)
      refused(by("alice", "which is revoked"), signed, "a " .. alice, list)
      good("m", s:commit(repository, { ssh = "mallory" }), "m " .. s:public "mallory", list)
    end

    it("whatever the commit's time is, by a list of keys", function()
      revoked(("# lost in March\n%s alice's laptop\n"):format(alice))
    end)

    it("by a list of fingerprints", function()
      revoked(s:fingerprint "alice" .. " lost\n")
    end)

    it("by a key revocation list of OpenSSH", function()
      sh.run(("ssh-keygen -q -k -f %s/krl %s/alice.pub"):format(s.dir, s.dir))
      revoked(sh.read(s.dir .. "/krl"))
    end)

    it("and a list that cannot be read allows none", function()
      assert.has_error(function() check(signed, "a " .. alice, "SSHKRL\n\0 and no more") end)
    end)
  end)

  describe("that is forged is refused:", function()
    local function bad()
      return ("has a bad signature by the SSH key %s: it is not of this commit"):format(s:fingerprint "alice")
    end

    -- A commit with the text of the signed one, changed.
    local function forged(pattern, replacement)
      local text, count = s:text(repository, signed):gsub(pattern, replacement)
      assert.is_true(count > 0)
      return s:object(repository, text)
    end

    it("one of another commit", function()
      local other = s:text(repository, s:commit(repository))
      local header = s:text(repository, signed):match "\n(gpgsig .-\n)\n"
      refused(bad(), s:object(repository, (other:gsub("\n\n", function() return "\n" .. header .. "\n" end, 1))), "a " .. alice)
    end)

    it("another tree, time, author or message", function()
      local tree = s:text(repository, s:commit(repository)):match "^tree %x+"
      for pattern, replacement in pairs {
        ["^tree %x+"] = tree, ["\nauthor spec"] = "\nauthor other", ["> 1700000000 "] = "> 1600000000 ", ["spec\n$"] = "other\n",
      } do
        refused(bad(), forged(pattern, replacement), "a " .. alice)
      end
    end)

    it("a header in the message", function()
      local header = s:text(repository, signed):match "\ngpgsig .-\n\n"
      local text = s:text(repository, s:commit(repository))
      refused("has no signature", s:object(repository, text .. header), "a " .. alice)
    end)

    it("two headers", function()
      local header = s:text(repository, signed):match "\n(gpgsig .-\n)\n"
      refused("has an object that is not one of a commit: it has more than one signature",
        forged("\n\n", function() return "\n" .. header .. "\n" end), "a " .. alice)
    end)

    it("lines that git leaves out of what is signed", function()
      refused("has an object that is not one of a commit: it has a header that is like a signature's",
        forged("\n\n", "\ngpgsig-other x\n\n"), "a " .. alice)
      refused("has an object that is not one of a commit: it does not begin with its tree, its parents, its author and its "
        .. "committer", forged("\nauthor", "\ngpgsig x\nauthor"), "a " .. alice)
    end)

    it("half a signature, and none at all", function()
      local half = "has a bad signature: it is not whole, or by a key of an unknown type"
      refused(half, forged("\n %S+\n %-%-%-%-%-END", "\n -----END"), "a " .. alice)
      refused(half, forged("BEGIN SSH SIGNATURE%-%-%-%-%-\n",
        "BEGIN SSH SIGNATURE-----\n -----BEGIN SSH SIGNATURE-----\n"), "a " .. alice)
      refused("has a signature of an unknown kind, which is not supported: SSH or OpenPGP is needed",
        forged("gpgsig %-%-%-%-%-BEGIN SSH SIGNATURE", "gpgsig x"), "a " .. alice)
      refused("has an X.509 signature, which is not supported: SSH or OpenPGP is needed",
        forged("BEGIN SSH SIGNATURE", "BEGIN SIGNED MESSAGE"), "a " .. alice)
    end)
  end)

  it("of a repository with SHA-256 is good, and is not that of the other format", function()
    local other = s:repository("other", "sha256")
    local commit = s:commit(other, { ssh = "alice" })
    assert.equal(64, #commit)
    good("a", commit, "a " .. alice, nil, other)
    local text = s:text(other, commit)
    local wrong = s:object(other, (text:gsub("\ngpgsig%-sha256 ", "\ngpgsig ")))
    refused("has no signature: it has one for ids of the other format only, which does not count here", wrong,
      "a " .. alice, nil, other)
    refused(("has a bad signature by the SSH key %s: it is not of this commit"):format(s:fingerprint "alice"),
      s:object(other, (text:gsub("spec\n$", "other\n"))), "a " .. alice, nil, other)
    local both = text:gsub("\n\n", "\ngpgsig of another tool\n\n", 1)
    good("a", s:object(other, both), "a " .. alice, nil, other)
  end)

  it("is not decided by replaced objects", function()
    local unsigned = s:commit(repository)
    sh.run(("git --git-dir=%s replace %s %s"):format(repository, unsigned, signed))
    finally(function() sh.run(("git --git-dir=%s replace -d %s"):format(repository, unsigned)) end)
    refused("has no signature", unsigned, "a " .. alice)
  end)

  it("of a large message is good, and of an endless one is refused", function()
    local text = s:text(repository, s:commit(repository))
    refused("has no signature", s:object(repository, text .. ("x"):rep(500000)), "a " .. alice)
    refused("has an object that is not one of a commit: it has more than 1048576 bytes",
      s:object(repository, text .. ("x"):rep(1 << 20)), "a " .. alice)
  end)

  it("of a commit that the repository does not have is an error", function()
    assert.has_error(function() check(("ab"):rep(20), "a " .. alice) end)
  end)

  assert.equal("2023-11-14", os.date("!%Y-%m-%d", AT))
end)
