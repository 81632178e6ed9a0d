--- The check of who may sign: the files, and the programs that check signatures.
local commit_pgp = require "molbuild.repository.commit_pgp"
local signatures = require "molbuild.repository.signatures"
local signer_files = require "molbuild.repository.signer_files"
local commit_ssh = require "molbuild.repository.commit_ssh"

local doctor_signers = {}

-- How many keys a file of revoked signers has; a list of OpenSSH is not counted.
local function shown_revoked(revoked)
  if revoked.list then return "a key revocation list" end
  local count = 0
  for _ in pairs(revoked.keys) do count = count + 1 end
  return ("%d revoked"):format(count)
end

--- Check the files of a job, and that the programs are there which its signers need.
---@param report molbuild.DoctorReport
---@param job table  with `allowed_signers`
function doctor_signers.check(report, job)
  local names = job.variables
  local allowed = signer_files.read(job.allowed_signers, names.allowed_signers)
  local revoked = job.revoked_signers and signer_files.read(job.revoked_signers, names.revoked_signers)
  local rules = signatures.rules(allowed, revoked)
  local words, tools = {}, {}
  local function add(list, text, ...) list[#list + 1] = text:format(...) end
  if rules.allowed.lines[1] then
    add(tools, "%s", commit_ssh.probe())
    add(words, "%d SSH signers", #rules.allowed.lines)
  end
  if rules.allowed.keyring ~= "" then
    add(tools, "%s", commit_pgp.program())
    add(words, "OpenPGP keys")
  end
  if rules.revoked then add(words, "%s", shown_revoked(rules.revoked)) end
  local found = ("%s: %s; checked by %s"):format(allowed.path, table.concat(words, ", "), table.concat(tools, ", "))
  if job.signers_mode ~= "warn" then return report:ok("signers", found) end
  report:warn("signers", ("%s; %s=warn: a commit without a good signature is built"):format(found, names.signers_mode))
end

return doctor_signers
