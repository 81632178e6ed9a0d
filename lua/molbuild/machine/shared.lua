--- Images that hosts share through a registry. What a pull brings is compared before it gets a tag of this machine's own; a
--- registry without a usable image costs a bounded time and one line, and the image is built here.
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local failures = require "molbuild.machine.failures"
local image = require "molbuild.engine.image"
local log = require "molbuild.base.log"
local outdated = require "molbuild.machine.outdated"
local record = require "molbuild.machine.record"
local signers = require "molbuild.machine.signers"
local stock = require "molbuild.engine.stock"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"
local unverified = require "molbuild.machine.unverified"
local verify = require "molbuild.machine.verify"

local shared = {}

--- The name of a job's image in the registry.
---@param job table  with its tag
---@return string
function shared.name(job)
  return ("%s/workspace-template-%s:%s"):format(job.image_cache, job.runtime, job.tag:match ":([^:/]*)$")
end

-- Pulling -----------------------------------------------------------------------------------------------------------

-- Lines that the program prints when the registry has answered with the image's manifest: of docker, and of podman.
local PROGRESS = { "^%x+: ", "^Digest: ", "^Getting image source", "^Copying " }

-- What docker prints when the registry no longer gives a layer: it asks again, for up to a minute.
local NO_PROGRESS = "^%x+: Retrying in "

local function is_progress(line)
  for _, pattern in ipairs(PROGRESS) do
    if line:find(pattern) then return true end
  end
  return false
end

local function pull(job, ref, is_record)
  local begun = false
  local seconds = job.image_cache_timeout
  return task.timeout(seconds, function()
    return job.engine:pull(ref, {
      platform = not is_record and job.platform ~= "native" and job.platform or nil,
      stall = job.stall, timeout = job.ceiling, keep = { job.held },
      on_line = function(line) begun = not line:find(NO_PROGRESS) and (begun or is_progress(line)) end,
    })
  end, errors.new {
    kind = "timeout", message = ("the registry gave no image within %g s (%s)"):format(seconds, job.variables.image_cache_timeout),
  }, function() return begun end)
end

-- How a pulled image differs from the requested one. A missing label counts as a difference: every host that may write to the
-- registry can put any image under the tag.
local function difference(job, found)
  local wanted = image.labels(job.sha, job.repo_url, image.job_labels(job), job.labels)
  for _, label in ipairs { "revision", "source", "runtime" } do
    local name = image.LABEL[label]
    local is = text.said(found.labels[name])
    if is ~= wanted[name] then
      return ("its label %s is %s, not %s"):format(name, is and text.shown(is) or "missing", wanted[name])
    end
  end
  return image.mismatch(found, job.sha, job.target_platform, job.labels, job.target)
end

-- Why a pulled image is not used: it is another one, or it would be built again on this machine, for its age or its inputs.
local function why_not(job, found, declared)
  if not found then return "was not taken: the engine cannot be asked about it" end
  local other = difference(job, found)
  if other then return "is not the image that its tag says, and was not taken: " .. other end
  local reason = outdated.reason(found, job, declared)
  return reason and "was not taken: " .. reason
end

-- The registry's name stays on no image: its tags would keep images alive that nothing else needs.
local function forget(job, ref)
  local removal = stock.remove(job.engine, ref)
  if removal.refused then log.warn("%s stays on this machine: %s", ref, removal.refused) end
end

-- Why a pulled image cannot be attested, and its record otherwise; where that is not demanded, only its record is left there.
local function why_not_attested(job, ref, found)
  local shared_record = require "molbuild.machine.shared_record"
  if not shared_record.is_wanted(job) then return nil end
  local name = shared_record.name(ref, found.id)
  local ok, image_of_record = errors.try(pull, job, name, true)
  local reason, its_record
  if ok then
    its_record = shared_record.parse(image_of_record and image_of_record.labels or {})
    forget(job, name)
    reason = shared_record.doubt(job, found.id, its_record)
  else
    reason = image_of_record.kind == "not_found" and "the registry has no record of it" or image_of_record.message
  end
  if job.attested and reason then return "was not taken: it is not attested: " .. reason end
  if reason then log.detail("%s comes without a record: %s", ref, reason) end
  return nil, not reason and its_record or nil
end

-- Give an image its tag. The record that came with it becomes that of the tag only then. Until it is accepted, the former ones
-- stay: of an image that has the tag, and of a build that failed.
local function accept(job, image_id, its_record, give_tag)
  local pending = its_record and require "molbuild.machine.pending"
  if pending then pending.keep(job, image_id, its_record.document, its_record.signature) end
  give_tag()
  if pending then return pending.settle(job, image_id) end
  record.recovered(job)
end

-- Give the image its tag, after it was verified. The names that it has meanwhile go in every case.
local function verified(job, ref, found, its_record, ask)
  local open <close> = unverified.begin(job)
  job.image_id = found.id
  job.engine:tag(found.id, job.unverified)
  forget(job, ref)
  ask()
  accept(job, found.id, its_record, function() open:accept() end)
end

-- Why the image is not given out, and the verdict about it; nil when it has its tag now.
local function keep(job, ref, found, its_record, ask)
  if not ask then
    -- Its id: another process may have pulled another image under the name meanwhile.
    accept(job, found.id, its_record, function() job.engine:tag(found.id, job.tag) end)
    job.image_id = found.id
    if ref ~= job.tag then forget(job, ref) end
    return nil
  end
  local ok, failure = errors.try(verified, job, ref, found, its_record, ask)
  if not ok and not verify.is_verdict(failure) then error(failure, 0) end
  if ok then return nil end
  job.image_id = nil
  return "was not taken: " .. failure.message, failure
end

-- Why no image was taken. A verdict is an error of its own kind: it is remembered, and an older image may be given instead.
local function not_taken(ref, wrong, refusal)
  local fields = { kind = "failed", retry = false, message = ref .. " " .. wrong }
  if refusal then
    fields.kind, fields.step, fields.pulled, fields.log, fields.tail = refusal.kind, refusal.step, true, refusal.log, refusal.tail
  end
  return errors.new(fields)
end

-- No usable image: an error where one is required, else one line.
local function give_up(job, ref, failure)
  if job.image_cache_required == "1" then
    failure.hint = failure.hint or ("without %s=1 the image is built here"):format(job.variables.image_cache_required)
    error(failure, 0)
  end
  local say = failure.kind == "not_found" and log.info or log.warn
  say("%s is built here: %s", job.runtime, failure.kind == "not_found" and ref .. " is not in the registry" or failure.message)
  return false
end

--- Take a job's image from the shared registry, if it has the very one: then the job's tag names it. An image that
--- must be built again, or of a working tree, or of a commit whose refusal is remembered, is not looked for; and none of a commit
--- that no allowed signer has signed.
---@param job table
---@param declared table<string, string>?  the policy's inputs
---@param outcome string  the job's outcome when the image was taken
---@param ask fun()?  verifies the image before it gets the tag; raises when it is refused
---@return boolean taken
---@raise auth | not_found | remote | failed | timeout | template  where the image is required
---@raise signature  the commit is not signed by an allowed signer
---@raise usage | missing_tool  the keys whose signatures count cannot be read
function shared.take(job, declared, outcome, ask)
  if job.rebuild or job.working_tree or failures.is_remembered(job) then return false end
  if job.allowed_signers then signers.examine(job) end
  local ref = shared.name(job)
  local ok, found = errors.try(pull, job, ref)
  if not ok then return give_up(job, ref, found) end
  local wrong, its_record, refusal = why_not(job, found, declared), nil, nil
  if not wrong then wrong, its_record = why_not_attested(job, ref, found) end
  if wrong then forget(job, ref) else wrong, refusal = keep(job, ref, found, its_record, ask) end
  if wrong then return give_up(job, ref, not_taken(ref, wrong, refusal)) end
  job.outcome = outcome
  if job.allowed_signers then signers.keep(job) end
  return true
end

-- Pushing -----------------------------------------------------------------------------------------------------------

local function push(job)
  local ref, options = shared.name(job), { stall = job.stall, timeout = job.ceiling }
  require("molbuild.machine.shared_record").push(job, ref, options, forget)
  job.engine:tag(job.image_id or job.tag, ref)
  local _ <close> = defer(function() forget(job, ref) end)
  job.engine:push(ref, options)
  log.info("pushed %s", ref)
end

-- The push must not turn a run into a failed one: its result stands already.
local function try_to_push(job)
  local started = core.sys.monotonic()
  task.scope().runtime = job.runtime
  local ok, failure = errors.try(push, job)
  if not ok then log.warn("not pushed after %.0f s: %s", core.sys.monotonic() - started, failure.message) end
end

--- Push a job's image that was built here. It happens when the results have been written, unless it is required to succeed: then
--- it happens now.
---@param job table
---@raise auth | remote | failed | timeout  where the push is required
function shared.give(job)
  local behind = task.scope().behind
  if job.working_tree then return end -- it is this machine's own
  if job.image_cache_push == "required" then
    push(job)
  elseif job.image_cache_push == "1" and behind then
    behind[#behind + 1] = function() try_to_push(job) end
  end
end

return shared
