--- A policy that runs a child which prints a lot, into a log: flood.lua HOW LOG KEPT COMMAND [ARGUMENT...]
---
--- HOW is "core" (the primitive alone) or "build" (COMMAND stands for the docker CLI, and a build is run by it, as any
--- policy does). KEPT is how many bytes the log of the primitive must hold in the end; that of a build is bounded.
local molbuild = require "molbuild"
local core = molbuild.core

local flood = {}

local runs = {}

function runs.core(log, command)
  local result = assert(core.process.run { argv = command, log_file = log, log_max = math.huge, stall = 240, timeout = 720 })
  assert(result.code == 0, "it failed")
end

function runs.build(log, command)
  local engine = molbuild.docker.engine { command = command[1] }
  function engine.image() return { labels = {} } end -- that program leaves none in any engine
  engine:build {
    tag = "bench:1", dir = "/none", builder = "buildkit", log_file = log, stall = 240, timeout = 720,
  }
end

function flood.run(args)
  local how, log, kept = args[1], args[2], tonumber(args[3])
  core.mask.secret("9b3f6a1c0d5e7f8290a1b2c3d4e5f60718293a4b", "token")
  runs[how](log, table.move(args, 4, #args, 1, {}))
  local size = core.fs.lstat(log).size
  if how == "core" and size ~= kept then
    molbuild.raise { kind = "failed", message = ("the log has %d bytes, not %d"):format(size, kept) }
  end
  return log
end

return flood
