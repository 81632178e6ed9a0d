-- Failures only, at the end of the run.

local paint = require "molbuild.progress.paint"
local report = require "molbuild.progress.report"
local say = require "molbuild.progress.say"

local quiet = {}

---@class molbuild.QuietRenderer
local Quiet = {}
Quiet.__index = Quiet

--- A renderer that shows failures and nothing else.
---@param opts { write: fun(text: string), color: boolean?, words: molbuild.Words? }
---@return molbuild.QuietRenderer
function quiet.new(opts)
  local painter, words = paint.new(opts.color or false), opts.words or {}
  return setmetatable({ write = opts.write, paint = painter, words = words, report = report.new(painter, words) }, Quiet)
end

--- Keep a failure; show them at the end of the run.
---@param e table
function Quiet:event(e)
  if e.event == "job_started" or e.event == "job_waiting" then
    self.report:expect(e.runtime)
  elseif e.event == "failed" then
    self.report:add(e)
    if e.now then self:close() end
  elseif e.event == "run_ended" then
    self:close()
  end
end

--- This renderer shows no lines.
function Quiet.lines() end

--- The line that reports dropped output.
---@param message string
---@return string
function Quiet:note(message)
  return say.line({ event = "log", level = "warn", message = message }, false, self.paint, self.words) .. "\n"
end

--- This renderer shows nothing that changes with time.
function Quiet.tick() end

--- Show what was kept back. May be called twice.
function Quiet:close()
  local lines = self.report:take()
  if #lines > 0 then
    self.write(table.concat(lines, "\n") .. "\n")
  end
end

return quiet
