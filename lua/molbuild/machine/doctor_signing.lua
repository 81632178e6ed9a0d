--- The check of what signs records, and whose signatures count.
local child = require "molbuild.base.child"
local errors = require "molbuild.base.errors"
local signing = require "molbuild.machine.signing"

local doctor_signing = {}

--- Whether a job asks for signatures.
---@param job table?
---@return boolean
function doctor_signing.is_asked(job)
  for _, name in ipairs { "signing_key", "attest_signers", "attested" } do
    if job and rawget(job, name) then return true end
  end
  return false
end

--- The program, the key, which signs a text for this, and the list of signers.
---@param report molbuild.DoctorReport
---@param job table
---@raise as signing.check_key and signing.signers raise
function doctor_signing.check(report, job)
  child.find("ssh-keygen", nil, "install openssh-client")
  local signers = signing.signers(job)
  if job.attested and not signers.list then
    local variables = job.variables
    report:fail("signing", errors.new {
      kind = "auth", message = "no image is attested: no key is known whose signature counts",
      hint = ("set %s or %s"):format(variables.attest_signers, variables.signing_key),
    })
  elseif signers.list then
    report:ok("signing", "signatures count by " .. signers.named)
  end
  if not job.signing_key then return end
  signing.check_key(job)
  report:ok("signing", ("%s signs the records of builds"):format(job.signing_key))
end

return doctor_signing
