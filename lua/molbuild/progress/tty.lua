-- One live line per runtime, for a terminal.

local layout = require "molbuild.progress.layout"
local newest = require "molbuild.progress.newest"
local paint = require "molbuild.progress.paint"
local report = require "molbuild.progress.report"
local say = require "molbuild.progress.say"
local screen = require "molbuild.progress.screen"
local text = require "molbuild.base.text"

local INTERVAL = 0.1
-- Bytes of lines kept between two frames; above this the next frame is drawn immediately.
local MAX_HELD = 64 * 1024
-- The same while the terminal accepts no output (Ctrl-S); above this build output is dropped.
local MAX_STUCK = 256 * 1024
-- Seconds for which a build is slowed down while the terminal accepts no output.
local MAX_BLOCKED = 1
-- For a terminal that does not report its size.
local COLUMNS, ROWS = 80, 24

local tty = {}

---@class molbuild.TtyRenderer
local Tty = {}
Tty.__index = Tty

---@class molbuild.TtyOptions
---@field write fun(text: string)
---@field is_free (fun(): boolean)?  whether all output has been written; always when absent
---@field columns fun(): integer?  read before every frame
---@field rows fun(): integer?
---@field now fun(): number  seconds, monotonic
---@field width { columns: fun(s: string): integer, cut: fun(s: string, columns: integer): string }
---@field verbose boolean?  every output line is printed above the live lines
---@field several boolean?
---@field color boolean?
---@field words molbuild.Words?
---@field unicode boolean?
---@field last_words (fun(text: string))?  see molbuild.progress.screen
---@field continued (fun(): boolean)?  whether the program has been continued after a stop; never when absent
---@field in_foreground (fun(): boolean)?  whether molbuild is in the terminal's foreground; always when absent
---@field reflows boolean?  whether the terminal wraps its lines again when it becomes narrower; true when absent

--- A renderer that draws live lines.
---@param opts molbuild.TtyOptions
---@return molbuild.TtyRenderer
function tty.new(opts)
  local painter, words = paint.new(opts.color or false), opts.words or {}
  local function always() return true end
  opts.is_free, opts.in_foreground = opts.is_free or always, opts.in_foreground or always
  opts.continued = opts.continued or function() return false end
  return setmetatable({
    opts = opts,
    wants_lines = true, -- the newest one is shown on the runtime's line
    paint = painter,
    words = words,
    several = opts.several or false,
    report = report.new(painter, words, opts.verbose),
    screen = screen.new {
      write = opts.write, width = opts.width, reflows = opts.reflows ~= false, last_words = opts.last_words,
    },
    jobs = {},
    by_key = {},
    name_width = 0,
    held = {}, -- lines to print above the live ones
    spare = {}, -- by index: which of them are build output
    held_bytes = 0,
    lost = 0, -- dropped lines
    last = -math.huge,
    dirty = false,
  }, Tty)
end

function Tty:_above(line, spare)
  if self.script then
    local script = say.script(self.script, self.words)
    self.script = nil
    self:_above(script)
  end
  self.held[#self.held + 1] = line
  self.spare[#self.held] = spare
  self.held_bytes = self.held_bytes + #line
end

-- The job that an event belongs to. A policy without jobs gets one with the name of its script.
function Tty:_job(e)
  local key = e.runtime or ""
  local job = self.by_key[key]
  if not job then
    local name = e.runtime or (self.run and self.run.script:match("[^/]+$")) or "molbuild"
    job = { key = key, name = text.one_line(name), started = self.opts.now(), waiting = false, text = "" }
    self.by_key[key] = job
    self.jobs[#self.jobs + 1] = job
    self.name_width = math.max(self.name_width, self.opts.width.columns(job.name))
    self.report:expect(e.runtime)
    self.several = self.several or self.report.runtimes > 1
  end
  return job
end

function Tty:_lines(jobs)
  return layout.block(jobs, self.opts.columns() or COLUMNS, {
    now = self.opts.now(),
    name_width = self.name_width,
    unicode = self.opts.unicode or false,
    paint = self.paint,
    words = self.words,
    width = self.opts.width,
  })
end

-- Print the job's final line above those that are still live.
function Tty:_settle(job)
  self.by_key[job.key] = nil
  for i, other in ipairs(self.jobs) do
    if other == job then
      table.remove(self.jobs, i)
      break
    end
  end
  self:_above(self:_lines({ job })[1].shown)
end

function Tty:_block(columns, rows)
  local shown, hidden = layout.choose(self.jobs, math.max(1, rows - 1))
  local lines = self:_lines(shown)
  if hidden > 0 then
    local more = ("... and %d more"):format(hidden):sub(1, math.max(0, columns - 1))
    lines[#lines + 1] = { plain = more, shown = more }
  end
  return lines
end

-- One line, in place of the newest dropped ones, reports all of them.
function Tty:_drop_output()
  local kept, bytes = {}, 0
  for index, line in ipairs(self.held) do
    if self.spare[index] then
      self.lost = self.lost + 1
    elseif line ~= self.note then
      kept[#kept + 1] = line
      bytes = bytes + #line
    end
  end
  self.note = say.line({ event = "log", level = "warn", message = say.dropped(self.lost) }, false, self.paint, self.words)
  kept[#kept + 1] = self.note
  self.held, self.spare, self.held_bytes = kept, {}, bytes
end

-- While an earlier frame waits to be written, none is drawn except the last one: each frame builds on the one before it.
function Tty:_draw(last)
  if not last and not self.opts.is_free() then
    self.blocked = self.blocked or self.opts.now()
    if self.held_bytes > MAX_STUCK then
      self:_drop_output()
    end
    return
  end
  local columns, rows = self.opts.columns() or COLUMNS, self.opts.rows() or ROWS
  -- A run that was continued in the background has no live lines: the cursor belongs to the shell.
  local ours = not self.was_stopped or self.opts.in_foreground()
  self.screen:draw(self.held, ours and self:_block(columns, rows) or {}, columns)
  self.held, self.spare, self.held_bytes, self.lost, self.blocked = {}, {}, 0, 0, nil
  self.last, self.dirty = self.opts.now(), false
end

local handlers = {}

function handlers.run_started(self, e)
  self.run, self.script = e, e
end

function handlers.job_started(self, e)
  self:_job(e).waiting = false
end

function handlers.job_waiting(self, e)
  local job = self:_job(e)
  job.waiting, job.text = true, ""
end

function handlers.job_ended(self, e)
  local job = self:_job(e)
  job.ended = {
    ok = e.ok, cancelled = e.cancelled, skipped = e.skipped, seconds = e.seconds, outcome = e.outcome,
    image = e.image and text.one_line(e.image), reason = job.reason,
  }
  if e.outcome and e.outcome == self.words.unchanged then
    self.script = nil
  end
  self:_settle(job)
end

function handlers.step_started(self, e)
  local job = self:_job(e)
  job.step, job.waiting, job.between = text.one_line(e.step), false, false
  job.done, job.total, job.text = nil, nil, ""
end

function handlers.step_ended(self, e)
  self:_job(e).between = e.ok
end

function handlers.progress(self, e)
  local job = self:_job(e)
  job.done, job.total, job.text = e.done, e.total, e.text
end

function handlers.line(self, e)
  self:lines(e, text.one_line(e.text) .. "\n")
end

function handlers.log(self, e)
  self:_above(say.line(e, self.several, self.paint, self.words))
end

function handlers.building(self, e)
  if e.reason then self:_above(say.reason(e, self.several, self.words)) end
end

-- A runtime's own line has no room for all details of the lock's holder.
function handlers.lock_waiting(self, e)
  self:_job(e).text = say.held(e)
  handlers.log(self, e)
end

function handlers.lock_acquired(self, e)
  self:_job(e).text = ""
  handlers.log(self, e)
end

handlers.retry = handlers.log

function handlers.failed(self, e)
  self.report:add(e)
  if e.runtime then
    self:_job(e).reason = text.one_line(e.message)
  end
  for _, line in ipairs(e.now and self.report:take() or {}) do self:_above(line) end
end

-- The line of a policy without jobs.
function Tty:_end_own(status)
  local own = self.by_key[""]
  if own then
    own.ended = { ok = status == 0, cancelled = status > 128, seconds = self.opts.now() - own.started }
    self:_settle(own)
  end
end

function handlers.run_ended(self, e)
  self:_end_own(e.exit)
  self:_finish()
end

-- The last frame: live lines stay as they are, failures follow below.
function Tty:_finish()
  while self.jobs[1] do
    self:_settle(self.jobs[1])
  end
  for _, line in ipairs(self.report:take()) do
    self:_above(line)
  end
  self:_draw(true)
end

function Tty:_changed()
  self.dirty = true
  if self.opts.now() - self.last >= INTERVAL or self.held_bytes > MAX_HELD then
    self:_draw()
  end
end

--- Show an event, now or with one of the next frames.
---@param e table
function Tty:event(e)
  local handler = handlers[e.event]
  if handler then
    handler(self, e)
    self:_changed()
  end
end

--- Show the newest of the lines that a child printed, or all of them.
---@param e table  the fields that their events share
---@param lines string  each line ends in a newline
---@return boolean? slow  the reader is slow: send nothing more for a moment
function Tty:lines(e, lines)
  local job = self.by_key[e.runtime or ""]
  if job then
    job.text = newest.among(lines) or job.text
  end
  if self.opts.verbose then
    for line in say.output(e, lines, self.several):gmatch "[^\n]*" do
      self:_above(line, true)
    end
  end
  self:_changed()
  return self:is_slow()
end

--- Whether much output waits to be drawn, and the terminal may accept it soon.
---@return boolean
function Tty:is_slow()
  return self.blocked ~= nil and self.held_bytes > MAX_HELD and self.opts.now() - self.blocked < MAX_BLOCKED
end

--- Draw what changed, including times. Call it about ten times per second.
---@return number seconds  until the next call is due
function Tty:tick()
  if self.opts.continued() then
    self.was_stopped, self.dirty = true, true
    self.screen:forget()
  end
  if (self.dirty or #self.jobs > 0) and self.opts.now() - self.last >= INTERVAL then
    self:_draw()
  end
  return INTERVAL
end

--- Show what was kept back, and restore the terminal, whatever happens. May be called twice.
---@param done boolean?  the policy has finished: its own job has succeeded
function Tty:close(done)
  if done then
    self:_end_own(0)
  end
  local ok, failure = pcall(self._finish, self)
  self.screen:close()
  if not ok then
    error(failure, 0)
  end
end

return tty
