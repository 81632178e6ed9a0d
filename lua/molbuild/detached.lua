--- `molbuild run --detach`: the run is done by a process of its own from its beginning, and this one only shows it. So the run
--- continues when this process ends, whatever ends it.
local core = require "molbuild.core"
local encode = require "molbuild.progress.encode"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local json = require "molbuild.base.json"
local task = require "molbuild.base.task"

local detached = {}

local STDOUT = 1
-- Between these two processes alone.
local WORDS = "words"
-- Seconds between the result's arrival and its writing: messages that came before it are shown before it.
local BREATH = 0.1
-- Bytes of a line of output without an end, which is no event.
local LINE_MAX = 1024 * 1024

-- The process that runs ------------------------------------------------------------------------------------------------------

--- Tell the starter how the policy wants to be shown, which it does not load.
---@param words molbuild.Words
function detached.tell_words(words)
  events.emit(WORDS, { words = encode.object(words, nil, { slow = true }) })
end

-- The process that shows -----------------------------------------------------------------------------------------------------

local Shown = {}
Shown.__index = Shown

local notes = {}

function notes.words(self, e)
  for name, value in pairs(json.decode(e.words) or {}) do self.settings.words[name] = value end
  return true
end

-- This process has an end of its own, and its own signs of life.
function notes.run_ended(self, e)
  self.status = e.exit
  return true
end

function notes.alive()
  return true
end

-- After a signal, objects on stdout name what had been asked for.
function notes.job_started(self, e)
  table.insert(self.sink.results.asked, e.runtime)
end

-- The lines that came together, of one step.
function Shown:show_lines()
  local lines = self.lines
  self.lines = nil
  if lines then
    self.is_slow = self.sink.lines(lines.event, table.concat(lines, "\n") .. "\n")
  end
end

function Shown:line(e)
  local lines = self.lines
  if not lines or lines.event.runtime ~= e.runtime or lines.event.step ~= e.step then
    self:show_lines()
    lines = { event = { event = "line", time = e.time, runtime = e.runtime, step = e.step } }
    self.lines = lines
  end
  lines[#lines + 1] = e.text
end

-- A line that is no event comes from a library, or from the system.
function Shown:event(text)
  local e = json.decode(text)
  if type(e) ~= "table" or type(e.event) ~= "string" then
    e = { event = "log", level = "info", message = text, time = core.sys.now() }
  end
  e.v = nil
  if e.event == "line" then return self:line(e) end
  self:show_lines()
  local note = notes[e.event]
  if not (note and note(self, e)) then self.sink.event(e) end
end

function Shown:output(bytes)
  local text, from = self.rest .. bytes, 1
  for line, next_one in text:gmatch "([^\n]*)\n()" do
    self:event(line)
    from = next_one
  end
  self.rest = text:sub(from)
  if #self.rest > LINE_MAX then self.rest = "" end
  self:show_lines()
  if bytes == "" then self.is_slow = self.sink.is_slow() end
  return self.is_slow and "wait" or nil
end

-- Write the result as far as it has come.
function Shown:deliver()
  local text = table.concat(self.result)
  if text == "" then return end
  self.result = {}
  self.sink.renderer:close(true)
  self.sink.delivered = true
  local ok, message, code = core.writer.send(STDOUT, text)
  if not ok then
    task.check()
    errors.raise { kind = "failed", message = "cannot write the result: " .. message, code = code }
  end
end

local function flag(list, name, value)
  if value ~= nil and value ~= false then list[#list + 1] = value == true and name or ("%s=%s"):format(name, value) end
end

-- The command line of the run: that of this process, without what is only this one's.
local function command(settings, name, args)
  local argv = { "molbuild", settings.verb or "run", "--progress=json", "--jobs=" .. settings.jobs }
  flag(argv, "-v", settings.verbose)
  flag(argv, "--output", settings.json and "json")
  flag(argv, "--trace", settings.trace)
  flag(argv, "--lock-timeout", settings.lock_timeout and ("%.17g"):format(settings.lock_timeout))
  argv[#argv + 1] = "--"
  argv[#argv + 1] = name
  return table.move(args, 1, #args, #argv + 1, argv)
end

-- What ended this process did not end the run.
local function goes_on(failure, pid)
  if not errors.is(failure) or not pid then return failure end
  failure.message = ("%s; the run continues as the process %d"):format(failure.message, pid)
  failure.hint = ("the next run of the same joins it; to stop it: kill %d"):format(pid)
  return failure
end

local function follow(self, argv)
  local ticker = task.spawn(function()
    while core.sys.sleep(BREATH) do self:deliver() end
  end)
  local ended, message, code = core.process.follow {
    program = self.program, argv = argv, env = { MOLBUILD_BEHIND = "followed" },
    on_start = function(pid) self.pid = pid end,
    on_output = task.callback(function(bytes) return self:output(bytes) end),
    on_result = function(bytes) table.insert(self.result, bytes) end,
  }
  task.check()
  ticker:cancel()
  if not ended then errors.raise { kind = "failed", message = message, code = code } end
  self.has_ended = true
  self:deliver()
  if not self.status then
    errors.raise {
      kind = "failed", retry = true, message = ("the process %d, which ran this, has ended without a result"):format(self.pid),
      hint = "it was killed: look at the system's log, or run the same again",
    }
  end
  return self.status
end

--- Let another process of this program do the run, and show it as one of this process.
---@param settings table  as of run.main
---@param name string  the policy, as given on the command line
---@param args string[]
---@param sink table  of the run's events
---@param program string?  the path of this program
---@param wait fun(fn: fun(): any): any  runs FN as a run's task: with its bound and its signals, while live lines are drawn
---@return integer status
---@raise signal | timeout | failed
function detached.run(settings, name, args, sink, program, wait)
  if not program then errors.raise { kind = "usage", message = "--detach needs the program molbuild itself" } end
  local self = setmetatable({ settings = settings, sink = sink, program = program, rest = "", result = {} }, Shown)
  local ok, result = xpcall(wait, errors.handler, function() return follow(self, command(settings, name, args)) end)
  return ok and result or error(goes_on(result, not self.has_ended and self.pid), 0)
end

return detached
