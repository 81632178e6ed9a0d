-- Plain lines, for pipes, logs and terminals without cursor movement. Every write consists of whole lines.

local paint = require "molbuild.progress.paint"
local report = require "molbuild.progress.report"
local say = require "molbuild.progress.say"
local text = require "molbuild.base.text"

local plain = {
  --- Seconds without a line of a runtime before a line reports that it still runs.
  alive_every = 60,
}

---@class molbuild.PlainRenderer
local Plain = {}
Plain.__index = Plain

--- A renderer that writes plain lines.
---@param opts { write: fun(text: string), verbose: boolean?, several: boolean?, color: boolean?, words: molbuild.Words? }
---@return molbuild.PlainRenderer
function plain.new(opts)
  local painter, words = paint.new(opts.color or false), opts.words or {}
  return setmetatable({
    write = opts.write,
    verbose = opts.verbose or false,
    several = opts.several or false,
    alive_every = plain.alive_every,
    paint = painter,
    words = words,
    report = report.new(painter, words, opts.verbose),
  }, Plain)
end

-- The script's path is printed before the first other line, if there is one.
function Plain:_put(line, spare)
  local script = self.script
  self.script = nil
  return self.write((script and say.script(script, self.words) .. "\n" or "") .. line .. "\n", spare)
end

function Plain:_step(e, what)
  local name = self.several and e.runtime and "[" .. text.one_line(e.runtime) .. "] " or ""
  self:_put(name .. what)
end

function Plain:_failures()
  local lines = self.report:take()
  if #lines > 0 then
    self:_put(table.concat(lines, "\n"))
  end
end

local handlers = {}

function handlers.run_started(self, e)
  self.script = e
end

function handlers.job_started(self, e)
  self.report:expect(e.runtime)
  self.several = self.several or self.report.runtimes > 1
end

function handlers.job_waiting(self, e)
  handlers.job_started(self, e)
  self:_step(e, "waiting for a slot")
end

-- The other steps are too short for a line.
function Plain:_is_slow_step(e)
  return text.is_one_of(e.step, self.words.slow or {})
end

function handlers.step_started(self, e)
  if self:_is_slow_step(e) then
    self:_step(e, e.step)
  end
end

function handlers.step_ended(self, e)
  if e.ok and self:_is_slow_step(e) then
    self:_step(e, e.step .. " done in " .. text.duration(e.seconds))
  end
end

-- Without -v this renderer does not see when the last line came.
function handlers.alive(self, e)
  local what = e.step and e.step .. " still running after " or "still waiting for a slot after "
  local silent = self.verbose and e.step and ", silent for " .. text.duration(e.silent) or ""
  self:_step(e, text.one_line(what) .. text.duration(e.seconds) .. silent)
end

function handlers.progress(self, e)
  self:_step(e, say.count(e.step or "step", e.done, e.total) .. "  " .. text.one_line(e.text))
end

function handlers.line(self, e)
  self:lines(e, text.one_line(e.text) .. "\n")
end

function handlers.result(self, e)
  local line = say.line(e, self.several, self.paint, self.words)
  -- What found its image is one line, which then includes the script's path.
  if e.outcome and e.outcome == self.words.unchanged and self.script then
    line = line .. " (" .. text.one_line(self.script.path) .. ")"
    self.script = nil
  end
  self:_put(line)
end

function handlers.failed(self, e)
  self.report:add(e)
  if not self.several or e.now then
    self:_failures()
  elseif e.runtime then
    -- The other jobs may take long. The report with the tail comes at the end, where other lines do not hide it.
    self:_put(self.paint(report.heading(e, self.words), "red") .. ": " .. text.one_line(e.message))
  end
end

function handlers.run_ended(self)
  self:_failures()
  -- Nothing else was printed: print which file ran.
  if self.script then
    self.write(say.script(self.script, self.words) .. "\n")
    self.script = nil
  end
end

--- Show an event.
---@param e table
function Plain:event(e)
  local handler = handlers[e.event]
  if handler then
    handler(self, e)
  else
    local line = say.line(e, self.several, self.paint, self.words)
    if line then
      self:_put(line)
    end
  end
end

--- Show the lines that a child printed.
---@param e table  the fields that their events share
---@param lines string  each line ends in a newline
---@return boolean? slow  the reader is slow: send nothing more for a moment
function Plain:lines(e, lines)
  if self.verbose then
    return self:_put(say.output(e, lines, self.several), true)
  end
end

--- The line that reports dropped output.
---@param message string
---@return string
function Plain:note(message)
  return say.line({ event = "log", level = "warn", message = message }, false, self.paint, self.words) .. "\n"
end

--- This renderer shows nothing that changes with time.
function Plain.tick() end

--- Show what was kept back. May be called twice.
function Plain:close()
  self:_failures()
end

return plain
