--- Runs without a network: the image of a runtime that is on this machine, of whatever commit.
local amounts = require "molbuild.base.amounts"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"
local log = require "molbuild.base.log"
local text = require "molbuild.base.text"

local offline = {}

local LABEL = image.LABEL

-- What a job's images have as a label: the policy's own labels override.
local function label_of(job, name, value)
  return job.labels[name] or value
end

-- The commit of an image of a job's, by its labels and its tag. An image from before there was a label for the branch is the
-- branch's if the name that moves with the branch is one of its names.
local function commit_of(found, job, tag_of)
  local commit, branch = image.revision(found), found.labels[LABEL.branch]
  local is_branch = branch == label_of(job, LABEL.branch, job.branch)
    or branch == nil and text.is_one_of(job.alias, found.tags)
  local is_source = found.labels[LABEL.source] == label_of(job, LABEL.source, core.mask.url(job.repo_url))
  if not commit or not is_branch or not is_source then return nil end
  local tag = tag_of(setmetatable({ sha = commit }, { __index = job }))
  return text.is_one_of(tag, found.tags) and commit or nil, tag
end

-- The usable images, the newest first: by the date of the build, which an engine's own date need not be when it had all layers.
local function candidates(job, tag_of)
  local listed, message = job.engine:labelled(LABEL.runtime, label_of(job, LABEL.runtime, job.runtime))
  if not listed then
    errors.raise { kind = "missing_tool", message = "the images of this machine are not known: " .. message }
  end
  local list = {}
  for _, found in ipairs(listed) do
    local commit, tag = commit_of(found, job, tag_of)
    if commit then
      local created = amounts.time(found.labels[LABEL.created]) or 0
      list[#list + 1] = { commit = commit, tag = tag, created = created, id = found.id }
    end
  end
  table.sort(list, function(a, b)
    if a.created ~= b.created then return a.created > b.created end
    return a.id < b.id
  end)
  return list
end

local function refuse(job, format, ...)
  errors.raise {
    kind = "remote", retry = false, message = "offline: " .. format:format(...),
    hint = ("run it once with a network, without %s=1"):format(job.variables.offline),
  }
end

--- The commit of the newest image on this machine that is the right runtime, platform, repository and branch. Sets
--- job.offline_age to its age in seconds and job.reason, and reports it in one line. The engine alone is asked.
---@param job table  with `target` and `alias`
---@param tag_of fun(job: table): string  the tag of a job that has its commit
---@return string commit
---@raise remote  there is no such image
---@raise missing_tool  the engine cannot be asked
function offline.head(job, tag_of)
  for _, found in ipairs(candidates(job, tag_of)) do
    local whole = job.engine:image(found.tag)
    if whole and not image.mismatch(whole, found.commit, job.target_platform, job.labels, job.target) then
      job.offline_age = math.max(0, core.sys.now() - found.created)
      job.reason = "built " .. (found.created > 0 and amounts.age(job.offline_age) .. " ago" or "at a date that it does not say")
      log.warn("offline: %s is the newest image of %s on this machine, %s", found.tag, job.runtime, job.reason)
      return found.commit
    end
  end
  refuse(job, "no image of %s for %s from the branch %s of %s is on this machine", job.runtime, job.target_platform, job.branch,
    core.mask.url(job.repo_url))
end

--- Raise the error for a job that needs a build. A working tree of this machine can be built without a network.
---@param job table
---@raise remote
function offline.refuse(job)
  if job.working_tree then return end
  if job.rebuild then refuse(job, "%s cannot be built again", job.runtime) end
  refuse(job, "the image %s is not on this machine%s", job.tag, job.wrong and ", or is another one: " .. job.wrong or "")
end

return offline
