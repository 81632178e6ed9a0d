--- Signed commits: the commit of an image has a good signature by an allowed signer.
---
--- The verdict about an image is kept in a file beside its record, TAG.json.signer: the image's id, the commit, who signed it, and
--- the digests of the files that decided. An image with such a file is not checked again. The file is this machine's own: no
--- record that came from another host names the signer of a commit here.
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local record_file = require "molbuild.machine.record_file"
local signer_files = require "molbuild.repository.signer_files"

local signers = {}

---@class molbuild.Signer
---@field commit string
---@field principal string?  who signed the commit; nil when the signature was refused
---@field fingerprint string?  of the key
---@field kind "ssh"|"gpg"|nil
---@field refused string?  why the signature was refused, where that is only reported
---@field signers_sha256 string  the digest of the file of allowed signers
---@field revoked_sha256 string?  the digest of the file of revoked ones

-- Settings ------------------------------------------------------------------------------------------------------------

local function is_enforced(job)
  return job.signers_mode ~= "warn"
end

--- Check that the settings can have an effect. Where no commit is built, none can be checked.
---@param job table
---@raise usage
function signers.expect_commit(job)
  local names = job.variables
  if not job.allowed_signers then
    errors.raise { kind = "usage", message = ("%s has no effect without %s"):format(names.revoked_signers, names.allowed_signers) }
  elseif job.registry then
    local message = ("%s cannot be checked in registry mode (%s): no commit is built"):format(names.allowed_signers, names.registry)
    if is_enforced(job) then errors.raise { kind = "usage", message = message } end
    log.warn_once("%s", message)
  end
end

-- The files, as they are now.
local function files_of(job)
  return {
    allowed = signer_files.read(job.allowed_signers, job.variables.allowed_signers),
    revoked = job.revoked_signers and signer_files.read(job.revoked_signers, job.variables.revoked_signers) or nil,
  }
end

local function is_of_files(signer, files)
  return signer.signers_sha256 == files.allowed.sha256 and signer.revoked_sha256 == (files.revoked and files.revoked.sha256)
end

--- Whether a verdict is one by the files as they are now.
---@param job table
---@param signer molbuild.Signer?
---@return boolean
---@raise usage | failed
function signers.is_current(job, signer)
  return signer ~= nil and job.allowed_signers ~= nil and is_enforced(job) and is_of_files(signer, files_of(job))
end

-- Checking ------------------------------------------------------------------------------------------------------------

local HINTS = {
  unsigned = "sign it (git commit --amend -S), and push it again",
  bad = "it was changed after it was signed, or its signature is that of another commit",
  revoked = "sign it again with a key that is not revoked",
  unknown = "add the key to the file, if its owner may sign",
}

local function refuse(job, message, hint)
  if is_enforced(job) then errors.raise { kind = "signature", message = message, hint = hint } end
  log.warn_once("%s (%s=warn)", message, job.variables.signers_mode)
end

local function refuse_tree(job)
  refuse(job, ("--dir: %s is no commit, and has no signature (%s)"):format(job.working_tree, job.variables.allowed_signers))
end

-- Check the commit in a repository; sets job.signer. Refuses it in the policy's mode.
local function judge(job, files, options)
  local signatures = require "molbuild.repository.signatures"
  local verdict = signatures.verdict(options, signatures.rules(files.allowed, files.revoked))
  local words = not verdict.good and signatures.words(job.sha, verdict, files.allowed.path) or nil
  job.signer = {
    commit = job.sha, principal = verdict.principal, fingerprint = verdict.fingerprint, kind = verdict.kind, refused = words,
    signers_sha256 = files.allowed.sha256, revoked_sha256 = files.revoked and files.revoked.sha256,
  }
  if words then return refuse(job, words, HINTS[verdict.why]) end
  log.detail("the commit %s is signed by %s, with the key %s", job.sha, verdict.principal, verdict.fingerprint)
end

-- With the mode that only reports, a check that cannot be made is reported, too. A wrong setting is an error nevertheless.
local function tolerant(job, fn, ...)
  local ok, failure = errors.try(fn, ...)
  if ok then return end
  if is_enforced(job) or failure.kind == "usage" then error(failure, 0) end
  log.warn_once("the signature of the commit %s is not checked: %s (%s=warn)", job.sha, failure.message, job.variables.signers_mode)
end

--- What git.tree calls before it reads the tree of a job's commit.
---@param job table
---@return (fun(options: molbuild.TreeOptions))?  nil when no signers are set
function signers.check(job)
  if not job.allowed_signers then return nil end
  return function(options)
    job.signer = nil
    tolerant(job, function() judge(job, files_of(job), options) end)
  end
end

local function is_checked(job)
  return job.signer ~= nil and job.signer.commit == job.sha
end

--- Check that the step that made the tree of a job's commit has checked its signature. A fork's own may not have.
---@param job table
---@param clone function  that step
---@raise bug
function signers.demand(job, clone)
  if is_checked(job) or job.working_tree or not is_enforced(job) then return end
  errors.raise {
    kind = "bug", message = require("molbuild.base.expect").place(clone) .. "clone has not checked the signature of the commit",
    hint = "call git.tree with verify = molbuild.signers.check(job)",
  }
end

-- The verdicts of images ------------------------------------------------------------------------------------------------

local ENDING = record_file.ENDINGS.signer

local function digits_of(id)
  return type(id) == "string" and id:match "%x+$" or nil
end

local function image_of(job)
  return digits_of(job.image_id or (job.engine:image(job.tag) or {}).id)
end

--- Keep the verdict about a job's image, for later runs. They check it again when it cannot be kept.
---@param job table  with `signer` and `image_id`
function signers.keep(job)
  if not is_checked(job) then return end
  local ok, message = record_file.keep_note(job, ENDING, maps.merged({ image = image_of(job) }, job.signer))
  if not ok then
    log.warn("the signer of the commit was not recorded: %s: %s", record_file.note_path(job, ENDING), message)
  end
end

-- The verdict about a job's image by these files; nil when there is none.
local function known(job, files)
  local found = record_file.note(job, ENDING)
  if not found or found.commit ~= job.sha or not is_of_files(found, files) then return nil end
  local id = image_of(job)
  if not id or found.image ~= id then return nil end
  if type(found.refused) == "string" then return not is_enforced(job) and found or nil end
  return type(found.principal) == "string" and found or nil
end

--- Whether a job's image was found to be of a signed commit, by the files as they are now. Nothing is fetched for it.
---@param job table
---@return boolean
---@raise usage | failed
function signers.knows(job)
  return known(job, files_of(job)) ~= nil
end

--- What a run would do first with an image that is there, as words for a plan; nil when it would simply use it. Like a run, it
--- refuses a working tree.
---@param job table
---@return string?
---@raise signature | usage | failed
function signers.doubt(job)
  if job.working_tree then return refuse_tree(job) end
  return not signers.knows(job) and ("the signature of its commit is checked first (%s)"):format(job.variables.allowed_signers)
    or nil
end

-- Check the commit of an image that is there already. The runtime's lock is held.
local function check_again(job, lock)
  local store = require "molbuild.repository.cache"
  local staging <close> = store.staging(job.cache, job.runtime)
  require("molbuild.repository.git").with_commit({
    repository = store.repository(job.cache, job.runtime), dir = staging.path .. "/tree", url = job.repo_url, commit = job.sha,
    branch = job.branch, token = job.token or require("molbuild.forge.token").later(job.repo_url), bytes = job.max_bytes,
    timeout = job.ceiling, stall = job.stall, keep = { lock }, offline = job.offline or nil,
  }, function(options) judge(job, files_of(job), options) end)
end

-- Whether the job holds the lock of its runtime. That of a fork's own may not say so.
local function is_held(lock)
  return lock ~= nil and (type(lock.held) ~= "function" or lock:held())
end

--- Check who signed a job's commit, which need not have been fetched. The runtime's lock is held.
---@param job table  with `sha` and `held`; sets `signer`
---@raise signature | usage | failed | remote | auth | not_found | template | timeout | missing_tool | cancelled
function signers.examine(job)
  tolerant(job, require("molbuild.base.job").step, job, "signature", function() check_again(job, job.held) end)
end

local function vouch_locked(job)
  job.signer = known(job, files_of(job)) -- another process may have checked it while this one waited
  if not job.signer then
    signers.examine(job)
    signers.keep(job)
  end
end

--- Make sure that the commit of a job's image, when the engine has it, is signed by an allowed signer. An image that was found to
--- be so before is not checked again, unless the files have changed. A working tree is no commit, and is refused in any case.
---@param job table  with `sha`, `tag`, `image_id`; sets `signer`
---@param step fun(name: string): any  calls a step of the policy: its lock
---@param found boolean  whether the engine has the image
---@raise signature  the image must not be used
---@raise usage | failed | remote | auth | not_found | template | timeout | missing_tool | locked | cancelled
function signers.vouch(job, step, found)
  job.signer = nil
  if job.working_tree then return refuse_tree(job) end
  if not found then return end
  local before = known(job, files_of(job))
  job.signer = before
  if not before and is_held(job.held) then
    vouch_locked(job)
  elseif not before then
    tolerant(job, function()
      local lock <close> = step "lock"
      job.held = lock
      vouch_locked(job)
    end)
  elseif before.refused then
    log.warn_once("%s (%s=warn)", before.refused, job.variables.signers_mode)
  end
end

return signers
