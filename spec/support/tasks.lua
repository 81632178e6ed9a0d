--- What the specs of tasks share.
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local tasks = {}

--- Run FN as a root task; returns ok, and the result or the error.
function tasks.run(fn, options)
  return pcall(task.run, fn, options)
end

--- A task that waits until it is cancelled, and notes that it was.
function tasks.wait_for_ever(seen, name)
  local _, _, code = core.sys.sleep(60)
  seen[#seen + 1] = name .. " " .. tostring(code)
  task.check()
end

return tasks
