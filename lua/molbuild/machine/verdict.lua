--- What the step verify has found of an image on this machine: a file beside the record of the build. The record of an image that
--- was built here has the same verdict, but one may have come from another machine, and a signed one is not changed.
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local record_file = require "molbuild.machine.record_file"

local verdict = {}

local ENDING = record_file.ENDINGS.verified

---@class molbuild.Verdict
---@field by "smoke"|"verify"  the setting of the shipped policy, or a fork's own step
---@field sha256 string?  the digest of that setting, or of the fork
---@field seconds number  how long it took
---@field at integer  when; seconds since 1970
---@field error molbuild.RecordError?  why the image was refused

local function text_of(value)
  return type(value) == "string" and value or nil
end

-- Why an image was refused; what a failure must have, and a file of any content may lack.
local function error_of(value)
  if type(value) ~= "table" then return nil end
  return {
    kind = text_of(value.kind) or "template", message = text_of(value.message) or "it was refused", hint = text_of(value.hint),
    step = text_of(value.step), log = text_of(value.log), retry = value.retry ~= false,
  }
end

local function is_of(job, found)
  return found ~= nil and found.image_id == job.image_id and found.commit == job.sha
end

--- The verdict that is known about a job's image.
---@param job table  with its tag and image_id; without a commit in registry mode
---@param wanted { by: string, sha256: string? }
---@return { at: integer, error: molbuild.RecordError? }?  at: seconds since 1970
---@return boolean? is_other  there is a verdict, but of another verification
function verdict.find(job, wanted)
  local found = record_file.note(job, ENDING)
  if not is_of(job, found) then return nil end
  local is_same = found.by == wanted.by and found.sha256 == wanted.sha256
  return is_same and { at = tonumber(found.at) or 0, error = error_of(found.error) } or nil, not is_same
end

--- Keep the verdict of job.verified. Best effort: without it the next run verifies again.
---@param job table  with its tag, image_id and verified
function verdict.keep(job)
  local fields = maps.merged({ image_id = job.image_id, commit = job.sha }, job.verified)
  local ok, message = record_file.keep_note(job, ENDING, fields)
  if not ok then log.warn("the verdict about %s was not written: %s", job.tag, message) end
end

return verdict
