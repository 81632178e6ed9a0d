--- A build that continues behind a result: in a process of molbuild's own, with the runtime's lock, which no signal to this process
--- reaches. It runs the same policy for that runtime alone. Its messages go to a log beside those of builds.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local maps = require "molbuild.base.maps"
local task = require "molbuild.base.task"
local token = require "molbuild.forge.token"

local behind = {
  --- The variable by which a molbuild knows that it is such a process: the descriptor of the lock, or "followed" (--detach).
  VARIABLE = "MOLBUILD_BEHIND",
  --- The name of the log, in the directory of a runtime.
  LOG = "behind.log",
}

-- The process that builds -------------------------------------------------------------------------------------------------

--- What the starter of this process has left to it; nil for a process that a user or another program has started.
---@return { descriptor: integer?, is_behind: boolean }?  descriptor: of the lock, until it is taken over
function behind.left()
  local word = core.sys.getenv(behind.VARIABLE)
  if not word then return nil end
  core.sys.take_env(behind.VARIABLE) -- not for children
  local descriptor = math.tointeger(word)
  return { descriptor = descriptor, is_behind = descriptor ~= nil }
end

local POLL = 1 -- seconds

local Slots = {}
Slots.__index = Slots

--- Slots for processes that build behind results: as many build at the same time in one cache, whatever started them. A process
--- that was killed leaves its slot. Without the directory of its lock a process does not wait.
---@param count integer
---@param left { directory: string? }  as of behind.left; the directory is known when its lock was taken over
---@return { acquire: fun(self: table, on_wait: fun()): table }  as of task.semaphore
function behind.slots(count, left)
  return setmetatable({ count = count, left = left }, Slots)
end

local function free_slot(self, dir)
  for number = 1, self.count do
    local lock, _, code = core.lock.acquire(("%s/%d.lock"):format(dir, number), { timeout = 0, purpose = "build behind a result" })
    if lock then return lock end
    task.check()
    if code ~= "locked" then return setmetatable({}, { __close = function() end }) end
  end
end

function Slots:acquire(on_wait)
  local dir, reported = (self.left.directory or "/dev/null") .. "/behind", false
  core.fs.mkdirp(dir, 448)
  while true do
    local slot = free_slot(self, dir)
    if slot then return slot end
    if not reported then on_wait() end
    reported = true
    core.sys.sleep(POLL)
    task.check()
  end
end

-- The process that has a result --------------------------------------------------------------------------------------------

-- The words of a command line that stand for one runtime: the options, and its name.
local function arguments_of(policy, args, runtime)
  local rows = policy.arguments().run or {}
  local given = require("molbuild.base.arguments").parse(args, rows, "--all")
  local words = {}
  for _, row in ipairs(rows) do
    local value = given[row[1]:sub(3):gsub("%-", "_")]
    if value then words[#words + 1] = value == true and row[1] or ("%s=%s"):format(row[1], value) end
  end
  words[#words + 1] = runtime
  return words
end

-- The policy's path. One that came through a pipe cannot be read again: it becomes a file in memory.
local function policy_of(run)
  if core.fs.type(run.script) ~= "fifo" then return run.script end
  local file = errors.must(core.fs.memory_file(run.source()))
  return file:path(), file
end

-- The token that came through a pipe is given as the variable.
local function environment(lock)
  local env, unset = token.again()
  return maps.merged(env, { [behind.VARIABLE] = tostring(lock:descriptor()) }), unset
end

local function start(job, policy, lock, run)
  local script, file <close> = policy_of(run)
  local argv = { "molbuild", "run", "--progress=plain", "--color=never", "--jobs=" .. run.jobs }
  if run.verbose then argv[#argv + 1] = "-v" end
  argv[#argv + 1] = "--"
  argv[#argv + 1] = script
  table.move(arguments_of(policy, run.args, job.runtime), 1, #policy.runtimes + #run.args, #argv + 1, argv)
  local env, unset = environment(lock)
  local dir = ("%s/%s"):format(job.cache, job.runtime)
  require("molbuild.repository.cache").make_directory(dir)
  local pid = errors.must(core.process.detach {
    program = run.program(), argv = argv, env = env, unset = unset, keep = { lock, file },
    log_file = ("%s/%s"):format(dir, behind.LOG),
  })
  lock:leave()
  return { pid = pid, host = core.sys.hostname(), seconds = 0 }
end

--- Start a build of a job's image, and leave the runtime's lock to it.
---@param job table
---@param policy table
---@param lock molbuild.core.Lock  held
---@return { pid: integer, host: string, seconds: number }
---@raise failed  no such process can be started: the lock is still held here
function behind.start(job, policy, lock)
  return start(job, policy, lock, task.scope().run)
end

--- What the holder of a runtime's lock does, for waiting processes.
---@param job table  with its commit
---@param step string?
---@return string
function behind.purpose(job, step)
  return ("build %s at %s%s"):format(job.runtime, job.sha:sub(1, 12), step and ", step " .. step or "")
end

--- The steps of a build, each of which the lock then names for waiting processes.
---@param job table
---@param lock molbuild.core.Lock|any  of a policy's own step: anything
---@param step fun(name: string): any
---@return fun(name: string): any
function behind.describing(job, lock, step)
  local ok, describe = pcall(function() return lock.describe end)
  if not ok or not describe then return step end
  return function(name)
    describe(lock, behind.purpose(job, name))
    return step(name)
  end
end

--- The log of the build that the holder of a runtime's lock does.
---@param job table  which waits for the lock
---@param holder molbuild.core.Holder
---@return string?
function behind.log(job, holder)
  local commit = holder.purpose:match "^build %S+ at (%x+)"
  return commit and ("%s/%s/%s.log"):format(job.cache, job.runtime, commit) or nil
end

-- The least seconds between two processes, the first of which has ended before it began to build.
local PAUSE = 60

--- How long ago a process behind a result ended before it took the lock over, as one does that cannot run the policy. Its starter
--- has left its record in the lock's file, with no step.
---@param path string  of the lock
---@param job table  with its commit
---@return number? age  seconds; nil when there was none, or it was long enough ago
---@return number? left  seconds until another one may be started
function behind.fallen(path, job)
  local holder = core.lock.holder(path)
  local age = holder and holder.purpose == behind.purpose(job) and os.time() - holder.start
  if age and age >= 0 and age < PAUSE and core.lock.is_free(path) then return age, PAUSE - age end
end

--- The build that another process does now: of the runtime's lock.
---@param path string  of the lock
---@return { pid: integer, host: string, seconds: number, step: string?, commit: string? }?  nil when the lock does not name its
---  holder
function behind.current(path)
  local holder = core.lock.holder(path)
  if not holder then return nil end
  local commit, step = holder.purpose:match "^build %S+ at (%x+), step (%S+)$"
  commit = commit or holder.purpose:match "^build %S+ at (%x+)$"
  return {
    pid = holder.pid, host = holder.host, seconds = math.max(0, os.time() - holder.start), step = step, commit = commit,
  }
end

return behind
