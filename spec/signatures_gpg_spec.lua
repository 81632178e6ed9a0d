-- Signatures of commits by OpenPGP keys: real keys, of several times, checked by gpgv.
local commit_pgp = require "molbuild.repository.commit_pgp"
local sh = require "spec.support.sh"
local signing = require "spec.support.signing"

local AT, FAKED = 1583020800, "20200301T000000" -- the same time, when the old keys were valid

describe("a commit's OpenPGP signature", function()
  local s, repository, alice, old, signed, by_old, keys

  -- The keys that gpg exports, armored.
  local function export(users) return s:gpg("--armor --export " .. users) .. "\n" end

  setup(function()
    s = signing.new()
    repository = s:repository "main"
    old, alice = s:pgp("Old <old@x>", "1y", "20200101T000000"), s:pgp("Alice <alice@x>", "never", "20200101T000000")
    s:key "ssh"
    by_old = s:commit(repository, { gpg = "old@x", at = AT, faked = FAKED })
    signed = s:commit(repository, { gpg = "alice@x", at = AT, faked = FAKED })
    keys = export "old@x alice@x"
  end)
  teardown(function() s:close() end)

  local function check(commit, text, revoked, from)
    return s:check(from or repository, commit, text, revoked)
  end

  local function good(principal, fingerprint, ...)
    local verdict, words = check(...)
    assert.is_nil(words)
    assert.same({ true, "gpg", principal, fingerprint }, { verdict.good, verdict.kind, verdict.principal, verdict.fingerprint })
  end

  local function refused(words, commit, ...)
    local verdict, message = check(commit, ...)
    assert.is_false(verdict.good)
    assert.equal(("the commit %s %s"):format(commit:sub(1, 7), words), message)
  end

  it("by a key of the keyring is good, and names its user and the key", function()
    good("Alice <alice@x>", alice, signed, keys)
  end)

  it("is checked by a binary keyring, and by keys among the lines of SSH signers", function()
    s:gpg(("--export alice@x > %s/ring"):format(s.dir))
    good("Alice <alice@x>", alice, signed, sh.read(s.dir .. "/ring"))
    good("Alice <alice@x>", alice, signed, sh.read(s.gpg_home .. "/pubring.kbx"))
    local mixed = ("# SSH\na %s\n\n# OpenPGP\n%s%sb %s\n"):format(s:public "ssh", export "old@x", export "alice@x", s:public "ssh")
    good("Alice <alice@x>", alice, signed, (mixed:gsub("\n", "\r\n")))
    assert.equal("a", check(s:commit(repository, { ssh = "ssh" }), mixed).principal)
  end)

  it("by a key that the file does not have is refused, with the key", function()
    refused(("is signed by the OpenPGP key %s, which FILE does not have"):format(alice), signed, export "old@x")
    refused(("is signed by the OpenPGP key %s, which FILE does not have"):format(alice), signed, "a " .. s:public "ssh")
  end)

  it("by an SSH key is refused where the file has OpenPGP keys only", function()
    refused(("is signed by the SSH key %s, which FILE does not allow"):format(s:fingerprint "ssh"),
      s:commit(repository, { ssh = "ssh" }), keys)
  end)

  it("is about the commit's time: a key that has expired since is good, and one that had expired is not", function()
    good("Old <old@x>", old, by_old, keys)
    local text = s:text(repository, by_old)
    local payload = text:gsub("gpgsig .-\n\n", "\n", 1):gsub("> %d+ ", "> 1700000000 ")
    sh.write(s.dir .. "/payload", payload)
    local armored = s:gpg(("--faked-system-time %s -u old@x --armor --detach-sign -o - %s/payload"):format(FAKED, s.dir))
    local header = "\ngpgsig " .. armored:gsub("\n", "\n ") .. "\n\n"
    local late = s:object(repository, (payload:gsub("\n\n", function() return header end, 1)))
    refused(("is signed by the OpenPGP key %s, which had expired by the commit's time (FILE)"):format(old), late, keys)
  end)

  it("by a key that is revoked is refused, whatever the commit's time is: in the keyring, or by a list", function()
    local revoked = ("is signed by the OpenPGP key %s, which is revoked"):format(alice)
    refused(revoked, signed, keys, alice:lower() .. "\n")
    refused(revoked, signed, export "old@x", "# lost\n" .. alice .. " alice\n")
    sh.run(("sed 's/^:---/---/' %s/openpgp-revocs.d/%s.rev >%s/revocation"):format(s.gpg_home, alice, s.dir))
    s:gpg(("--import %s/revocation"):format(s.dir))
    refused(revoked, signed, export "alice@x")
  end)

  it("that is forged is refused", function()
    local text = s:text(repository, by_old)
    local bad = ("has a bad signature by the OpenPGP key %s: it is not of this commit"):format(old:sub(-16))
    refused(bad, s:object(repository, (text:gsub("spec\n$", "other\n"))), keys)
    local other, header = s:text(repository, s:commit(repository)), text:match "\n(gpgsig .-\n)\n"
    refused(bad, s:object(repository, (other:gsub("\n\n", function() return "\n" .. header .. "\n" end, 1))), keys)
  end)

  it("is one packet: neither two signatures nor a signed message of its own", function()
    sh.write(s.dir .. "/text", "text")
    local message = s:gpg(("--faked-system-time %s -u old@x --armor --sign -o - %s/text"):format(FAKED, s.dir))
    local one = s:gpg(("--faked-system-time %s -u old@x --armor --detach-sign -o - %s/text"):format(FAKED, s.dir))
    assert.is_string(commit_pgp.read(one .. "\n"))
    local two = commit_pgp.read(one):rep(2)
    local base64 = require "molbuild.base.base64"
    for _, armored in ipairs {
      (message:gsub("PGP MESSAGE", "PGP SIGNATURE")), (one:gsub("\n%S+\n=%S+\n%-%-%-%-%-END", "\n-----END")), one .. "\n" .. one,
      ("-----BEGIN PGP SIGNATURE-----\n\n%s\n-----END PGP SIGNATURE-----\n"):format(base64.encode(two)), message, "",
    } do
      assert.is_nil(commit_pgp.read(armored))
    end
    local text = s:text(repository, by_old)
    local forged = text:gsub("gpgsig .-\n\n", function() return "gpgsig " .. message:gsub("\n", "\n ") .. "\n\n" end, 1)
    refused("has a bad signature: it is not one whole signature", s:object(repository, forged), keys)
  end)

  it("of a repository with SHA-256 is good", function()
    local other = s:repository("other", "sha256")
    local commit = s:commit(other, { gpg = "old@x", at = AT, faked = FAKED })
    good("Old <old@x>", old, commit, keys, nil, other)
  end)

  it("leaves no agent and no file behind", function()
    check(by_old, keys)
    assert.equal("", sh.run(("ls -A %s | grep tree || :"):format(s.dir)))
  end)
end)
