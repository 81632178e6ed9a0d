--- The signatures of records: who may sign, signing the record of a build, and checking a signature. attest.lua checks what a
--- record says.
local checked = require "molbuild.machine.checked"
local errors = require "molbuild.base.errors"
local ssh_signature = require "molbuild.base.ssh_signature"

local signing = {
  --- The namespace of the signatures of records.
  NAMESPACE = "molbuild",
}

-- Signers -----------------------------------------------------------------------------------------------------------------

---@class molbuild.Signers
---@field list string?  the keys whose signatures count, as ssh-keygen reads them; nil: none are known
---@field named string?  what messages call it
---@field file string  the content of the file that decides it; "" where there is none

--- The keys whose signatures count: those of the setting `attest_signers`, else this machine's own signing key alone. The file
--- is read once for each check.
---@param job table
---@return molbuild.Signers
---@raise usage | failed
function signing.signers(job)
  local variables = job.variables
  if job.attest_signers then
    local list, fault, hint = checked.read_signers(job.attest_signers)
    if not list then
      errors.raise { kind = "usage", message = ("%s: %s"):format(variables.attest_signers, fault), hint = hint }
    end
    return { list = list, named = job.attest_signers, file = list }
  elseif job.signing_key then
    local own, _, content = ssh_signature.public_key(job.signing_key, variables.signing_key)
    return {
      list = ('own-key namespaces="%s" %s\n'):format(signing.NAMESPACE, own), named = "the key of " .. variables.signing_key,
      file = content,
    }
  end
  return { file = "" }
end

--- Check that a text is signed by one of the keys.
---@param job table
---@param signers molbuild.Signers
---@param document string
---@param signature string
---@param time integer  when it was signed, in seconds since 1970
---@return string? principal  nil when the signature does not count
---@return string fingerprint_or_why  of the key; else why not, in one line
---@raise failed | timeout | missing_tool
function signing.verify(job, signers, document, signature, time)
  if not signers.list then
    return nil, ("no key is known whose signature counts: set %s or %s"):format(job.variables.attest_signers,
      job.variables.signing_key)
  end
  local principal, more = ssh_signature.verify(document, signature,
    { signers = signers.list, namespace = signing.NAMESPACE, time = time })
  if not principal then return nil, ("%s (%s)"):format(more, signers.named) end
  return principal, more
end

-- Signing -----------------------------------------------------------------------------------------------------------------

local function refuse_signing(job, why, hint)
  errors.raise {
    kind = "auth", retry = false, hint = hint,
    message = ("%s is not built: attested images alone are allowed, and this one could not be: %s"):format(job.runtime, why),
  }
end

--- Sign a text with a job's key. Where attested images alone are allowed, the signature must count here.
---@param job table
---@param document string
---@return string signature
---@raise usage | auth | timeout | missing_tool | failed
function signing.sign(job, document)
  local signature = ssh_signature.sign(document,
    { key = job.signing_key, where = job.variables.signing_key, namespace = signing.NAMESPACE })
  local principal, why = true, nil
  if job.attested then principal, why = signing.verify(job, signing.signers(job), document, signature, os.time()) end
  if not principal then refuse_signing(job, why, "add the public half of the key to the list of signers") end
  return signature
end

-- What is signed to see whether the key can be used. It is no record.
local PROBE = "molbuild: can this key sign?\n"

--- Check before a build that its record can be signed, and that the signature would count where attested images alone are allowed:
--- a build may take long. A key that waits for a touch ("sk-") is not tried.
---@param job table
---@raise usage | auth | timeout | missing_tool | failed
function signing.check_key(job)
  if not job.signing_key then
    refuse_signing(job, ("%s is not set"):format(job.variables.signing_key),
      ("run where images are signed, or take them from there: %s"):format(job.variables.image_cache))
  end
  local public = ssh_signature.public_key(job.signing_key, job.variables.signing_key)
  if public:sub(1, 3) ~= "sk-" then signing.sign(job, PROBE) end
end

return signing
