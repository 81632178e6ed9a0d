--- Why an image of the right commit is built again: by a declared input that the policy sets, or by its age.
local amounts = require "molbuild.base.amounts"
local image = require "molbuild.engine.image"
local inputs = require "molbuild.repository.inputs"
local record = require "molbuild.machine.record"

local outdated = {}

-- When an image was made. The record is for an image whose dates are fixed, as those of a reproducible build are.
local function made_at(found, job, now)
  local made = image.created(found, now)
  if made and now - made <= job.image_max_age then return made end
  local known = record.read(record.path(job.cache, job.runtime, job.tag))
  if known and known.image_id == found.id and known.finished <= now then
    made = math.max(made or known.finished, known.finished)
  end
  return made
end

-- Why an image is too old; nil when it is not.
local function age_of(found, job)
  local now = os.time()
  local made = made_at(found, job, now)
  local age = made and now - made
  if age and age <= job.image_max_age then return nil end
  return ("too old: %s, at most %s are allowed (%s)"):format(
    age and ("it was built %s ago"):format(amounts.age(age)) or "its age is not known", amounts.age(job.image_max_age),
    job.variables.image_max_age)
end

--- Why an image that matches a job otherwise must be built again, in one line; nil when it need not. When it is too old, the base
--- images are fetched again, too: sets job.pull_base.
---@param found molbuild.Image
---@param job table
---@param declared table<string, string>?  as of inputs.read
---@return string?
function outdated.reason(found, job, declared)
  local other = inputs.mismatch(declared, job.build_args or {}, found.labels, job.labels)
  if other or job.offline or (job.image_max_age or math.huge) == math.huge then return other end
  local reason = age_of(found, job)
  -- An image of this machine, which is in no registry, is kept fresh by its own job.
  job.pull_base = job.pull_base or reason and not next(job.needs or {}) or nil
  return reason
end

return outdated
