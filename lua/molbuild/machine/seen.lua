--- When a branch was last seen to point at a commit. A record knows it of the time before its build, and each hit shows it again.
--- It is kept in one small private file for each repository and branch, written at most once in a while, when the result stands
--- already.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local heads = require "molbuild.repository.heads"
local sha = require "molbuild.base.sha"
local task = require "molbuild.base.task"

local seen = {}

local FILE_MAX = 8192
local PRIVATE = 384

--- The most seconds between two notes of the same commit. A tenth of the time that they are for is enough, where that is less.
local OFTEN = 60
local PART = 10

local FORM = "commit %s\nseen %d\nof %s %s\n"
local PATTERN = "^commit (%x+)\nseen (%d+)\nof (%S+) (%S+)\n$"

local function path_of(job)
  return heads.path(job.cache, core.mask.url(job.repo_url), job.branch) .. "-seen"
end

local function read(job, path)
  local commit, time, url, branch = (core.fs.read_own(path, FILE_MAX) or ""):match(PATTERN)
  if sha.is(commit) and url == core.mask.url(job.repo_url) and branch == job.branch then return commit, tonumber(time) end
end

--- When the branch of a job was last seen to point at a commit.
---@param job table  with cache, repo_url and branch
---@return string? commit  the last one that is known
---@return integer? time  seconds since 1970
function seen.last(job)
  return read(job, path_of(job))
end

local function write(job, path, time)
  require("molbuild.repository.cache").make_directory(path:match "^(.*)/")
  errors.must(core.fs.write_atomic(path, FORM:format(job.sha, time, core.mask.url(job.repo_url), job.branch), PRIVATE))
end

--- Note that the branch of a job points at its commit. The file is written when the results have been, and only if it says
--- something else, or is old. Best effort: a note that is missing costs a wait.
--- A job whose commit was not looked up shows nothing about its branch.
---@param job table  with sha, with head_age when the commit was not looked up now, and with `stale`: the seconds for which a note
---  is of use
function seen.note(job)
  local behind, path = task.scope().behind, path_of(job)
  local has_looked = not (job.commit or job.offline or job.working_tree or job.wanted)
  if not has_looked or task.scope().read_only or not behind or (job.repo_url .. job.branch):find "[%s%c]" then return end
  local now = math.floor(core.sys.now() - (rawget(job, "head_age") or 0))
  local commit, time = read(job, path)
  local age = commit == job.sha and now - time
  if age and math.abs(age) < math.min(OFTEN, job.stale / PART) then return end
  behind[#behind + 1] = function() pcall(write, job, path, now) end
end

return seen
