--- Commits that are signed, for specs: keys and repositories in a directory, by real ssh-keygen, gpg and git.
local sh = require "spec.support.sh"
local signatures = require "molbuild.repository.signatures"
local signer_files = require "molbuild.repository.signer_files"
local task = require "molbuild.base.task"

local signing = {}

---@class Signing
---@field dir string
local methods = {}
methods.__index = methods

--- Keys and repositories in a new directory.
---@return Signing
function signing.new()
  return setmetatable({ dir = sh.temporary "signing" }, methods)
end

--- Remove the directory, and end what gpg has started for it.
function methods:close()
  if self.gpg_home then sh.try(("GNUPGHOME=%s gpgconf --kill all"):format(self.gpg_home)) end
  sh.remove(self.dir)
end

--- Make an SSH key, and give its public part as a line of a signers' file has it: "ssh-ed25519 AAAA...".
---@param name string
---@param options string?  of ssh-keygen
function methods:key(name, options)
  sh.run(("ssh-keygen -q %s -N '' -C %s -f %s/%s"):format(options or "-t ed25519", name, self.dir, name))
  return self:public(name)
end

--- The public part of a key.
function methods:public(name)
  return (sh.read(("%s/%s.pub"):format(self.dir, name)):match "^%S+ %S+")
end

--- The fingerprint of a key.
function methods:fingerprint(name)
  return (sh.run(("ssh-keygen -lf %s/%s.pub"):format(self.dir, name)):match "SHA256:%S+")
end

--- Certify a key by another one, with options of ssh-keygen.
function methods:certify(name, authority, options)
  sh.run(("ssh-keygen -q -s %s/%s -I %s %s %s/%s.pub"):format(self.dir, authority, name, options, self.dir, name))
end

--- Make an OpenPGP key, and give its fingerprint. AT: a date of gpg's, such as 20200101T000000, when it is made.
---@param user string
---@param expires string  as `gpg --quick-gen-key` takes it
---@param at string?
function methods:pgp(user, expires, at)
  self.gpg_home = self.dir .. "/g"
  sh.run(("mkdir -p -m 700 %s"):format(self.gpg_home))
  local faked = at and "--faked-system-time " .. at or ""
  self:gpg(("%s --passphrase '' --quick-gen-key '%s' ed25519 sign %s"):format(faked, user, expires))
  return self:gpg(("--with-colons --list-keys '=%s'"):format(user)):match "\nfpr:+(%x+)"
end

--- Run gpg with these keys.
function methods:gpg(words)
  return sh.run(("GNUPGHOME=%s gpg --batch --quiet --no-tty %s 2>%s/gpg.err"):format(self.gpg_home, words, self.dir))
end

--- A file of signers.
---@return molbuild.SignerFile
function methods:file(name, text)
  local path = self.dir .. "/" .. name
  sh.write(path, text)
  sh.run { "chmod", "600", path }
  return signer_files.read(path, "SIGNERS")
end

--- The verdict about a commit by the text of a signers' file, and what is written about one that is not good.
---@param repository string
---@param commit string
---@param lines string
---@param revoked string?  the text of a file of revoked signers
---@return molbuild.SignatureVerdict
---@return string?
function methods:check(repository, commit, lines, revoked)
  local rules = signatures.rules(self:file("signers", lines), revoked and self:file("revoked", revoked))
  local options = { repository = repository, commit = commit, dir = self.dir .. "/tree" }
  local verdict = task.run(function() return signatures.verdict(options, rules) end)
  return verdict, not verdict.good and signatures.words(commit:sub(1, 7), verdict, "FILE") or nil
end

--- A new repository, NAME.git in the directory.
---@param format string?  sha1 when absent
function methods:repository(name, format)
  local path = ("%s/%s.git"):format(self.dir, name)
  sh.run(("git init -q --bare -b main --object-format=%s %s"):format(format or "sha1", path))
  self[name] = path
  return path
end

--- Write TEXT as an object of a repository, with a commit's type when absent.
function methods:object(repository, text, kind)
  sh.write(self.dir .. "/object", text)
  return sh.run(("git --git-dir=%s hash-object --literally -t %s -w %s/object"):format(repository, kind or "commit", self.dir))
end

--- The text of an object.
function methods.text(_, repository, id, kind)
  local pipe <close> = assert(io.popen(("git --git-dir=%s cat-file %s %s"):format(repository, kind or "commit", id)))
  return pipe:read "a"
end

--- Commit a tree with a Dockerfile on main, signed as asked.
---@param repository string
---@param how { ssh: string?, gpg: string?, at: integer?, says: string?, faked: string?, parent: string? }?  ssh: the name of a
---  key, or of its public file; gpg: a user; at: seconds since 1970; faked: gpg's date
---@return string id
function methods:commit(repository, how)
  how = how or {}
  self.count = (self.count or 0) + 1
  local git = ("git --git-dir=%s"):format(repository)
  sh.write(self.dir .. "/Dockerfile", ("FROM scratch\nENV SAYS=%q\n"):format(how.says or self.count))
  local blob = sh.run(("%s hash-object -w %s/Dockerfile"):format(git, self.dir))
  local tree = sh.run(("printf '100644 blob %s\\tDockerfile\\n' | %s mktree"):format(blob, git))
  local settings, sign = "-c gpg.format=ssh", ""
  if how.ssh then sign = ("-S%s/%s"):format(self.dir, how.ssh) end
  if how.gpg then
    sh.write(self.dir .. "/gpg", ("#!/bin/sh\nexec gpg --batch %s \"$@\"\n"):format(
      how.faked and "--faked-system-time " .. how.faked or ""))
    sh.run(("chmod +x %s/gpg"):format(self.dir))
    settings, sign = ("-c gpg.format=openpgp -c gpg.program=%s/gpg"):format(self.dir), ("-S'%s'"):format(how.gpg)
  end
  local at = ("%d +0000"):format(how.at or 1700000000)
  local id = sh.run(([[GNUPGHOME=%s GIT_AUTHOR_DATE="%s" GIT_COMMITTER_DATE="%s" %s -c user.name=spec ]]
    .. [[-c user.email=spec@localhost %s commit-tree %s %s -m spec %s]]):format(self.gpg_home or "/nonexistent", at, at, git,
    settings, sign, how.parent and "-p " .. how.parent or "", tree))
  sh.run(("%s update-ref refs/heads/main %s"):format(git, id))
  return id
end

return signing
