--- The memory of a check that an image is attested: a private file beside the record has a digest of everything that the check
--- depended on. A hit that finds the same digest needs nothing of attest.lua, and no program.
local core = require "molbuild.core"
local record_file = require "molbuild.machine.record_file"
local task = require "molbuild.base.task"

local checked = {
  --- The most bytes of a list of signers, and of a key.
  SIGNERS_MAX = 1024 * 1024,
}

local OTHERS_WRITE = 18 -- octal 022

--- A list of signers. One that other users can change would let them sign.
---@param path string
---@return string? list
---@return string? fault  why it cannot be used
---@return string? hint
function checked.read_signers(path)
  local real, message = core.fs.realpath(path)
  local stat = real and core.fs.lstat(real)
  if not stat then return nil, message end
  if stat.uid ~= 0 and stat.uid ~= core.sys.uid() then return nil, path .. " belongs to another user" end
  if stat.mode & OTHERS_WRITE ~= 0 then
    return nil, ("%s can be changed by other users (mode %03o)"):format(path, stat.mode), "chmod go-w " .. path
  end
  return core.fs.read(real, checked.SIGNERS_MAX)
end

--- The digest of everything that a check depends on.
---@param job table  with its commit and its platform
---@param image_id string
---@param found molbuild.Found  with a document and a signature
---@param keys string  the file that decides whose signatures count
---@return string
function checked.digest(job, image_id, found, keys)
  local hex, policy = core.sha256.hex, task.scope().policy
  return hex(table.concat({
    "molbuild attested 1", hex(found.document), hex(found.signature), hex(keys), image_id, job.runtime, job.sha,
    hex(core.mask.url(job.repo_url)), job.target_platform, policy and policy().sha256 or "none",
  }, "\n"))
end

--- Whether the image under a job's tag was found to be attested before, and nothing has changed since.
---@param job table  with its tag
---@return boolean
function checked.before(job)
  local noted = job.image_id and not job.registry and record_file.checked(job)
  local found = noted and record_file.bytes(job)
  if not found or not found.signature then return false end
  local keys
  if job.attest_signers then
    keys = checked.read_signers(job.attest_signers)
  elseif job.signing_key then
    keys = core.fs.read(job.signing_key, checked.SIGNERS_MAX)
  end
  return keys ~= nil and checked.digest(job, job.image_id, found, keys) == noted
end

return checked
