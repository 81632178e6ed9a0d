--- A policy's jobs: their steps, timed and reported; several jobs run side by side.
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local expect = require "molbuild.base.expect"
local log = require "molbuild.base.log"
local maps = require "molbuild.base.maps"
local seal = require "molbuild.base.seal"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local job = {}

local function needs_of(self)
  return next(rawget(self, "needs") or {}) and self.needs
end

--- As needs.jobs, which is loaded only when a job needs another.
---@param names string[]
---@param make fun(name: string): table
---@return table[]
function job.with_needs(names, make)
  local made, list, is_needed = {}, {}, false
  for index, name in ipairs(names) do
    made[name] = made[name] or make(name)
    list[index] = made[name]
    is_needed = is_needed or needs_of(made[name]) ~= nil
  end
  if not is_needed then return list end
  return require("molbuild.base.needs").jobs(names, function(name) return made[name] or make(name) end)
end

--- Note which runtimes were requested. With --output=json each of them gets an object on stdout, whatever happens later.
--- Runtimes of an earlier call are not noted again. run_all() calls this; a policy that can fail earlier calls it first.
---@param runtimes string[]  in the requested order; a runtime that is listed twice gets two objects
function job.asked(runtimes)
  local asked, before = task.scope().asked or {}, {}
  for _, name in ipairs(asked) do
    before[name] = true
  end
  for _, name in ipairs(runtimes) do
    if not before[name] then
      asked[#asked + 1] = name
    end
  end
end

-- The runtimes that the arguments request, known or not; those that only `--all` names; the first argument that is
-- neither.
local function asked_for(args, known)
  local is_known, explicit, list, unknown = maps.set(known), {}, {}, nil
  for _, arg in ipairs(args) do
    if arg == "--all" then
      table.move(known, 1, #known, #list + 1, list)
    else
      unknown = unknown or not is_known[arg] and arg or nil
      explicit[arg] = true
      if arg:sub(1, 1) ~= "-" then list[#list + 1] = arg end
    end
  end
  local optional = {}
  for _, name in ipairs(list) do optional[name] = not explicit[name] or nil end
  return list, optional, unknown
end

local function nearest_runtime(word, known)
  local set = maps.set(known)
  set["--all"] = true
  local near = require("molbuild.base.nearest").of(word, set)
  return near and ('did you mean "%s"?'):format(near) or nil
end

-- The options among the arguments, and the other ones. The runtimes are noted even when an option is wrong.
local function options_of(args, known, options)
  local has_options = false
  for _, arg in ipairs(args) do has_options = has_options or arg:sub(1, 1) == "-" and arg ~= "--all" end
  if not options or not has_options then return {}, args end
  local parse = require("molbuild.base.arguments").parse
  local ok, given, words = xpcall(parse, errors.handler, args, options(), "--all")
  if ok then return given, words end
  local named = {}
  for _, arg in ipairs(args) do named[#named + 1] = text.is_one_of(arg, known) and arg or nil end
  job.asked(named)
  error(given, 0)
end

--- The runtimes that a command line names, in its order. `--all` means all of them.
---@param args string[]
---@param known string[]
---@param options (fun(): molbuild.Argument[])?  the options that the verb has; called when there is one among the arguments
---@return string[]
---@return table<string, true> optional  those that only `--all` names
---@return table<string, string|true> given  the options, as of arguments.parse
---@raise usage | bug  bug: the policy's runtimes are not a list
function job.named(args, known, options)
  local all = table.concat(expect.names(known, "runtimes"), ", ")
  local given, words = options_of(args, known, options)
  local list, optional, unknown = asked_for(words, known)
  job.asked(list)
  if unknown then
    errors.raise {
      kind = "usage",
      message = ('refusing to build unknown runtime "%s" (must be one of %s)'):format(unknown, all),
      hint = unknown:find "^%-" and "options go before the script's name: molbuild run [options] ensure.lua ..."
        or nearest_runtime(unknown, known),
    }
  elseif #list == 0 then
    errors.raise { kind = "usage", message = ("no runtime named (one or more of %s, or --all)"):format(all) }
  end
  return list, optional, given
end

--- Give a job what the options of run ask for.
---@param self table
---@param options table<string, string|true>?  as of job.named
---@param names string[]  the runtimes that the options are about
---@return table self
---@raise usage
function job.chosen(self, options, names)
  if options and options.attested then self.attested = true end -- also of an image that others are built from
  if not next(options or {}) or not text.is_one_of(self.runtime, names) then return self end
  return require("molbuild.base.choices").apply(self, options, names)
end

-- An error about a bound names the setting that holds it: after the time if the message has one, else at the end.
local function name_bound(failure, bounds)
  local name = bounds and bounds[failure.bound]
  if name then
    local before, after = failure.message:match "^(.- [%d.e+]+ s)(;.*)$"
    failure.message = ("%s (%s)%s"):format(before or failure.message, name, after or "")
    failure.bound = nil
  end
end

-- What a step gives may have to be closed, as a lock. Until the step has succeeded, nothing else would do that.
local function close(value)
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__close then meta.__close(value) end
end

-- A step's results. Later steps rely on the commit and the tag: a tag that a step changed would name an image without a check.
local function run_step(self, name, fn, gives)
  local before = { sha = rawget(self, "sha"), tag = rawget(self, "tag") }
  local results = table.pack(fn(self))
  local _ <close> = defer(function(failure) if failure then close(results[1]) end end)
  task.check() -- a primitive that was cancelled gives nil, and so may a step that returns it
  expect.value(name, fn, gives, results[1])
  for field, value in pairs(before) do
    if rawget(self, field) ~= value then
      errors.raise {
        kind = "bug",
        message = ("%sthe step %s changed job.%s from %s to %s; only what is done before the first step may set it"):format(
          expect.place(fn), name, field, value, tostring(rawget(self, field))),
      }
    end
  end
  return table.unpack(results, 1, results.n)
end

--- Run one step of a job: report its start and end, and add its time to job.steps. A failure with a field `bound` gets
--- the name of the setting, job.bounds[failure.bound].
---@param self table  the job
---@param name string
---@param fn fun(self: table): ...
---@param gives string?  what it must give; see expect.value
function job.step(self, name, fn, gives)
  local scope, started = task.scope(), core.sys.monotonic()
  local outer = rawget(scope, "step")
  scope.step = name
  events.emit("step_started", { step = name })
  local results = table.pack(xpcall(run_step, errors.handler, self, name, fn, gives))
  local seconds = core.sys.monotonic() - started
  self.steps = self.steps or {}
  self.steps[name] = (self.steps[name] or 0) + seconds
  events.emit("step_ended", { step = name, ok = results[1], seconds = seconds })
  scope.step = outer
  if not results[1] then
    local failure = results[2]
    if errors.is(failure) then
      failure.step = failure.step or name
      name_bound(failure, self.bounds)
    end
    error(failure, 0)
  end
  return table.unpack(results, 2, results.n)
end

--- Wait for a slot of --jobs; returns an object to close.
function job.place()
  local places = task.scope().places
  if not places then
    return setmetatable({}, { __close = function() end })
  end
  return places:acquire(function()
    events.emit "job_waiting"
  end)
end

-- Why a job has no result, for its last event.
local function tell_failure(failure, skipped)
  if skipped then
    log.warn("skipped: %s", failure.message)
  elseif not errors.is_cancelled(failure) then
    events.emit("failed", errors.fields(failure))
    failure.reported = true
  end
end

-- The job's result. A policy's own function may return the image without setting the job's tag. A job with neither has
-- no result.
local function tell_result(self, value, seconds)
  self.tag = self.tag or value ~= nil and tostring(value) or nil
  if not self.tag then return end
  events.emit("result", {
    image = self.tag,
    sha = self.sha,
    image_id = self.image_id,
    outcome = self.outcome,
    head_age_s = rawget(self, "head_age"),
    wanted = rawget(self, "wanted"),
    reason = rawget(self, "wanted") and rawget(self, "reason") or nil,
    behind_s = rawget(self, "behind_s"),
    building = rawget(self, "building"),
    seconds = seconds,
    steps = self.steps or {},
  })
end

-- The longest time of a policy's `finally`, in seconds: it may run after Ctrl-C.
local FINALLY_MAX = 10

-- What a policy wants done afterwards, whatever happened. It does not change how the job ended.
local function finish(self, fn, outcome, failure)
  local ok, why = pcall(task.shield, job.step, self, "finally", function()
    task.timeout(FINALLY_MAX, function() fn(self, outcome, failure) end)
  end)
  if not ok then
    log.warn("finally: %s", tostring(why))
  end
end

local function run_one(self, fn, options, gates)
  local started = core.sys.monotonic()
  task.scope().runtime = self.runtime
  local ok, result = xpcall(function()
    if gates then gates:wait(self) end
    local value = fn(self)
    task.check() -- a primitive that was cancelled gives nil, and so may a policy
    return value
  end, errors.handler)
  local seconds = core.sys.monotonic() - started
  if not ok then
    result = errors.object(result)
  end
  local cancelled = not ok and errors.is_cancelled(result)
  self.skipped = not ok and not cancelled and options.skip ~= nil and options.skip(self, result) or false
  if gates then gates:open(self, not ok and result or nil) end
  if options.finally then
    local outcome = ok and self.outcome or cancelled and "cancelled" or self.skipped and "skipped" or "failed"
    finish(self, options.finally, outcome, not ok and result or nil)
  end
  if ok then
    tell_result(self, result, seconds)
  else
    tell_failure(result, self.skipped)
  end
  events.emit("job_ended", {
    ok = ok,
    cancelled = cancelled or nil,
    skipped = self.skipped or nil,
    seconds = seconds,
    outcome = ok and self.outcome or nil,
    image = ok and self.tag or nil,
    sha = self.sha,
  })
  if not ok then
    error(result, 0)
  end
  return result
end

-- Each runtime once, and its positions in the list. All are announced before the first one begins: whether there are
-- several decides the form of every line.
local function tell_started(jobs, is_asked)
  local distinct, places, names = {}, {}, {}
  for _, self in ipairs(jobs) do
    names[#names + 1] = is_asked(self) and self.runtime or nil
    if not places[self.runtime] then
      distinct[#distinct + 1] = self
      places[self.runtime] = #distinct
      events.emit("job_started", { runtime = self.runtime })
    end
  end
  job.asked(names)
  return distinct, places
end

local RUN_OPTIONS = { skip = true, asked = true, finally = true }

--- Run FN for every job, side by side. A runtime that is listed twice runs once. A failure does not stop the others:
--- when all have ended, the error of the first failed job is raised, in the order of the jobs. Every failure has been
--- reported by then.
---
--- A job with a list `needs` of runtimes waits for their jobs first, which must be in the list, too; it has them in `needed`. With
--- `asked`, only those runtimes have results: the others are there because they are needed. `finally` is called after each job,
--- with its outcome ("failed", "cancelled" and "skipped" among them) and its error, also after a cancellation, for at most 10 s.
---
--- With `skip`, a failure for which it returns true is a warning, and the job has no result. When every job is skipped,
--- an error of the first one's kind is raised.
---@param jobs table[]  each with a field `runtime`, which names it in messages
---@param fn fun(job: table): any
---@param options { skip: (fun(job: table, failure: molbuild.Error): boolean)?, asked: string[]?,
---  finally: (fun(job: table, outcome: string, failure: molbuild.Error?))? }?
---@return any[] results  in the order of the jobs, without the skipped ones
function job.run_all(jobs, fn, options)
  seal.options("molbuild.job.run_all", options, RUN_OPTIONS)
  options = options or {}
  local function is_asked(self)
    return not options.asked or text.is_one_of(self.runtime, options.asked)
  end
  local distinct, places = tell_started(jobs, is_asked)
  local gates
  for _, self in ipairs(distinct) do
    gates = gates or needs_of(self) and require("molbuild.base.needs").gates(distinct)
  end
  local outcomes = task.map(distinct, { settle = true }, function(self)
    return run_one(self, fn, options, gates)
  end)
  local results, skipped = {}, nil
  for _, self in ipairs(jobs) do
    local place = places[self.runtime]
    local outcome = outcomes[place]
    if outcome.ok then
      results[#results + 1] = is_asked(self) and outcome.value or nil
    elseif distinct[place].skipped then
      skipped = skipped or outcome.error
    else
      error(outcome.error, 0)
    end
  end
  if skipped and #results == 0 then
    error(errors.wrap(skipped, "every runtime was skipped"), 0)
  end
  return results
end

return job
