--- The shipped policy's main job, again and again in one process: soak.lua RUNTIME HITS. Prints a line of KIB DESCRIPTORS OBJECTS
--- after a tenth of them and one after all: resident memory, open descriptors, and memory that Lua has in use, in KiB.
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"
local core = molbuild.core

local function measure()
  collectgarbage()
  collectgarbage()
  local pages = core.fs.read("/proc/self/statm", 4096):match "^%d+ (%d+)"
  return ("%d %d %d"):format(pages * 4, #core.fs.list("/proc/self/fd"), collectgarbage "count" // 1)
end

local soak = {}

function soak.run(args)
  local lines, hits = {}, assert(math.tointeger(tonumber(args[2])))
  for hit = 1, hits do
    local job = ensure.job(args[1])
    ensure.image(job)
    assert(job.outcome == "hit", job.outcome)
    if hit == hits // 10 or hit == hits then lines[#lines + 1] = measure() end
  end
  return table.unpack(lines)
end

return soak
