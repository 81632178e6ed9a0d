--- The last good image instead of one that was refused: with the setting fall_back.
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local short = require("molbuild.base.sha").short
local stale = require "molbuild.machine.stale"

local fall_back = {}

-- Whether a failure is about the image, or about the commit: a verification that was refused or did not end, a bad signature.
local function is_refusal(failure)
  return failure.kind == "signature" or failure.step == "verify" and (failure.kind == "template" or failure.kind == "timeout")
end

-- A commit that was asked for has no other one in its place.
local function is_bound(job)
  return job.commit or job.manifest or job.working_tree or job.allow_detached
end

-- The policy, for which images of the refused commit are not there.
local function without_refused(job, policy)
  local own = { commit = job.sha }
  function own.cached(sought)
    return sought.sha ~= own.commit and policy.cached(sought)
  end
  return setmetatable(own, { __index = policy })
end

--- Give a job the last good image, if its own was refused: its tag, commit and image are then those of that image, `job.wanted` is
--- the commit that was refused, and the name that moves with the branch stays where it is.
---@param job table  with its commit and its tag
---@param policy table  its steps `tag`, `cached` and `demands` are called
---@param failure molbuild.Error  why it has no image
---@param outcome string  the job's outcome with an older image
---@return true
---@raise as FAILURE  when it is another failure, or there is no such image
function fall_back.serve(job, policy, failure, outcome)
  local good = is_refusal(failure) and not is_bound(job) and stale.last_good(job, without_refused(job, policy))
  if not good then error(failure, 0) end
  log.warn("%s is used, since %s was refused: %s", good.tag, short(job.sha), failure.message)
  job.reason = ("%s was refused: %s%s"):format(short(job.sha), failure.message, good.doubt)
  stale.use(job, good, outcome)
  job.verified, job.unproven = nil, nil
  return true
end

--- Run the steps of a miss, and fall back when they end with a refusal.
---@param job table
---@param policy table
---@param outcome string  as of fall_back.serve
---@param make fun(): boolean  the steps
---@return boolean
function fall_back.around(job, policy, outcome, make)
  local ok, result = errors.try(make)
  if ok then return result end
  return fall_back.serve(job, policy, result, outcome)
end

return fall_back
