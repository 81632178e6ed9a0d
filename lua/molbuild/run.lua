--- `molbuild run`: a policy's run(), with the features that the options select.
local busy = require "molbuild.base.busy"
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local expect = require "molbuild.base.expect"
local script = require "molbuild.script"
local task = require "molbuild.base.task"

local run = {}

local STDOUT, STDERR = 1, 2
local SIGHUP, SIGINT, SIGALRM, SIGTERM, SIGXCPU = 1, 2, 14, 15, 24

-- Seconds between two frames, and frames per second.
local TICK, ONE_SECOND = 0.1, 10
-- Seconds between two checks when nothing is due.
local IDLE = 3600
-- For a failed run: seconds without a byte being read before its results are given up.
local FLUSH_SECONDS = 2

--- The consumers of a run's events: the renderer, the results for stdout, and the trace once it has begun.
local function sinks(settings)
  local sink = { results = require("molbuild.results").new() }
  sink.renderer, sink.stream = require("molbuild.progress").choose(settings)
  if sink.renderer.alive_every then
    sink.alive = require("molbuild.progress.alive").new {
      every = sink.renderer.alive_every,
      now = core.sys.monotonic,
      emit = function(fields) events.emit_masked("alive", fields, { events = sink.event }) end,
    }
  end
  local observer = task.scope().observer -- of a test's world
  function sink.event(event)
    if observer then
      observer(event)
    end
    sink.renderer:event(event)
    sink.results:event(event)
    if sink.alive then
      sink.alive:event(event)
    end
    if sink.trace then
      sink.trace:event(event)
    end
  end
  -- Neither the results nor a trace contain lines.
  function sink.lines(event, text)
    local slow = sink.renderer:lines(event, text)
    if sink.alive then
      sink.alive:lines(event)
    end
    return slow
  end
  function sink.is_slow()
    return (sink.renderer.is_slow and sink.renderer or sink.stream):is_slow()
  end
  return sink
end

-- After a failure the trace is given up: a second attempt would only repeat the report.
local function write_trace(sink, path, ending)
  local trace = sink.trace
  sink.trace = nil
  local ok, message = trace:write(path, ending)
  if not ok then
    errors.raise { kind = ending and "failed" or "usage", message = "--trace: " .. message }
  end
  sink.trace = trace
end

-- Let the renderer update. Returns the seconds until its next update.
local function tick(sink)
  return math.min(sink.renderer:tick() or IDLE, sink.alive and sink.alive:tick() or IDLE)
end

-- Time continues while a stopped run waits for its children to end.
local function tick_to_the_end(sink, body)
  while core.sys.sleep(tick(sink)) do end
  local why, ticks = task.current().cancelled, 0
  task.shield(function()
    while not body.over do
      core.sys.sleep(TICK)
      tick(sink)
      ticks = ticks + 1
      if ticks == ONE_SECOND and errors.is(why, "signal") then
        require("molbuild.base.log").once "stopping the running steps; send the signal again to kill them"
      end
    end
  end)
end

-- stdout and stderr may be the same pipe: earlier reports are written there before the result, unless the reader is gone.
local function settle_stderr()
  local before, silent = core.writer.pending(STDERR), 0
  while before > 0 and silent < ONE_SECOND do
    core.sys.sleep(TICK)
    task.check()
    local now = core.writer.pending(STDERR)
    silent = now < before and 0 or silent + 1
    before = now
  end
end

-- Rows may say that the exit status is another one than 0, although they are printed.
local function status_of(results)
  for index = 1, results.n do
    local status = type(results[index]) == "table" and results[index].exit
    if status then return status end
  end
  return 0
end

--- Write the policy's results to stdout. Everything else that can fail comes first: a printed result must not be followed
--- by a failure.
local function deliver(results, settings, sink)
  -- A policy may return a result although it was cancelled; that result is discarded.
  task.check()
  local text = sink.results:text(results, settings.json)
  -- stdout may be the same terminal: its live lines are finished before anything is written there.
  sink.renderer:close(true)
  if sink.trace then
    write_trace(sink, settings.trace, { exit = status_of(results) })
  end
  settle_stderr()
  sink.delivered = true
  sink.status = status_of(results)
  local ok, message, code = core.writer.send(STDOUT, text, true)
  sink.complete = ok
  -- A process that was detached has no reader when its starter is gone. The result is the image.
  if not ok and not task.scope().run.left then
    task.check()
    errors.raise { kind = "failed", message = "cannot write the result: " .. message, code = code }
  end
end

-- The slots for builds. Processes that build behind results share theirs.
local function places(left, count)
  return left and left.is_behind and require("molbuild.machine.behind").slots(count, left) or task.semaphore(count)
end

--- The policy's run(), inside a task.
local function timed_out(seconds)
  return errors.new { kind = "timeout", message = ("the run took longer than %g s (--timeout)"):format(seconds) }
end

-- Run FN as the task of a run: signals and --timeout end it.
local function in_task(settings, fn)
  return task.run(function()
    if not settings.timeout then
      return fn()
    end
    return task.timeout(settings.timeout, fn, timed_out(settings.timeout))
  end, { signals = { SIGHUP, SIGINT, SIGALRM, SIGTERM, SIGXCPU } })
end

-- The function of a verb. A verb that is a file of its own can have a table of options as the policy's field: gc = { keep = 3 }.
local function function_of(policy, verb, library)
  local own = rawget(policy, verb)
  if type(own) ~= "table" then return own end
  return function(args) return library.load("verbs/" .. verb .. ".lua").verb(policy, args) end
end

local function run_policy(policy, args, settings, sink, library)
  local verb = settings.verb or "run"
  local fn = function_of(policy, verb, library)
  local function body()
    local scope = task.scope()
    -- Also when the task is closed: the ticker waits for it.
    local state <close> = setmetatable({ over = false }, { __close = function(self) self.over = true end })
    scope.wants_lines = sink.renderer.wants_lines or settings.verbose
    scope.verbose, scope.json = settings.verbose, settings.json
    -- For a verb that keeps running: before it writes to stdout itself, and before it shows several runtimes one by one.
    function scope.settle() sink.renderer:close() end
    function scope.several() sink.renderer.several = true end
    scope.lock_timeout = settings.lock_timeout
    scope.asked = sink.results.asked
    scope.places = places(scope.run.left, settings.jobs)
    scope.said, scope.behind = {}, {}
    local ticker = task.spawn(tick_to_the_end, sink, state)
    local results = table.pack(xpcall(fn, errors.handler, args))
    state.over = true
    ticker:cancel()
    if not results[1] then
      error(results[2], 0)
    end
    local values = table.pack(table.unpack(results, 2, results.n))
    task.check() -- a primitive that was cancelled gives nil, and so may a policy that returns it
    expect.results(verb, fn, values, verb ~= "run")
    return values
  end
  local function all()
    deliver(body(), settings, sink)
    for _, behind in ipairs(task.scope().behind) do behind() end
  end
  in_task(settings, all)
end

--- Fill in the words that the policy wants the run to be shown in; the renderer has the table since before it was loaded.
local function take_words(words, policy, path)
  local own = rawget(policy, "words")
  local fault = own ~= nil and require("molbuild.policy.words").fault(own)
  if fault then
    errors.raise { kind = "bug", message = ("%s: %s"):format(path, fault) }
  end
  for name, value in pairs(own or {}) do
    words[name] = value
  end
end

-- The verbs of a policy are those of its field `verbs`; without one it has run alone.
local function check_verb(policy, path, verb)
  local verbs = rawget(policy, "verbs") or { run = "" }
  if not verbs[verb] then
    errors.raise {
      kind = "usage",
      message = ("%s has no verb %s%s"):format(path, verb, require("molbuild.base.nearest").hint(verb, verbs)),
      hint = "molbuild help " .. path,
    }
  elseif type(rawget(policy, verb)) ~= "function" and (verb == "run" or type(rawget(policy, verb)) ~= "table") then
    errors.raise { kind = "bug", message = ("%s has no function %s"):format(path, verb) }
  end
end

local function load_policy(path, library, words, verb)
  local policy = script.load(path, library)
  script.main = path
  take_words(words, policy, path)
  if task.scope().run.left then require("molbuild.detached").tell_words(words) end
  check_verb(policy, path, verb)
  return policy
end

-- The path of this program; nil where it is another one that has loaded the library. A program that was replaced while it runs is
-- known to the system alone.
local function own_path(program)
  local path = program.prefix and core.sys.executable()
  return path and (core.fs.lstat(path) and path or "/proc/self/exe") or nil
end

-- The run is another process's.
local function show_detached(name, args, settings, sink, program)
  sink.status = require("molbuild.detached").run(settings, name, args, sink, own_path(program), function(fn)
    return in_task(settings, function()
      local ticker = task.spawn(tick_to_the_end, sink, { over = true })
      local status = fn()
      ticker:cancel()
      return status
    end)
  end)
end

local function load_and_run(name, args, settings, sink, program)
  if settings.failure then
    error(settings.failure, 0)
  elseif settings.detach then
    return show_detached(name, args, settings, sink, program)
  elseif settings.trace then
    -- A trace file that cannot be written is reported before the work, not after it.
    sink.trace = require("molbuild.trace").new()
    write_trace(sink, settings.trace)
  end
  local path, passed_over = script.find(name)
  busy.limit(settings.timeout, settings.timeout and timed_out(settings.timeout))
  busy.guard() -- a policy's main chunk runs outside of every task
  events.emit("run_started", { version = program.version, script = name, path = path, args = args })
  local ok, policy = xpcall(load_policy, errors.handler, path, program.library, settings.words, settings.verb or "run")
  if passed_over then
    events.emit("log", { level = "warn", message = ("%s was not used: %s overrides it"):format(passed_over, path) })
  end
  task.scope().version, task.scope().policy = program.version, ok and script.identity() or nil
  task.scope().run.script, task.scope().run.args = path, args
  run_policy(ok and policy or error(policy, 0), args, settings, sink, program.library)
end

--- Write the results of a failed run to stdout, as objects; not after a result that was written in part. A signal may have
--- ended the run: a reader that does not read must not delay its end.
local function deliver_failures(sink)
  -- As in deliver(): first the failures that were kept back.
  sink.renderer:close()
  local ok, _, reason = core.writer.put(STDOUT, sink.results:failures())
  if not core.writer.flush(STDOUT, FLUSH_SECONDS) or not ok then
    events.emit("failed", errors.fields(errors.new {
      kind = "failed", message = "cannot write the result: " .. (reason or "its reader is gone"),
    }))
  end
end

--- Report how the run ended. The trace of a failed run is written here.
local function tell_end(sink, settings, failure, seconds)
  if failure and not failure.reported then
    events.emit("failed", errors.fields(failure))
  end
  local status = failure and errors.exit_code(failure) or sink.status or 0
  if failure and sink.trace then
    local ok, message = pcall(write_trace, sink, settings.trace, { exit = status })
    if not ok then
      events.emit("failed", errors.fields(message))
    end
  end
  sink.trace = nil
  if failure and settings.json and not sink.delivered then
    deliver_failures(sink)
  end
  events.emit("run_ended", { exit = status, seconds = seconds })
  return status
end

-- What another process of this program's own needs to run the same policy.
local function how_to_run(settings, program)
  return {
    program = function() return own_path(program) end,
    left = core.sys.getenv "MOLBUILD_BEHIND" and require("molbuild.machine.behind").left() or nil,
    jobs = settings.jobs, verbose = settings.verbose, source = function() return script.running.source end,
  }
end

--- The whole run.
---@param settings table  from the options; `failure`: an error in them
---@param name string?  the policy, as given on the command line; nil with a failure
---@param args string[]?
---@param program { version: string, library: table }
---@return integer status
function run.main(settings, name, args, program)
  local started = core.sys.monotonic()
  settings.words = {}
  local sink = sinks(settings)
  local _ <close> = defer(function() sink.renderer:close() end)
  local scope = task.scope()
  -- The scope of the whole process: messages outside of all tasks are shown, too.
  scope.events, scope.lines, scope.is_slow = sink.event, sink.lines, sink.is_slow
  scope.run = how_to_run(settings, program)
  local ok, failure = xpcall(load_and_run, errors.handler, name, args, settings, sink, program)
  local function finish()
    local status = tell_end(sink, settings, not ok and failure or nil, core.sys.monotonic() - started)
    scope.events, scope.lines, scope.is_slow = nil, nil, nil
    sink.renderer:close()
    sink.stream:finish()
    return status
  end
  if not sink.complete then
    return finish()
  end
  -- The result has been written and stays valid: neither a signal nor a lack of memory can turn this run into a failed one.
  ok = true
  local finished, problem = pcall(finish)
  if not finished then
    pcall(core.writer.put, STDERR, errors.format(problem) .. "\n")
  end
  return sink.status
end

return run
