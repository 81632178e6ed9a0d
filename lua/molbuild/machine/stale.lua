--- The last good image of a runtime: what is there while the image that was asked for is not.
local amounts = require "molbuild.base.amounts"
local behind = require "molbuild.machine.behind"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local failures = require "molbuild.machine.failures"
local image = require "molbuild.engine.image"
local inputs = require "molbuild.repository.inputs"
local log = require "molbuild.base.log"
local record = require "molbuild.machine.record"
local seen = require "molbuild.machine.seen"
local short = require("molbuild.base.sha").short
local store = require "molbuild.repository.cache"
local task = require "molbuild.base.task"

local stale = {}

---@class molbuild.LastGood
---@field sha string  the commit
---@field tag string  the image's name with its tag
---@field image_id string
---@field current number  when it was last known to be right: the branch pointed at its commit, and it was not too old; seconds
---  since 1970
---@field record molbuild.Record
---@field doubt string  where nothing may be changed: "; " and what a run would check before it is given; else ""

-- What steps have found out about a job's own commit and image.
local FOUND = { tag = true, image_id = true, wrong = true, unproven = true, verified = true, signer = true, reason = true }

-- A job as it would be for another commit. What a step sets stays in the copy.
local function of_commit(job, commit)
  return setmetatable({ sha = commit }, {
    __index = function(_, name)
      if not FOUND[name] then return job[name] end
    end,
  })
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
  local max_age = job.image_max_age or math.huge
  for _, made in ipairs(record.list(job.cache, job.runtime)) do
    local is_same = not made.error and made.platform == job.target_platform and made.branch == job.branch
      and made.repository == core.mask.url(job.repo_url)
    local was_current = is_same and current(made, commit, time, now)
    if was_current and policy.tag(of_commit(job, made.commit)) == made.image then
      -- One that is too old is no longer good since then, as one whose branch has moved on.
      list[#list + 1] = { record = made, current = math.min(was_current, made.finished + max_age), place = #list }
    end
  end
  table.sort(list, function(a, b)
    if a.current ~= b.current then return a.current > b.current end
    return a.place < b.place
  end)
  return list
end

-- Whether a run that demands a signed record would refuse an image.
local function is_unattested(sought, image_id)
  if not sought.attested then return false end
  local attest = require "molbuild.machine.attest"
  return attest.broken(attest.links(sought, image_id)) ~= nil
end

-- Whether a run would verify an image before it gives it out.
local function is_unverified(sought, policy)
  local wanted = policy.demands and policy.demands(sought)
  return wanted ~= nil and wanted ~= false and not require("molbuild.machine.verify").is_proven(sought, wanted)
end

-- Seconds: the longest wait for another run's check of a signature, and between two looks at it.
local CHECK_MAX, CHECK_POLL = 30, 0.2

-- Check who signed the commit of an image, with the lock if no other process has it. While another run makes the same check, its
-- verdict is waited for: the lock may be used for a build immediately after it.
local function vouch(sought)
  local signers = require "molbuild.machine.signers"
  local path, purpose = store.lock_path(sought.cache, sought.runtime), "check " .. sought.runtime
  local function lock() return store.lock(sought.cache, sought.runtime, { purpose = purpose, timeout = 0 }) end
  local deadline = core.sys.monotonic() + CHECK_MAX
  while true do
    local ok, failure = errors.try(signers.vouch, sought, lock, true)
    local holder = not ok and failure.kind == "locked" and core.lock.holder(path)
    if not holder or holder.purpose ~= purpose or core.sys.monotonic() > deadline then return ok, failure end
    core.sys.sleep(CHECK_POLL)
    task.check()
  end
end

-- Whether who signed an image's commit may do so, as the files of signers are now. A check that was made by other files is made
-- again, in the kept repository, if no other process uses it: nothing is fetched for an image that is only the second best. A plan
-- changes nothing, and gives words instead.
local function is_signed(sought)
  if not sought.allowed_signers then return true end
  if task.scope().read_only then return true, require("molbuild.machine.signers").doubt(sought) end
  sought.offline = true
  local ok, failure = vouch(sought)
  if not ok then log.warn_once("%s is not given instead: %s", sought.tag, failure.message) end
  return ok
end

-- Whether the engine still has the image of a record, as a hit on its commit would want it. Its age is the caller's matter.
local function is_there(job, policy, made)
  local found = job.engine:image(made.image)
  local sought = of_commit(job, made.commit)
  sought.tag, sought.image_id, sought.image_max_age = made.image, made.image_id, math.huge
  local is_good = found ~= nil and found.id == made.image_id
    and not image.mismatch(found, made.commit, job.target_platform, job.labels, job.target)
    and not inputs.mismatch(policy.inputs, job.build_args or {}, found.labels, job.labels) and policy.cached(sought)
    and not is_unattested(sought, made.image_id)
    and not is_unverified(sought, policy)
  if not is_good then return false end
  return is_signed(sought)
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
    if os.time() - one.current <= (within or math.huge) then
      local is_good, unsure = is_there(job, policy, made)
      if is_good then
        return {
          sha = made.commit, tag = made.image, image_id = made.image_id, current = one.current, record = made,
          doubt = unsure and "; " .. unsure or "",
        }
      end
    end
  end
  return nil
end

--- Give a job the last good image instead of that of its commit, which becomes `job.wanted`. The name that moves with the branch
--- stays where it is.
---@param job table
---@param good molbuild.LastGood
---@param outcome string  the job's outcome with an older image
function stale.use(job, good, outcome)
  job.wanted = job.sha
  job.sha, job.tag, job.image_id, job.outcome, job.keeps_latest = good.sha, good.tag, good.image_id, outcome, true
end

-- Serving it ---------------------------------------------------------------------------------------------------------------

-- Whether an older image may be the result: where the branch alone names the commit, and no other job of this run waits for the new
-- image. A process that builds behind a result serves none itself.
local function may_serve(job)
  local run = task.scope().run
  return run and not (run.left and run.left.is_behind)
    and not (job.commit or job.manifest or job.working_tree or job.rebuild or job.allow_detached or job.offline)
    and not (job.is_base or job.looks_afresh)
    and run.program() and not failures.is_refused(job)
end

--- The image that a run would give immediately, while the one that is wanted is built.
---@param job table  as of stale.serve
---@param policy table
---@return molbuild.LastGood?
function stale.served(job, policy)
  return may_serve(job) and stale.last_good(job, policy, job.stale) or nil
end

-- The lock of the runtime, if it is free now.
local function free_lock(job)
  local ok, lock = errors.try(store.lock, job.cache, job.runtime, { purpose = behind.purpose(job), timeout = 0 })
  if not ok and not errors.is(lock, "locked") then error(lock, 0) end
  return ok and lock or nil
end

local function say_start(job, building)
  return ("%s is being built by pid %d, which writes to %s/%s/%s"):format(short(job.sha), building.pid, job.cache, job.runtime,
    behind.LOG)
end

-- How far the build is, in words. The holder of the lock may build something else.
local function say_progress(job, building)
  if not building then return ("%s waits for another build"):format(short(job.sha)) end
  local is_own = building.commit == job.sha:sub(1, #(building.commit or "-"))
  return ("%s %s by pid %d on %s for %s%s"):format(is_own and short(job.sha) or "another image", "is being built", building.pid,
    building.host, amounts.age(building.seconds), building.step and ", step " .. building.step or "")
end

local function say_pause(job, failure, age, left)
  return ("the build of %s failed %s ago and is tried again in %s: %s"):format(short(job.sha), amounts.age(age), amounts.age(left),
    failure.message)
end

local function say_fallen(job, age, left)
  return ("the process that builds %s ended %s ago before it began, and another one is started in %s; its reason is in %s/%s/%s")
    :format(short(job.sha), amounts.age(age), amounts.age(left), job.cache, job.runtime, behind.LOG)
end

-- What builds the image that is wanted, and words about it; or whether there is the image by now.
local function building_of(job, policy, step)
  local path = store.lock_path(job.cache, job.runtime)
  local fallen, wait = behind.fallen(path, job)
  if fallen then return { words = say_fallen(job, fallen, wait) } end
  local lock <close> = free_lock(job)
  if not lock then
    local building = behind.current(path)
    return { by = building, words = say_progress(job, building) }
  end
  job.held = lock -- a check of the image's signature needs it
  if policy.found(job, step) then return { found = true } end
  local failure, age, left = failures.pause(job)
  if failure then return { words = say_pause(job, failure, age, left) } end
  local started = behind.start(job, policy, lock)
  return { by = started, words = say_start(job, started) }
end

--- Give a job that has no image yet the last good one, if it was right at most `job.stale` seconds ago, and let the image be built
--- behind the result, by a process of its own. Then the job's tag, commit and image are those of the good one, `job.wanted` is the
--- commit that is built, and the name that moves with the branch stays where it is.
---@param job table  with its commit and its tag
---@param policy table  its steps `tag`, `cached` and `found` are called
---@param step fun(name: string): any  as of the policy's functions
---@param outcome string  the job's outcome when it has an older image
---@return boolean served  also when the image that was wanted turns out to be there
function stale.serve(job, policy, step, outcome)
  local good = may_serve(job) and stale.last_good(job, policy, job.stale)
  if not good then return false end
  local ok, building = errors.try(building_of, job, policy, step)
  if not ok then
    log.warn("%s is not built behind a result: %s", job.runtime, building.message)
    return false
  elseif building.found then
    return true
  end
  job.behind_s, job.building = math.max(0, os.time() - good.current), building.by
  stale.use(job, good, outcome)
  log.warn("%s was current %s ago: %s", good.tag, amounts.age(job.behind_s), building.words)
  return true
end

return stale
