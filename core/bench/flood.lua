--- A policy that runs a child which prints a lot, into a log: flood.lua HOW LOG KEPT COMMAND [ARGUMENT...]
---
--- HOW is "core" (the primitive alone) or "build" (as a build does it: every line an event). KEPT is how many bytes the
--- log must hold in the end.
local molbuild = require "molbuild"
local core = molbuild.core

local flood = {}

function flood.run(args)
  local how, log, kept = args[1], args[2], tonumber(args[3])
  core.mask.secret("9b3f6a1c0d5e7f8290a1b2c3d4e5f60718293a4b", "token")
  local run = how == "build" and molbuild.child.run or core.process.run
  local result = assert(run { argv = table.move(args, 4, #args, 1, {}), log_file = log, stall = 240, timeout = 720 })
  local size = core.fs.lstat(log).size
  if result.code ~= 0 or size ~= kept then
    molbuild.raise { kind = "failed", message = ("exit %d, log of %d bytes, not %d"):format(result.code, size, kept) }
  end
end

return flood
