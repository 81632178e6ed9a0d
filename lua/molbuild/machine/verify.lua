--- The step verify: what it must show of an image before it gets its tag, or is given out. verdict.lua keeps what it has found.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local task = require "molbuild.base.task"
local verdict = require "molbuild.machine.verdict"

local verify = {}

--- The verdict that an image must have, by the policy's step: one by another setting, or by another version of a fork, is none.
---@param job table
---@param fn function  the step
---@param is_own boolean  whether it is a fork's own; else it does what job.smoke says
---@return { by: string, sha256: string? }
---@raise bug  the fork has taken the step away
function verify.demanded(job, fn, is_own)
  if type(fn) ~= "function" then
    errors.raise {
      kind = "bug", message = ("verify must be a function, not %s: a step that accepts every image is function() end"):format(
        expect.shown(fn)),
    }
  elseif not is_own then
    return { by = "smoke", sha256 = core.sha256.hex(require("molbuild.base.option_table").text(job.smoke)) }
  end
  local policy = task.scope().policy
  return { by = "verify", sha256 = policy and policy().sha256 or nil }
end

-- Why an image is not known to be verified; nil when it is.
local function missing(job, wanted)
  local found, is_other = verdict.find(job, wanted)
  if found then return found.error and "the image was refused: " .. found.error.message or nil end
  return is_other and "the image was verified in another way" or "the image has not been verified on this machine"
end

--- Whether an image that was found is known to be verified, as the policy is now: sets job.unproven to why it is not.
---@param job table  with image_id
---@param wanted { by: string, sha256: string? }
---@return boolean
function verify.is_proven(job, wanted)
  job.unproven = missing(job, wanted)
  return not job.unproven
end

-- The step -----------------------------------------------------------------------------------------------------------

-- The step with a bound, and with an error for false.
local function bounded(job, fn)
  local function ask()
    local answer, reason = expect.value("verify", fn, "verdict", fn(job))
    if answer == false then
      reason = type(reason) == "string" and reason or "verify gave false"
      errors.raise { kind = "template", message = ("the image of %s was refused: %s"):format(job.runtime, reason) }
    end
  end
  return function()
    local ceiling = job.ceiling or math.huge
    if ceiling == math.huge then return ask() end
    task.timeout(ceiling, ask, errors.new {
      kind = "timeout", bound = "timeout", message = ("the step verify took longer than %g s"):format(ceiling),
    })
  end
end

--- Whether a failure is a verdict about the image, and not about what the step needs: only the commit or the policy can change it.
---@param failure molbuild.Error
---@return boolean
function verify.is_verdict(failure)
  return failure.step == "verify" and failure.kind == "template" and not failure.code and not failure.retry
end

local function verdict_now(wanted, started, failure)
  return { by = wanted.by, sha256 = wanted.sha256, seconds = core.sys.monotonic() - started, at = os.time(), error = failure }
end

--- Run the step: sets job.verified, or raises why the image is refused.
---@param job table  with unverified, the name of the image, and image_id
---@param fn function  the step
---@param wanted { by: string, sha256: string? }?  the verdict that is demanded; nil: none
---@raise template | timeout | as the step raises
function verify.ask(job, fn, wanted)
  local started = core.sys.monotonic()
  job.verified = nil
  local ok, failure = errors.try(require("molbuild.base.job").step, job, "verify", bounded(job, fn))
  if not ok then
    -- A fork's own error without a kind is about the image.
    if failure.kind == "failed" and not failure.code and not failure.retry then failure.kind = "template" end
    error(failure, 0)
  end
  job.verified = wanted and verdict_now(wanted, started)
  if wanted then verdict.keep(job) end
end

-- An image that is there ---------------------------------------------------------------------------------------------

-- A refusal is remembered as long as a failed build is.
local function check_memory(job, wanted)
  local found = (job.failed_retry or 0) > 0 and verdict.find(job, wanted)
  if found and found.error then
    require("molbuild.machine.failures").repeated(job, found.error, os.time() - found.at)
  end
end

--- Why a run would verify an image that is there.
---@param job table  with image_id and unproven
---@param wanted { by: string, sha256: string? }
---@return string
---@raise template  its refusal is remembered
function verify.planned(job, wanted)
  check_memory(job, wanted)
  return job.unproven
end

--- Verify an image that is there already, without building it. It keeps its names, whatever is found.
---@param job table  with its tag
---@param fn function  the step
---@param wanted { by: string, sha256: string? }
---@return true
---@raise as verify.ask
function verify.again(job, fn, wanted)
  local started = core.sys.monotonic()
  check_memory(job, wanted)
  job.unverified = job.tag
  local ok, failure = errors.try(verify.ask, job, fn, wanted)
  if not ok and not verify.is_verdict(failure) then error(failure, 0) end
  if not ok then
    local shown = errors.fields(failure)
    shown.tail = nil
    job.verified = verdict_now(wanted, started, shown)
    verdict.keep(job)
  end
  return ok or error(failure, 0)
end

--- Verify what a fork's own step has put under the job's tag, unless that was done.
---@param job table  with its tag
---@param fn function  the step verify
---@param wanted { by: string, sha256: string? }?
---@return true
---@raise as verify.ask
function verify.settle(job, fn, wanted)
  if not wanted or job.verified then return true end
  job.image_id = (job.engine:image(job.tag) or {}).id
  return verify.is_proven(job, wanted) or verify.again(job, fn, wanted)
end

--- Verify the image of a registry, which is not built here and has no tag of our own.
---@param job table  with its tag
---@param fn function  the step verify
---@param wanted { by: string, sha256: string? }
---@raise locked | failed  the engine does not have the image
---@raise as verify.ask
function verify.registry(job, fn, wanted)
  job.image_id = (job.engine:image(job.tag) or {}).id
  if not job.image_id then
    errors.raise {
      kind = "failed", retry = false, message = ("%s cannot be verified: it is not on this machine"):format(job.tag),
      hint = ("%s=missing pulls it"):format(job.variables.image_pull),
    }
  elseif not verify.is_proven(job, wanted) then
    local _ <close> = require("molbuild.repository.cache").lock(job.cache, job.runtime,
      { purpose = "verify " .. job.runtime, timeout = task.scope().lock_timeout })
    if not verify.is_proven(job, wanted) then verify.again(job, fn, wanted) end
  end
end

return verify
