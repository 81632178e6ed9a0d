--- What a run would do, and why. Nothing is locked, written or built for it.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local gitea = require "molbuild.forge.gitea"
local image = require "molbuild.engine.image"
local job = require "molbuild.base.job"
local record = require "molbuild.machine.record"
local rows = require "molbuild.base.rows"
local short = require("molbuild.base.sha").short
local task = require "molbuild.base.task"

local plan = {
  --- The exit status of a plan when a run would do something.
  CHANGES = 11,
  --- The outcomes that do something.
  BUILD = "build", PULL = "pull", VERIFY = "verify",
  --- The state of base images for which a run with --pull would do something.
  MOVED = "moved",
}

-- Why there is no image ------------------------------------------------------------------------------------------------

local function without_tag(name)
  return name:match "^(.*):[^/]*$" or name
end

-- Whether a record is about what a job is about, of whatever commit.
local function is_of(self, found)
  return without_tag(found.image) == self.image and found.platform == self.target_platform
    and found.branch == (self.working_tree and "" or self.branch) and found.repository == core.mask.url(self.repo_url)
end

-- The commit that was built before: of the image that the moving name has, else of the newest record. And whether it is the former.
local function former_commit(self)
  local ok, found = errors.try(self.engine.image, self.engine, self.alias)
  local revision = ok and found and image.revision(found)
  if revision then return revision, true end
  for _, made in ipairs(record.list(self.cache, self.runtime)) do
    if not made.error and is_of(self, made) then return made.commit end
  end
end

local COUNT_WITHIN = 5 -- seconds

-- How far the branch has moved, as words for a plan alone: a run does not wait for them.
local function distance(self, former)
  if not task.scope().read_only or self.lookup ~= "gitea" then return "" end
  local ok, count, is_more = pcall(gitea.commits_since, self.repo_url, self.sha, former,
    { token = self.token, timeout = math.min(COUNT_WITHIN, self.head_timeout) })
  task.check() -- a cancellation is not a failure
  if not ok or not count then return "" end
  return (" (%s%d %s)"):format(is_more and "at least " or "", count, count == 1 and "commit" or "commits")
end

-- Why there is no image of the commit that was built before. Another ending or a tag of a fork's own may never have been built.
local function missing(self, has_name)
  if has_name then return ("no image has this tag, :%s is of the same commit"):format(self.alias:match "[^:/]*$") end
  local made = record.read(record.path(self.cache, self.runtime, self.tag))
  local is_gone = made and not made.error and made.commit == self.sha
  return is_gone and ("the image of %s is gone"):format(short(self.sha)) or "no image"
end

--- Why a job has no usable image, in one line.
---@param self table  the job, with its commit
---@return string
function plan.reason(self)
  local former, has_name
  if not (self.rebuild or self.wrong or self.commit or self.working_tree) then former, has_name = former_commit(self) end
  if self.rebuild then
    return self.no_cache and "--no-cache" or self.pull_base and "--pull" or "--rebuild"
  elseif self.wrong then
    return self.wrong
  elseif self.working_tree then
    return ("no image of %s as it is now"):format(self.working_tree)
  elseif self.commit then
    local origin = self.pinned and ("the commit in %s"):format(self.pinned) or "the commit that was asked for"
    return ("no image of %s, %s"):format(short(self.commit), origin)
  elseif not former then
    return "no image"
  elseif former == self.sha then
    return missing(self, has_name)
  end
  return ("the branch %s moved %s -> %s%s"):format(self.branch, short(former), short(self.sha), distance(self, former))
end

-- How long a build takes -------------------------------------------------------------------------------------------------

local ESTIMATE_FROM = 5 -- builds

--- The seconds that a build of a runtime takes: the median of its last ones; nil when there were none.
---@param self table  a job
---@return number?
function plan.estimate(self)
  local seconds = {}
  for _, made in ipairs(record.list(self.cache, self.runtime)) do
    if not made.error and is_of(self, made) and #seconds < ESTIMATE_FROM then seconds[#seconds + 1] = made.seconds end
  end
  table.sort(seconds)
  return seconds[(#seconds + 1) // 2]
end

-- The rows ----------------------------------------------------------------------------------------------------------------

-- A failure, as a row. One that `--all` alone has named, and the forge does not have, is skipped.
local function failed_row(self, failure, optional)
  if errors.is_cancelled(failure) then error(failure, 0) end
  local shown = errors.fields(failure)
  local skipped = optional[self.runtime] and failure.kind == "not_found"
  return {
    runtime = self.runtime, outcome = skipped and "skipped" or "failed", reason = shown.message,
    error = not skipped and {
      kind = shown.kind, exit = shown.exit, message = shown.message, hint = shown.hint, retry = shown.retry,
    } or nil,
  }
end

local function row_of(self, ask, optional)
  task.scope().runtime, task.scope().read_only = self.runtime, true
  local ok, outcome, reason, base = xpcall(ask, errors.handler, self)
  if not ok then return failed_row(self, errors.object(outcome), optional) end
  return {
    runtime = self.runtime, outcome = outcome, image = self.tag, tag = self.tag:match ":([^:/]*)$" or self.tag,
    commit = self.sha, reason = reason, base = base, pinned = self.pinned, head_age_s = self.head_age,
    seconds = outcome == plan.BUILD and plan.estimate(self) or nil,
  }
end

local function seconds_shown(seconds)
  return ("%d s"):format(math.max(1, math.floor(seconds + 0.5)))
end

-- The exit status for rows: that of the first failure, else whether there is something to do.
local function status_of(list)
  local status = nil
  for _, row in ipairs(list) do
    if row.error then return row.error.exit end
    local does_something = row.outcome == plan.BUILD or row.outcome == plan.PULL or row.outcome == plan.VERIFY
    if does_something or row.base == plan.MOVED then status = plan.CHANGES end
  end
  return status
end

--- What a run would do with the same arguments, one row for each runtime.
---@param policy table
---@param args string[]
---@param ask fun(job: table): string, string?, string?  the outcome for a job, the reason, and the state of its base images; it
---  sets the job's tag
---@return molbuild.Rows
function plan.rows(policy, args, ask)
  local names, optional, options = policy.names(args)
  local jobs = job.with_needs(names, function(name) return job.chosen(policy.job(name), options, names) end)
  local list = rows.new {
    columns = { { "runtime" }, { "outcome" }, { "tag" }, { "seconds", align = "right", shown = seconds_shown }, { "reason" } },
  }
  for _, row in ipairs(task.map(jobs, {}, function(self) return row_of(self, ask, optional or {}) end)) do
    list:add(row)
  end
  list.exit = status_of(list)
  return list
end

return plan
