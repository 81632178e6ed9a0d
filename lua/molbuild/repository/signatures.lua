--- Whether a commit is signed by one of the allowed signers. The commit's object is read from the kept repository; what is signed,
--- and by which key, is decided by ssh-keygen and gpgv, with no configuration of the user's or of the repository's.
local commit = require "molbuild.repository.commit"
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local signer_files = require "molbuild.repository.signer_files"
local commit_ssh = require "molbuild.repository.commit_ssh"
local text = require "molbuild.base.text"

local signatures = {}

local OPENPGP = "^%-%-%-%-%-BEGIN PGP %u+%-%-%-%-%-"

-- What checks a signature, by how its text begins.
local function checker_of(armored)
  if armored:find "^%-%-%-%-%-BEGIN SSH SIGNATURE%-%-%-%-%-" then
    return commit_ssh.check
  elseif armored:find(OPENPGP) then
    return require("molbuild.repository.commit_pgp").check
  end
end

-- The verdict about an object that is signed in no way that is known.
local function unsigned(found, why)
  if not found then return { good = false, why = "damaged", words = why } end
  local words = found.other and "it has one for ids of the other format only, which does not count here" or nil
  return { good = false, why = "unsigned", words = words }
end

-- The time for which a key must be allowed: when the commit was made. One that claims to be of the future is of now.
local function time_of(found)
  return math.min(found.time, math.floor(core.sys.now()))
end

--- A private directory for the files of a check, which is removed.
local function checked(directory, found, check, how)
  local dir = directory .. ".signature"
  local function remove() core.fs.remove_tree(dir) end
  remove()
  errors.must(core.fs.mkdirp(dir, 448))
  local _ <close> = defer(remove)
  local function write(name, content)
    errors.must(core.fs.write_atomic(dir .. "/" .. name, content, 384))
    return dir .. "/" .. name
  end
  return check(found.signature, {
    payload = found.payload, time = time_of(found), dir = dir, write = write, allowed = how.allowed, revoked = how.revoked,
  })
end

---@class molbuild.SignatureRules
---@field allowed molbuild.AllowedSigners
---@field revoked molbuild.RevokedSigners?

--- Check who signed a commit that a repository holds.
---@param options molbuild.TreeOptions  with the repository, the commit, and `dir`: beside it is room for files
---@param rules molbuild.SignatureRules
---@return molbuild.SignatureVerdict  also with `why`: "unsigned", "damaged" (no commit's object), "foreign" (of another kind)
---@raise missing_tool | timeout | failed | cancelled
function signatures.verdict(options, rules)
  local found, why = commit.read(options)
  if not found or not found.signature then return unsigned(found, why) end
  local check = checker_of(found.signature)
  if check then return checked(options.dir, found, check, rules) end
  local is_x509 = found.signature:find "^%-%-%-%-%-BEGIN SIGNED MESSAGE%-%-%-%-%-"
  return { good = false, why = "foreign", words = is_x509 and "an X.509 signature" or "a signature of an unknown kind" }
end

--- The rules of two files.
---@param allowed molbuild.SignerFile
---@param revoked molbuild.SignerFile?
---@return molbuild.SignatureRules
---@raise usage
function signatures.rules(allowed, revoked)
  return {
    allowed = signer_files.allowed(allowed),
    revoked = revoked and signer_files.revoked(revoked, function(key)
      local known = commit_ssh.key(key)
      return known and known.fingerprint
    end),
  }
end

-- Words ---------------------------------------------------------------------------------------------------------------

local UNKNOWN = {
  ssh = "which %s does not allow", gpg = "which %s does not have",
}

-- What is wrong, by the verdict's reason, as the end of a sentence about the commit.
local WORDS = {
  damaged = function(verdict) return ("has an object that is not one of a commit: it %s"):format(verdict.words) end,
  unsigned = function(verdict) return "has no signature" .. (verdict.words and ": " .. verdict.words or "") end,
  foreign = function(verdict) return ("has %s, which is not supported: SSH or OpenPGP is needed"):format(verdict.words) end,
  bad = function(verdict, key) return ("has a bad signature%s: %s"):format(key and " by " .. key or "", verdict.words) end,
  revoked = function(_, key) return ("is signed by %s, which is revoked"):format(key) end,
  unknown = function(verdict, key, path)
    local words = verdict.words and (", which is %s in %s"):format(verdict.words, path)
    return ("is signed by %s%s"):format(key, words or ", " .. UNKNOWN[verdict.kind]:format(path))
  end,
  expired = function(verdict, key, path)
    local expired = verdict.words == "not yet valid" and "was not yet valid" or "had expired"
    return ("is signed by %s, which %s by the commit's time (%s)"):format(key, expired, path)
  end,
}

--- Why a commit is refused, in one line.
---@param id string
---@param verdict molbuild.SignatureVerdict
---@param path string  the file of allowed signers
---@return string
function signatures.words(id, verdict, path)
  local key = verdict.fingerprint and ("the %s key %s"):format(verdict.kind == "ssh" and "SSH" or "OpenPGP",
    text.shown(verdict.fingerprint))
  return ("the commit %s %s"):format(id, WORDS[verdict.why](verdict, key, path))
end

return signatures
