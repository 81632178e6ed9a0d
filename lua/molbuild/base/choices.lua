--- The options of `run`, as they change a job.
local errors = require "molbuild.base.errors"

local choices = {}

--- Give a job what the options ask for.
---@param self table  the job
---@param options table<string, string|true>  as of arguments.parse
---@return table self
---@raise usage
function choices.apply(self, options)
  if self.registry then
    errors.raise {
      kind = "usage", message = ("option --%s has no effect in registry mode: nothing is built"):format((next(options))),
    }
  end
  self.rebuild = options.rebuild or nil
  self.allow_detached = options.allow_detached or nil
  return self
end

return choices
