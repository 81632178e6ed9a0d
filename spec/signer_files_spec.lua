-- The files of allowed and of revoked signers: whose they must be, and what is in them.
local base64 = require "molbuild.base.base64"
local core = require "molbuild.core"
local signer_files = require "molbuild.repository.signer_files"
local sh = require "spec.support.sh"
local commit_ssh = require "molbuild.repository.commit_ssh"

local KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPt2e3Gko/ISQ201DH321yYeFK7EHxSo8TFoIU9MQTVt"
local FINGERPRINT = "SHA256:wbCf7GGIjTH0PYQmGIPihN4cqoIlgvea7j1LMXW1mrA"
local PGP = ("0123456789ABCDEF"):rep(3):sub(1, 40)

describe("a file of signers", function()
  local dir, path, lstat

  before_each(function()
    dir, lstat = sh.temporary "signers", core.fs.lstat
    path = dir .. "/signers"
  end)
  after_each(function()
    core.fs.lstat = lstat
    sh.remove(dir)
  end)

  local function write(text, mode)
    sh.write(path, text)
    sh.run(("chmod %s %s"):format(mode or "600", path))
  end

  local function refused(words, fn, ...)
    local ok, failure = pcall(fn, ...)
    assert.is_false(ok)
    assert.same({ "usage", words }, { failure.kind, failure.message })
  end

  local function read() return signer_files.read(path, "SIGNERS") end

  describe("is read", function()
    it("with the digest of its bytes", function()
      write("a " .. KEY .. "\r\n")
      assert.same({ core.sha256.hex("a " .. KEY .. "\r\n"), "a " .. KEY .. "\r\n" }, { read().sha256, read().bytes })
    end)

    it("through a link", function()
      write("a " .. KEY)
      sh.run(("ln -s signers %s/link"):format(dir))
      assert.equal("a " .. KEY, signer_files.read(dir .. "/link", "SIGNERS").bytes)
    end)
  end)

  describe("is refused with one line", function()
    it("when it is missing, or its link leads nowhere", function()
      refused(("SIGNERS: %s: No such file or directory"):format(path), read)
      sh.run(("ln -s gone %s"):format(path))
      refused(("SIGNERS: %s: No such file or directory"):format(path), read)
    end)

    it("when it is no regular file", function()
      sh.run(("mkdir %s"):format(path))
      refused(("SIGNERS: %s: it is not a regular file, but a directory"):format(path), read)
      sh.run(("rmdir %s && mkfifo %s"):format(path, path))
      refused(("SIGNERS: %s: it is not a regular file, but a fifo"):format(path), read)
    end)

    it("when other users can write to it, or replace it", function()
      for _, mode in ipairs { "620", "602", "666" } do
        write("a " .. KEY, mode)
        refused(("SIGNERS: %s: other users may write to it: chmod go-w %s"):format(path, path), read)
      end
      write("a " .. KEY)
      sh.run(("chmod 777 %s"):format(dir))
      refused(("SIGNERS: %s: all users may write to the directory %s, and could replace it"):format(path, dir), read)
      sh.run(("chmod 1777 %s"):format(dir))
      assert.is_table(read())
    end)

    it("when it belongs to another user", function()
      write("a " .. KEY)
      core.fs.lstat = function(name)
        local stat = lstat(name)
        return name == path and setmetatable({ uid = core.sys.uid() + 4711 }, { __index = stat }) or stat
      end
      refused(("SIGNERS: %s: it belongs to another user (%d), who could change it"):format(path, core.sys.uid() + 4711), read)
    end)

    it("when it is too large", function()
      write(("#"):rep(signer_files.MAX + 1))
      refused(("SIGNERS: %s: it has more than %d bytes"):format(path, signer_files.MAX), read)
    end)
  end)

  local function allowed(text)
    return signer_files.allowed { bytes = text, where = "SIGNERS" }
  end

  local BLOCK = ("-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\n%s\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"):format(
    base64.encode("\x98\x33" .. ("k"):rep(50)))

  describe("of allowed signers", function()
    it("has lines, without comments, blank ones and marks of editors", function()
      assert.same({ lines = { "a " .. KEY, 'b namespaces="git" ' .. KEY .. " laptop" }, keyring = "" },
        allowed("\xEF\xBB\xBF# team\r\n\r\na " .. KEY .. '\r\n  # x\n\n  b namespaces="git" ' .. KEY .. " laptop  "))
    end)

    it("has the keys of armored blocks among its lines, or is a keyring", function()
      local key = "\x98\x33" .. ("k"):rep(50)
      assert.same({ lines = { "a " .. KEY, "b " .. KEY }, keyring = key:rep(2) },
        allowed("a " .. KEY .. "\n" .. BLOCK .. "b " .. KEY .. "\n" .. BLOCK:gsub("\n", "\r\n")))
      assert.same({ lines = {}, keyring = key }, allowed(key))
      assert.same({ lines = {}, keyring = "\0\0\0\x20\1\1\0\2KBXf more" }, allowed "\0\0\0\x20\1\1\0\2KBXf more")
    end)

    for text, words in pairs {
      [""] = "it names no signer", ["# empty\n\n"] = "it names no signer",
      ["a x\n"] = 'line 1 names no public key: PRINCIPALS [OPTIONS] TYPE KEY is needed, not "a x"',
      ["\n" .. KEY .. " me\n"] = "line 2 names no principal in front of the key: that is a list of keys, not of signers",
      ["\xFF\xFEa\0"] = "it is UTF-16 text: save it as UTF-8", ["a\0b\n"] = "it has a zero byte: it is no text",
      ["#\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"] = "the block of line 2 has no end",
      ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"] = "the block of line 1 holds no key",
      ["-----BEGIN OPENSSH PRIVATE KEY-----\n"] = "line 1 names no public key: PRINCIPALS [OPTIONS] TYPE KEY is needed, not "
        .. '"-----BEGIN OPENSSH PRIVATE KEY-----"',
    } do
      it(("is refused: %q"):format(text:sub(1, 30)), function()
        refused("SIGNERS: " .. words, allowed, text)
      end)
    end
  end)

  local function revoked(text)
    return signer_files.revoked({ bytes = text, where = "REVOKED" }, function(key)
      local known = commit_ssh.key(key)
      return known and known.fingerprint
    end)
  end

  describe("of revoked ones", function()
    it("has fingerprints, and those of keys", function()
      assert.same({ keys = { [FINGERPRINT] = true, [PGP] = true } },
        revoked(("# lost\n%s laptop\n\n%s bob\n"):format(KEY, PGP:lower())))
      assert.same({ keys = { [FINGERPRINT] = true } }, revoked(FINGERPRINT))
      assert.same({ keys = {} }, revoked "# none yet\n")
    end)

    it("is a key revocation list as a whole", function()
      assert.same({ keys = {}, list = "SSHKRL\n\0x" }, revoked "SSHKRL\n\0x")
    end)

    for _, line in ipairs {
      "SHA256:short", FINGERPRINT .. "x", "MD5:00:11", PGP .. "0", "alice@example.org", "ssh-ed25519 AAAA", "@revoked *",
    } do
      it(("is refused, since nothing would be revoked by %q"):format(line), function()
        refused(('REVOKED: line 2 is no public key and no fingerprint: "%s"'):format(line), revoked, "#\n" .. line .. "\n")
      end)
    end
  end)
end)
