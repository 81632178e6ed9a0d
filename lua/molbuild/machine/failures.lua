--- A memory of failures: a commit that cannot be built is not built again for a time. It reads the records of builds.
local amounts = require "molbuild.base.amounts"
local core = require "molbuild.core"
local demands = require "molbuild.engine.demands"
local errors = require "molbuild.base.errors"
local maps = require "molbuild.base.maps"
local record = require "molbuild.machine.record"
local task = require "molbuild.base.task"

local failures = {}

-- A failure that only a change of the commit, the policy or its settings ends. With a code, the engine's program has named
-- a cause outside of the commit: the network, a registry, a disk. A build with secrets may have failed because of one of them, and
-- no record has their values.
local function is_lasting(failure, has_secrets)
  local is_of_commit = failure.kind == "template" or failure.kind == "signature" or failure.kind == "build" and not has_secrets
  return is_of_commit and not failure.code and not failure.retry
end

-- Whether a build would have what the recorded one had. Declared inputs are files of the commit, and their list is the policy's.
local function is_same(job, found)
  local policy = task.scope().policy
  return found.commit == job.sha and found.image == job.tag and found.platform == job.target_platform
    and found.repository == core.mask.url(job.repo_url) and found.policy.sha256 == (policy and policy() or {}).sha256
    and maps.same(found.build_args, job.build_args or {}) and found.engine == job.engine.command
    and demands.are_same(found.demands, job)
    and found.max_files == record.bound(job.max_files) and found.max_bytes == record.bound(job.max_bytes)
    and (not found.builder or found.builder == (job.engine:builder()))
end

-- A clock that was set back says nothing about how long ago it was.
local function is_within(job, age)
  return age >= 0 and age < (job.failed_retry or 0)
end

--- The failure of a former build of the same, if its time is not over.
---@param job table  with its commit and its tag; `failed_retry` is that time in seconds
---@return molbuild.RecordError?
---@return integer? age  seconds since then
function failures.recall(job)
  if (job.failed_retry or 0) <= 0 or job.rebuild then return nil end
  local found = record.failed(job)
  local age = found and os.time() - found.finished
  if not age or not is_within(job, age) then return nil end
  if not is_lasting(found.error, found.demands.secrets or found.demands.ssh) or not is_same(job, found) then return nil end
  -- What another host built need not be what would be built here.
  if found.error.pulled and job.image_cache_required ~= "1" then return nil end
  -- Who may sign is no part of the commit.
  if found.error.kind == "signature" and not require("molbuild.machine.signers").is_current(job, found.signer) then return nil end
  return found.error, age
end

--- Whether it is remembered that a commit must not be used: another host's image of it is not better. A build that failed here may
--- have succeeded there.
---@param job table  as of failures.recall
---@return boolean
function failures.is_remembered(job)
  local former = failures.recall(job)
  return former ~= nil and former.kind ~= "build"
end

-- The least seconds between two builds of what has failed, where a result does not wait for them.
local PAUSE_MIN = 60

--- The failure of a former build of the same, while a build behind a result is not started again: for a minute, for as long as the
--- former one took, and for the time of the setting where only a change can help.
---@param job table  as of failures.recall
---@return molbuild.RecordError?
---@return integer? age  seconds since then
---@return integer? left  seconds until it is tried again
function failures.pause(job)
  local found = record.failed(job)
  local age = found and os.time() - found.finished
  if not age or age < 0 or not is_same(job, found) then return nil end
  local pause = math.max(PAUSE_MIN, found.seconds, is_lasting(found.error) and job.failed_retry or 0)
  if age >= pause then return nil end
  return found.error, age, math.ceil(pause - age)
end

-- Whether a signature was refused by the files that say now who may sign: they are no part of the commit.
local function is_unsigned(job, found)
  return found.error.kind == "signature" and require("molbuild.machine.signers").is_current(job, found.signer)
end

--- Whether a former run has found that a commit must not be used: its template is none, or a check of the image or of its signature
--- has failed. That holds without a time, and whatever the policy was.
---@param job table  with its commit and its tag
---@return boolean
function failures.is_refused(job)
  local found = record.failed(job)
  if not found or found.commit ~= job.sha then return false end
  return found.error.kind == "template" or found.error.step == "verify" or is_unsigned(job, found)
end

--- Raise a failure again, if its time is not over.
---@param job table  `failed_retry` is that time in seconds
---@param former molbuild.RecordError?
---@param age integer?  seconds since then
---@raise template | build
function failures.repeated(job, former, age)
  if not former or not is_within(job, age) or not is_lasting(former) then return end
  local now = "--rebuild builds it now"
  errors.raise {
    kind = former.kind, retry = false, step = former.step,
    message = ("%s (it failed %s ago, and is not built again for %s: %s)"):format(former.message, amounts.age(age),
      amounts.age(math.ceil(job.failed_retry - age)), job.variables.failed_retry),
    hint = former.hint and ("%s; %s"):format(former.hint, now) or now,
    log = former.log and core.fs.lstat(former.log) and former.log or nil,
  }
end

--- Raise the failure of a former build of the same, if its time is not over.
---@param job table  as of failures.recall
---@raise template | build
function failures.check(job)
  failures.repeated(job, failures.recall(job))
end

return failures
