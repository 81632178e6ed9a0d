-- Failures only, when all is over.

local paint = require "molbuild.progress.paint"
local report = require "molbuild.progress.report"

local quiet = {}

---@class molbuild.QuietRenderer
local Quiet = {}
Quiet.__index = Quiet

--- A renderer that shows failures and nothing else.
---@param opts { write: fun(text: string), color: boolean? }
---@return molbuild.QuietRenderer
function quiet.new(opts)
  return setmetatable({ write = opts.write, report = report.new(paint.new(opts.color or false)) }, Quiet)
end

--- Keep a failure; show them at the end of the run.
---@param e table
function Quiet:event(e)
  if e.event == "job_started" or e.event == "job_waiting" then
    self.report:expect(e.runtime)
  elseif e.event == "failed" then
    self.report:add(e)
  elseif e.event == "run_ended" then
    self:close()
  end
end

--- Nobody wants to see these.
function Quiet.lines() end

--- Nothing here changes by itself.
function Quiet.tick() end

--- Show what was kept back. May be called twice.
function Quiet:close()
  local lines = self.report:take()
  if #lines > 0 then
    self.write(table.concat(lines, "\n") .. "\n")
  end
end

return quiet
