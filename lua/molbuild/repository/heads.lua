--- A window of freshness: a head that this user has looked up a moment ago is not asked for again. Each head is one private file
--- in the cache. It is used only for the same repository, branch and token, by this user, since the same boot, and while the
--- image that the policy's moving name leads to is one that was known at the time of the lookup: an image that was built later
--- shows that the branch may have moved.
local core = require "molbuild.core"
local credential = require "molbuild.forge.credential"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local sha = require "molbuild.base.sha"
local task = require "molbuild.base.task"

local heads = {}

local FILE_MAX = 8192
local PRIVATE = 384

--- The hexadecimal digits of a file's name.
local DIGITS = 32

--- Identifies the boot, and so the monotonic clock that a time belongs to.
local BOOT = "/proc/sys/kernel/random/boot_id"

--- Seconds by which two clocks may differ in rate and resolution.
local SLACK = 0.5

--- The longest time to wait for another process that is looking the same head up, in seconds. A lookup usually takes less.
local WAIT_MAX = 5

--- Files that were not written for this time, in seconds, are removed.
local KEPT = 24 * 3600

local FORM = "commit %s\nimage %s\ntoken %s\nboot %s\nlooked-up %.6f %.6f\nof %s %s\n"
local PATTERN = "^commit (%x+)\nimage (%S+)\ntoken (%S+)\nboot (%S+)\nlooked%-up (%d+%.%d+) (%d+%.%d+)\nof (%S+) (%S+)\n$"

---@class molbuild.HeadMoment
---@field time number  unix time, in seconds
---@field monotonic number  seconds of the monotonic clock
---@field boot string  which boot that clock belongs to; "-" when the system does not say

---@class molbuild.Head: molbuild.HeadMoment
---@field commit string
---@field image string  the image that the moving name led to, as of Engine:revision; "-" without such a name
---@field token string  the fingerprint of the token
---@field url string
---@field branch string

-- The present moment.
local function present()
  local boot = (core.fs.read(BOOT, 64) or ""):match "^[%x-]+"
  return { time = core.sys.now(), monotonic = core.sys.monotonic(), boot = boot or "-" }
end

--- How old a head is.
---@param head molbuild.HeadMoment
---@param now molbuild.HeadMoment
---@return number? seconds  nil when no age can be relied upon: after a reboot, or when a clock was set back
function heads.age(head, now)
  local by_date, steady = now.time - head.time, now.monotonic - head.monotonic
  -- The monotonic clock does not count the time in which a machine is suspended. A clock that was set back shows less than it.
  local is_reliable = head.boot == now.boot and steady >= 0 and by_date >= math.max(0, steady - SLACK)
  return is_reliable and math.max(by_date, steady) or nil
end

--- The file of a repository's branch.
---@param cache string
---@param url string
---@param branch string
---@return string
function heads.path(cache, url, branch)
  return ("%s/heads/%s"):format(cache, errors.must(core.sha256.hex(url .. " " .. branch)):sub(1, DIGITS))
end

-- The head that a file's text describes; nil for any text that is not one.
local function parse(text)
  local commit, image, token, boot, time, monotonic, url, branch = text:match(PATTERN)
  if not sha.is(commit) then
    return nil
  end
  return {
    commit = commit, image = image, token = token, boot = boot, time = tonumber(time), monotonic = tonumber(monotonic),
    url = url, branch = branch,
  }
end

local function text_of(head)
  return FORM:format(head.commit, head.image, head.token, head.boot, head.time, head.monotonic, head.url, head.branch)
end

-- A value in a file must be one word, and must hold no password.
local function is_fit(job, url, branch)
  return not (url .. branch):find "[%s%c]" and core.mask.url(url) == url and type(job.cache) == "string"
end

-- Which image the moving name leads to: "-" when the policy has no such name, nil when that cannot be known.
local function present_image(job)
  local engine, alias = rawget(job, "engine"), rawget(job, "alias")
  if not engine or not engine.revision or not alias then
    return "-"
  end
  local ok, found = errors.try(engine.revision, engine, alias)
  return ok and found or nil -- a later step asks the engine again, and explains the failure
end

-- Whether a head may be used without a question. A job that has a commit already is looking again, and a watch looks for others.
local function may_use(job)
  return not rawget(job, "sha") and not rawget(job, "looks_afresh")
end

-- The head in a file, and its age; nil if it cannot be used.
local function usable(job, path, wanted)
  local text = core.fs.read_own(path, FILE_MAX)
  local head = text and parse(text)
  local age = head and heads.age(head, present())
  if not age or age > job.head_max_age or head.url ~= wanted.url or head.branch ~= wanted.branch
    or head.token ~= wanted.token then
    return nil
  end
  local image = present_image(job)
  if image == "-" or image == "none" or image == head.commit or image == head.image then
    return head, age
  end
end

-- Whether a file's name is a head's, its lock's, or one that a write has left.
local function is_of_head(name)
  local digest, rest = name:match "^%.?(%x+)(.*)$"
  return digest and #digest == DIGITS and (rest == "" or rest == ".lock" or rest:find "^%.%w+$")
end

-- Old files are removed: each repository and branch has its own. Nothing else is: the directory may be a link.
local function tidy(dir, now)
  for _, name in ipairs(core.fs.list(dir) or {}) do
    local stat = is_of_head(name) and core.fs.lstat(dir .. "/" .. name)
    if stat and stat.type == "file" and math.abs(now - stat.mtime) > KEPT then
      core.fs.remove_tree(dir .. "/" .. name)
    end
  end
end

-- The lock of a head, while it is looked up; nil when another process takes long, or locks cannot be used.
local function lock_of(path, timeout)
  local dir = path:match "^(.*)/"
  local ok, failure = errors.try(require("molbuild.repository.cache").make_directory, dir)
  if not ok then
    log.warn_once("heads are not kept: %s", failure.message)
    return nil
  end
  local options = { purpose = "look up a head", timeout = math.min(WAIT_MAX, timeout) }
  local lock, message, code = core.lock.acquire(path .. ".lock", options)
  if lock then
    require("molbuild.repository.cache").hand_over(path .. ".lock", dir)
  elseif code ~= "locked" and code ~= "cancelled" then
    log.warn_once("heads are not kept: %s", message)
  end
  return lock
end

local function keep(path, head)
  local dir = path:match "^(.*)/"
  local ok, message = core.fs.write_atomic(path, text_of(head), PRIVATE)
  if not ok then
    log.warn_once("heads are not kept: %s", message)
  end
  tidy(dir, head.time)
end

local function note(job, head, age)
  job.head_age = age
  log.detail("the head is %.1f s old: %s was looked up as %s", age, head.branch, sha.short(head.commit))
  return head.commit
end

-- The wait for another process counts as time of the lookup.
local function with_less_time(options, waited)
  local own = maps.merged(options)
  own.timeout = options.timeout and math.max(1, options.timeout - waited)
  return own
end

-- Look the head up, unless another process does so just now, and keep it. Its age and image are those of before the
-- question.
local function look_up(job, lookup, path, wanted, options)
  if task.scope().read_only then
    return lookup(wanted.url, wanted.branch, options)
  end
  local begun = core.sys.monotonic()
  local lock <close> = lock_of(path, options.timeout or WAIT_MAX)
  local head, age
  if lock and may_use(job) then
    head, age = usable(job, path, wanted)
  end
  if head then
    return note(job, head, age)
  end
  -- Not while the forge is asked: an image that is built meanwhile may be of a newer commit than the answer.
  local image = lock and present_image(job)
  local now = present()
  local commit = lookup(wanted.url, wanted.branch, with_less_time(options, now.monotonic - begun))
  if image then
    keep(path, {
      commit = commit, image = image, token = wanted.token, boot = now.boot, time = now.time, monotonic = now.monotonic,
      url = wanted.url, branch = wanted.branch,
    })
  end
  return commit
end

--- The same lookup, within the window of freshness `job.head_max_age` (seconds). A head that is not older is returned without
--- a question, and `job.head_age` is its age. A job that has a commit already is looking again, and one with `looks_afresh` looks
--- for others: the forge is asked. Several
--- processes that look one head up at the same time ask once.
---@param job table  with cache, head_max_age and engine
---@param lookup fun(url: string, branch: string, options: table): string  gitea.branch_head, git.branch_head
---@return fun(url: string, branch: string, options: table): string
function heads.window(job, lookup)
  return function(url, branch, options)
    job.head_age = nil
    if not is_fit(job, url, branch) then
      return lookup(url, branch, options)
    end
    local wanted = { url = url, branch = branch, token = credential.fingerprint(options.token) }
    local path = heads.path(job.cache, url, branch)
    if may_use(job) then
      local head, age = usable(job, path, wanted)
      if head then
        return note(job, head, age)
      end
    end
    return look_up(job, lookup, path, wanted, options)
  end
end

--- Forget the head that is kept for a job's repository and branch, since it may no longer be the newest. Best effort.
---@param job table  with cache, repo_url and branch
---@param commit string?  this commit is kept
---@return false  for a step that has no result
function heads.forget(job, commit)
  local path = heads.path(job.cache, job.repo_url, job.branch)
  local head = parse(core.fs.read(path, FILE_MAX) or "")
  if not (head and head.commit == commit) then
    local ok, message = core.fs.remove_tree(path)
    if not ok then
      log.warn("%s", message)
    end
  end
  return false
end

return heads
