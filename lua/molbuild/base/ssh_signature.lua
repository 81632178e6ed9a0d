--- Signatures of OpenSSH, made and checked by ssh-keygen -Y: PROTOCOL.sshsig of OpenSSH. No configuration of anybody's is read, and
--- nothing prompts.
local base64 = require "molbuild.base.base64"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local ssh_signature = {
  --- The most bytes of a signature, of a list of signers, and of a key.
  MAX = 64 * 1024, SIGNERS_MAX = 1024 * 1024, KEY_MAX = 64 * 1024,
  --- Seconds for one signature: an agent may have to ask its user, and a key may wait for a touch.
  TIMEOUT = 30,
}

local PROGRAM = "ssh-keygen"

-- A passphrase is asked for by a program that gives none. Without it ssh-keygen would take the first line of its stdin for one.
local SIGNING = { LC_ALL = "C", TZ = "UTC0", DISPLAY = ":", SSH_ASKPASS = "/bin/false", SSH_ASKPASS_REQUIRE = "force" }

local OUTPUT_MAX = 1024 * 1024

local function run(arguments, more)
  more.argv, more.silent = { PROGRAM, table.unpack(arguments) }, true
  more.capture, more.timeout = more.capture or OUTPUT_MAX, more.timeout or ssh_signature.TIMEOUT
  return child.run(more)
end

--- Ask ssh-keygen about keys and signatures. Nothing of the user's decides what it says: it has no agent, no other library, and its
--- times are those of UTC.
---@param arguments string[]
---@param more { input: string?, keep: table?, capture: integer?, timeout: number? }
---@return molbuild.core.ProcessResult
---@raise timeout | missing_tool | failed | cancelled
function ssh_signature.ask(arguments, more)
  return run(arguments, {
    env = { LC_ALL = "C", TZ = "UTC0" }, unset = { "SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_SK_*", "SSH_PKCS11_*", "OPENSSL_CONF" },
    input = more.input, keep = more.keep, capture = more.capture, timeout = more.timeout,
  })
end

-- Texts of the form that keys and signatures are made of ------------------------------------------------------------------

-- The text that begins at a place, and the place behind it. Its length comes first, in four bytes.
local function field(blob, at)
  local ok, value, behind = pcall(string.unpack, ">s4", blob, at)
  if ok then return value, behind end
end

--- The fingerprint of a public key, as OpenSSH shows it: "SHA256:...".
---@param blob string  the key in binary form
---@return string
function ssh_signature.fingerprint(blob)
  local digest = core.sha256.hex(blob):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  return "SHA256:" .. base64.encode(digest):gsub("=+$", "")
end

-- "ssh-ed25519 AAAA...", as in a list of signers; nil where the blob is no key.
local function public_text(blob)
  local kind = field(blob, 1)
  return kind and kind:find "^[%w@.-]+$" and #kind <= 100 and kind .. " " .. base64.encode(blob) or nil
end

-- The content of a PEM block that is the whole text; nil where the text is another one.
local function block(document, name)
  local inner = document:match("^%-%-%-%-%-BEGIN " .. name .. "%-%-%-%-%-\r?\n(.-)%-%-%-%-%-END " .. name .. "%-%-%-%-%-%s*$")
  return inner and base64.decode((inner:gsub("%s", "")))
end

---@class molbuild.SshSignature
---@field key string  the public key, as in a list of signers
---@field fingerprint string
---@field namespace string

--- What a signature says of itself. Nothing of it is checked.
---@param armored string
---@return molbuild.SshSignature?
---@return string? message  why it is no signature
function ssh_signature.parse(armored)
  local blob = #armored <= ssh_signature.MAX and block(armored, "SSH SIGNATURE")
  if not blob or blob:sub(1, 10) ~= "SSHSIG\0\0\0\1" then return nil, "it is no signature of ssh-keygen's" end
  local key, behind = field(blob, 11)
  local namespace = key and field(blob, behind)
  local public = key and public_text(key)
  if not namespace or not public then return nil, "it is no signature of ssh-keygen's" end
  return { key = public, fingerprint = ssh_signature.fingerprint(key), namespace = namespace }
end

-- Keys --------------------------------------------------------------------------------------------------------------------

local OTHERS = 63 -- octal 077

local function refuse(where, path, fault, hint)
  errors.raise { kind = "usage", message = ("%s: %s %s"):format(where, path, fault), hint = hint }
end

local function read_key(path, where)
  local content, message, code = core.fs.read(path, ssh_signature.KEY_MAX)
  if not content then
    errors.raise { kind = errors.hint(code) and "failed" or "usage", message = ("%s: %s"):format(where, message) }
  end
  return content
end

-- As ssh does: a private key that others can read is not used.
local function check_mode(path, where)
  local stat = core.fs.lstat(core.fs.realpath(path) or path)
  if stat and stat.mode & OTHERS ~= 0 then
    refuse(where, path, ("can be read by other users (mode %03o)"):format(stat.mode), "chmod 600 " .. path)
  end
end

-- The public key of a private one in OpenSSH's form, where it is not encrypted.
local function public_of_private(content)
  local blob = block(content, "OPENSSH PRIVATE KEY")
  if not blob or blob:sub(1, 15) ~= "openssh-key-v1\0" then return nil end
  local at = 16
  for _ = 1, 3 do _, at = field(blob, at) if not at then return nil end end
  local key = field(blob, at + 4)
  return key and public_text(key)
end

local function public_line(content)
  local kind, data = content:match "^([%w@.-]+) +([%w+/]+=?=?)%f[%s\0]"
  local blob = data and base64.decode(data)
  return blob and field(blob, 1) == kind and kind .. " " .. data or nil
end

--- The public half of a key: of a file with a private key, or with a public one.
---@param path string
---@param where string  the setting that names the file, for messages
---@return string key  as in a list of signers
---@return boolean is_private  whether the file has the private half
---@return string content  of the file
---@raise usage | failed
function ssh_signature.public_key(path, where)
  local content = read_key(path, where)
  local public = public_line(content)
  if public then return public, false, content end
  if content:find "^%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY" then
    check_mode(path, where)
    public = public_of_private(content)
    local beside = not public and core.fs.read(path .. ".pub", ssh_signature.KEY_MAX)
    public = public or beside and public_line(beside)
    if public then return public, true, content end
    refuse(where, path, ("is not in OpenSSH's form, and there is no %s.pub"):format(path), "ssh-keygen -p -f " .. path)
  end
  refuse(where, path, "is no key of OpenSSH's", "make one: ssh-keygen -t ed25519 -f FILE")
end

-- Signing -----------------------------------------------------------------------------------------------------------------

-- Why ssh-keygen did not sign, and what to do.
local function why_not(result, key)
  local said = result.tail
  if said:find("incorrect passphrase", 1, true) or said:find("Enter passphrase", 1, true) then
    return ("%s has a passphrase, and no agent gives the key"):format(key), ("ssh-add %s, and set SSH_AUTH_SOCK"):format(key)
  elseif said:find("No private key found", 1, true) or said:find("not a private key", 1, true) then
    return ("%s is a public key, and no agent gives its private half"):format(key),
      "ssh-add the private key, and set SSH_AUTH_SOCK; or name the file of the private key"
  end
  return ("%s: %s -Y sign: %s"):format(key, PROGRAM, text.shown(child.last_words(result)))
end

--- Sign a text.
---@param data string
---@param options { key: string, namespace: string, where: string, timeout: number? }  key: a file with a private key, or with a
---  public one whose private half an agent has; where: the setting that names it; timeout in seconds, TIMEOUT when absent
---@return string armored
---@raise usage  the key cannot be used
---@raise timeout | missing_tool | failed | cancelled
function ssh_signature.sign(data, options)
  local key, where = options.key, options.where
  ssh_signature.public_key(key, where)
  local ok, result = errors.try(run, { "-Y", "sign", "-q", "-n", options.namespace, "-f", key },
    { env = SIGNING, input = data, timeout = options.timeout })
  if not ok then
    if errors.is(result, "timeout") then
      result.message = ("%s: %s did not sign within %g s: an agent, or a key that waits for a touch, gives no answer"):format(
        where, key, options.timeout or ssh_signature.TIMEOUT)
    end
    error(result, 0)
  elseif result.code ~= 0 or not ssh_signature.parse(result.stdout) then
    local message, hint = why_not(result, key)
    errors.raise { kind = "usage", message = ("%s: %s"):format(where, message), hint = hint }
  end
  return result.stdout
end

-- Checking ----------------------------------------------------------------------------------------------------------------

-- A file in a private directory, for systems without files in memory.
local function file_on_disk(data)
  local dir = errors.must(core.fs.mkdtemp(env.get("TMPDIR", "/tmp") .. "/molbuild."))
  local file = setmetatable({ path = function() return dir .. "/file" end },
    { __close = function() core.fs.remove_tree(dir) end })
  local ok, message, code = core.fs.write_atomic(file.path(), data, 384)
  if not ok then
    core.fs.remove_tree(dir)
    errors.must(ok, message, code)
  end
  return file
end

-- A file for one check: what was read is what is checked, whatever happens to its file meanwhile. And the list `keep` for a child.
local function file_of(data)
  local file, message, code = core.fs.memory_file(data)
  if not file and code == "ENOSYS" then return file_on_disk(data), {} end
  return errors.must(file, message, code), { file }
end

-- Keys whose time is limited are checked as of the time of what was signed.
local function time_option(signers, time)
  if not time or not signers:find("valid-", 1, true) then return nil end
  return "-Overify-time=" .. os.date("!%Y%m%d%H%M%S", time)
end

-- Why a signature that no principal answers for is not good.
local function reason_of(signature, namespace, path, more)
  local is_of_data = ssh_signature.ask({ "-Y", "check-novalidate", "-n", namespace, "-s", path }, more).code == 0
  if not is_of_data then return "the signature is not one of these bytes" end
  return ("no allowed key: it was signed by %s %s"):format(signature.key:match "^%S+", signature.fingerprint)
end

--- Check a signature of a text.
---@param data string
---@param armored string
---@param options { signers: string, namespace: string, time: integer? }  signers: the text of a list of allowed signers
---  (ssh-keygen(1)); time: when it was signed, in seconds since 1970, for keys whose time is limited
---@return string? principal  nil when it is not good
---@return string why_or_fingerprint  why it is not good, in one line; else the key's fingerprint
---@raise timeout | missing_tool | failed | cancelled
function ssh_signature.verify(data, armored, options)
  local signature, message = ssh_signature.parse(armored)
  if not signature then return nil, message end
  local namespace = options.namespace
  if signature.namespace ~= namespace then
    return nil, ('the signature is one for "%s", not for "%s"'):format(text.shown(signature.namespace), namespace)
  end
  local file <close>, keep = file_of(armored)
  local signers <close>, more = file_of(options.signers)
  table.move(more, 1, #more, #keep + 1, keep)
  local time = time_option(options.signers, options.time)
  local found = ssh_signature.ask({ "-Y", "find-principals", "-s", file:path(), "-f", signers:path(), time }, { keep = keep })
  for principal in (found.code == 0 and found.stdout or ""):gmatch "[^\n,]+" do
    local arguments = { "-Y", "verify", "-q", "-n", namespace, "-I", principal, "-s", file:path(), "-f", signers:path(), time }
    if ssh_signature.ask(arguments, { input = data, keep = keep }).code == 0 then return principal, signature.fingerprint end
  end
  return nil, reason_of(signature, namespace, file:path(), { input = data, keep = keep })
end

return ssh_signature
