--- Signatures of commits by SSH keys: what is in one, and whether it is good, by ssh-keygen.
--- https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig
local base64 = require "molbuild.base.base64"
local child = require "molbuild.base.child"
local errors = require "molbuild.base.errors"
local ssh_signature = require "molbuild.base.ssh_signature"
local text = require "molbuild.base.text"

local commit_ssh = {
  --- What a signature of a commit is for.
  NAMESPACE = "git",
}

--- Seconds for one question, and bytes of its answer.
local ANSWER, OUTPUT = 60, 65536

--- How many lines of a signers' file, and how many principals of a line, are tried.
local LINES, PRINCIPALS = 64, 64

local MAGIC, VERSION = "SSHSIG", 1

---@class molbuild.SshKey
---@field plain string  the public key itself, as bytes
---@field authority string?  the key that signed the certificate
---@field from integer?  when the certificate begins to be valid; seconds since 1970
---@field till integer?  when it ends
---@field type string  of the key: "ssh-ed25519"
---@field fingerprint string  "SHA256:..."

---@class molbuild.SshCommitSignature: molbuild.SshKey
---@field key string  the public key, or the certificate
---@field namespace string
---@field armored string  the signature, in the form that ssh-keygen writes

-- What is in a signature ----------------------------------------------------------------------------------------------

-- The parts of a key of each type, behind its name. A certificate has a nonce in front of them, and its own parts behind them.
local PARTS = {
  ["ssh-ed25519"] = 1, ["ssh-rsa"] = 2, ["ssh-dss"] = 4,
  ["ecdsa-sha2-nistp256"] = 2, ["ecdsa-sha2-nistp384"] = 2, ["ecdsa-sha2-nistp521"] = 2,
  ["sk-ssh-ed25519@openssh.com"] = 2, ["sk-ecdsa-sha2-nistp256@openssh.com"] = 3,
}

-- COUNT strings of a blob, from AT on; and what follows them.
local function strings_of(blob, at, count)
  local list = {}
  for index = 1, count do
    list[index], at = string.unpack(">s4", blob, at)
  end
  return list, at
end

-- The certified key, its type, the key of the authority, and the times between which it is valid.
local function of_certificate(blob, name)
  local kind = name:gsub("%-cert%-v01@openssh%.com$", "")
  kind = PARTS[kind] and kind or kind .. "@openssh.com"
  local _, at = strings_of(blob, 1, 2)
  local own, after = strings_of(blob, at, PARTS[kind] or 0)
  local _, _, _, _, from, till, _, _, _, authority = string.unpack(">I8I4s4s4i8i8s4s4s4s4", blob, after)
  local packed = { string.pack(">s4", kind) }
  for _, part in ipairs(own) do packed[#packed + 1] = string.pack(">s4", part) end
  return PARTS[kind] and {
    plain = table.concat(packed), type = kind, authority = authority, from = from, till = till >= 0 and till or math.maxinteger,
  }
end

--- What a public key, or a certificate, is.
---@param blob string
---@return molbuild.SshKey?  nil when it is of no known type
function commit_ssh.key(blob)
  local ok, found = pcall(function()
    local name = string.unpack(">s4", blob)
    if name:find "%-cert%-v01@openssh%.com$" then return of_certificate(blob, name) end
    local _, at = strings_of(blob, 1, 1 + (PARTS[name] or 0))
    return PARTS[name] and at == #blob + 1 and { plain = blob, type = name }
  end)
  if not ok or not found then return nil end
  found.fingerprint = ssh_signature.fingerprint(found.plain)
  return found
end

local function armor(blob)
  local lines = base64.encode(blob):gsub(("."):rep(70), "%0\n")
  return "-----BEGIN SSH SIGNATURE-----\n" .. lines:gsub("\n$", "") .. "\n-----END SSH SIGNATURE-----\n"
end

--- Read an armored signature.
---@param armored string
---@return molbuild.SshCommitSignature?  nil when it is none, or is not whole
function commit_ssh.read(armored)
  local body = armored:match "^%-%-%-%-%-BEGIN SSH SIGNATURE%-%-%-%-%-\n([%w+/=\r\n]*)\n%-%-%-%-%-END SSH SIGNATURE%-%-%-%-%-%s*$"
  local blob = body and base64.decode((body:gsub("%s", "")))
  if not blob or blob:sub(1, #MAGIC) ~= MAGIC then return nil end
  local ok, version, key, namespace, _, _, _, at = pcall(string.unpack, ">I4s4s4s4s4s4", blob, #MAGIC + 1)
  local known = ok and version == VERSION and at == #blob + 1 and commit_ssh.key(key)
  if not known then return nil end
  known.key, known.namespace, known.armored = key, namespace, armor(blob)
  return known
end

-- Asking ssh-keygen ---------------------------------------------------------------------------------------------------

local TOO_OLD = { "unknown option", "illegal option", "invalid option", "Unsupported operation", "Invalid option", "^usage: " }

local function raise_too_old(result)
  for line in result.tail:gmatch "[^\n]+" do
    for _, words in ipairs(TOO_OLD) do
      if line:find(words) then
        errors.raise {
          kind = "missing_tool", message = "ssh-keygen is too old to check the signature of a commit: " .. line,
          hint = "install OpenSSH 8.9 or newer",
        }
      end
    end
  end
end

local function ask(arguments, input)
  local result = ssh_signature.ask(arguments, { input = input, capture = OUTPUT, timeout = ANSWER })
  if result.code ~= 0 then raise_too_old(result) end
  return result
end

local function find_program()
  return child.find("ssh-keygen", "it checks signatures by SSH keys", "install OpenSSH's client programs (openssh-client)")
end

--- Check that the program is there, and not too old.
---@return string path
---@raise missing_tool
function commit_ssh.probe()
  local path = find_program()
  ask { "-Y", "find-principals", "-O", "verify-time=20200101", "-s", "/dev/null", "-f", "/dev/null" }
  return path
end

-- Whether the signature is one of this text, by whatever key.
local function is_good(signature, how, path)
  local result = ask({ "-Y", "check-novalidate", "-n", commit_ssh.NAMESPACE, "-s", path }, how.payload)
  local fingerprint = (result.stdout or ""):match '^Good "git" signature with %S+ key (%S+)\n$'
  if result.code == 0 and fingerprint == signature.fingerprint then return true end
  if result.code ~= 0 and result.stdout == "Could not verify signature.\n" then return false end
  errors.raise { kind = "failed", message = ("ssh-keygen -Y check-novalidate: %s"):format(child.last_words(result)) }
end

--- Whether a key revocation list (KRL) names the key, or the authority of its certificate.
---@raise failed  the list cannot be read: nothing is known to be not revoked
local function is_in_list(signature, how)
  local list = how.write("revoked", how.revoked.list)
  local name = string.unpack(">s4", signature.key)
  local key = how.write("key.pub", ("%s %s\n"):format(name, base64.encode(signature.key)))
  local result = ask { "-Q", "-f", list, key }
  local said = (result.stdout or ""):match ": (%a+)\n$"
  if result.code == 0 and said == "ok" then return false end
  if result.code == 1 and said == "REVOKED" then return true end
  errors.raise { kind = "failed", message = ("ssh-keygen -Q: %s"):format(child.last_words(result)) }
end

local function is_revoked(signature, how)
  local revoked = how.revoked
  if not revoked then return false end
  local authority = signature.authority and ssh_signature.fingerprint(signature.authority)
  return revoked.keys[signature.fingerprint] or authority and revoked.keys[authority]
    or revoked.list and is_in_list(signature, how) or false
end

-- Why a line does not allow a key, by what ssh-keygen prints, in words.
local REASONS = {
  { "key has expired", "expired" }, { "key is not yet valid", "not yet valid" },
  { "not permitted for use in signature namespace", "not allowed to sign commits (namespaces)" },
  { "no valid principals found", "a certificate for other principals" },
}

-- ssh-keygen prints the same about a certificate that has expired as about one for other principals.
local function reason_of(result, signature, time)
  if signature.till and time >= signature.till then return "expired" end
  if signature.from and time < signature.from then return "not yet valid" end
  for _, reason in ipairs(REASONS) do
    if result.tail:find(reason[1], 1, true) then return reason[2] end
  end
end

--- Whether one line allows the key to sign the text, and for which principal.
local function allowed_by(line, signature, how, path)
  local file = how.write("signers", line .. "\n")
  local time = "verify-time=" .. os.date("!%Y%m%d%H%M%S", how.time)
  local found = ask { "-Y", "find-principals", "-s", path, "-f", file, "-O", time }
  if found.code ~= 0 then return nil, reason_of(found, signature, how.time) end
  local reason, count = nil, 0
  for principal in found.stdout:gmatch "[^\n,]+" do -- an older ssh-keygen prints all of a line as one
    count = count + 1
    if count > PRINCIPALS then break end
    local result = ask({
      "-Y", "verify", "-n", commit_ssh.NAMESPACE, "-s", path, "-f", file, "-I", principal, "-O", time,
    }, how.payload)
    if result.code == 0 then return text.shown(principal) end
    reason = reason or reason_of(result, signature, how.time)
  end
  return nil, reason
end

-- The lines that name the key, or the authority of its certificate. Only they can allow it; ssh-keygen decides.
local function lines_about(signature, lines)
  local wanted, list = {}, {}
  for _, key in ipairs { signature.key, signature.plain, signature.authority } do wanted[base64.encode(key)] = true end
  for _, line in ipairs(lines) do
    for word in line:gmatch "%S+" do
      if wanted[word] and #list < LINES then
        list[#list + 1] = line
        break
      end
    end
  end
  return list
end

---@class molbuild.SignatureQuestion
---@field payload string  the text that is signed
---@field time integer  seconds since 1970: when it must have been allowed
---@field dir string  a private directory for files
---@field write fun(name: string, content: string): string  writes a file there; gives its path
---@field allowed molbuild.AllowedSigners
---@field revoked molbuild.RevokedSigners?

---@class molbuild.SignatureVerdict
---@field good boolean
---@field kind "ssh"|"gpg"
---@field fingerprint string?  of the key; nil when a signature does not say it
---@field principal string?  of a good one
---@field why "bad"|"revoked"|"unknown"|"expired"|nil  of another one
---@field words string?  more about it

--- Check a signature.
---@param armored string
---@param how molbuild.SignatureQuestion
---@return molbuild.SignatureVerdict
---@raise missing_tool | timeout | failed | cancelled
function commit_ssh.check(armored, how)
  local signature = commit_ssh.read(armored)
  if not signature then
    return { kind = "ssh", good = false, why = "bad", words = "it is not whole, or by a key of an unknown type" }
  end
  local function no(why, words)
    return { kind = "ssh", good = false, fingerprint = signature.fingerprint, why = why, words = words }
  end
  if signature.namespace ~= commit_ssh.NAMESPACE then
    return no("bad", ("it was made for \"%s\", not for git"):format(text.shown(signature.namespace)))
  end
  find_program()
  local path = how.write("signature", signature.armored)
  if not is_good(signature, how, path) then return no("bad", "it is not of this commit") end
  if is_revoked(signature, how) then return no "revoked" end
  local reason
  for _, line in ipairs(lines_about(signature, how.allowed.lines)) do
    local principal, why = allowed_by(line, signature, how, path)
    if principal then
      return { kind = "ssh", good = true, fingerprint = signature.fingerprint, principal = principal }
    end
    reason = reason or why
  end
  local is_late = reason == "expired" or reason == "not yet valid"
  return no(is_late and "expired" or "unknown", reason)
end

return commit_ssh
