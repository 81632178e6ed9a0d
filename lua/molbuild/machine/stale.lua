--- The last good image of a runtime: what is there while the image that was asked for is not.
local core = require "molbuild.core"
local image = require "molbuild.engine.image"
local inputs = require "molbuild.repository.inputs"
local record = require "molbuild.machine.record"
local seen = require "molbuild.machine.seen"

local stale = {}

---@class molbuild.LastGood
---@field sha string  the commit
---@field tag string  the image's name with its tag
---@field image_id string
---@field current integer  when the branch was last known to point at the commit; seconds since 1970
---@field record molbuild.Record

-- A job as it would be for another commit. What a step sets stays in the copy.
local function of_commit(job, commit)
  return setmetatable({ sha = commit }, { __index = job })
end

-- When the branch was last known to point at a record's commit; nil when that was never known: of a commit that was asked for.
local function current(made, commit, time, now)
  local known = not made.asked and made.started or nil
  if commit == made.commit and time <= now then known = math.max(known or time, time) end
  return known and known <= now and known or nil
end

-- The records of good builds of the same runtime, platform, repository, branch and kind of tag: the last current one first.
local function candidates(job, policy)
  local commit, time = seen.last(job)
  local list, now = {}, os.time()
  for _, made in ipairs(record.list(job.cache, job.runtime)) do
    local is_same = not made.error and made.platform == job.target_platform and made.branch == job.branch
      and made.repository == core.mask.url(job.repo_url)
    local was_current = is_same and current(made, commit, time, now)
    if was_current and policy.tag(of_commit(job, made.commit)) == made.image then
      list[#list + 1] = { record = made, current = was_current, place = #list }
    end
  end
  table.sort(list, function(a, b)
    if a.current ~= b.current then return a.current > b.current end
    return a.place < b.place
  end)
  return list
end

-- Whether the engine still has the image of a record, as a hit on its commit would want it. Its age is the caller's matter.
local function is_there(job, policy, made)
  local found = job.engine:image(made.image)
  local sought = of_commit(job, made.commit)
  sought.tag, sought.image_max_age = made.image, math.huge
  return found ~= nil and found.id == made.image_id
    and not image.mismatch(found, made.commit, job.target_platform, job.labels, job.target)
    and not inputs.mismatch(policy.inputs, job.build_args or {}, found.labels, job.labels) and policy.cached(sought)
    and (not job.allowed_signers or require("molbuild.machine.signers").knows(sought))
end

--- The last good image: the one of the same runtime, platform, repository, branch and kind of tag whose record says that its build
--- succeeded, that the engine still has, and that would be a hit if the branch pointed at its commit. Of several, the one that was
--- current last. An image of a working tree, or of a commit that was asked for and never seen as the branch's, is none.
---@param job table  with `target_platform` and its settings; nothing in it is changed
---@param policy table  its steps `tag` and `cached` are called, with jobs of other commits
---@param within number?  the most seconds since it was current; no bound when absent
---@return molbuild.LastGood?
---@raise missing_tool  the engine cannot be asked
function stale.last_good(job, policy, within)
  for _, one in ipairs(candidates(job, policy)) do
    local made = one.record
    if os.time() - one.current <= (within or math.huge) and is_there(job, policy, made) then
      return { sha = made.commit, tag = made.image, image_id = made.image_id, current = one.current, record = made }
    end
  end
  return nil
end

return stale
