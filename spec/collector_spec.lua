-- Every primitive under a collector that runs whenever it can: what C holds, something on the stack keeps alive. `make asan` runs
-- this too, where reading memory that was freed ends the program; elsewhere malloc overwrites what is freed.
local assert_names = require "spec.support.assert_names"
local core = require "molbuild.core"
local sh = require "spec.support.sh"

--- Whether the driver succeeded, and what it printed. It cannot report leaks: sys.protect_memory() keeps debuggers out.
local function drive(mode)
  local interpreter = assert(core.sys.executable())
  local dir = sh.temporary "collector"
  local path = dir .. "/out"
  local command = ("MALLOC_PERTURB_=85 ASAN_OPTIONS=detect_leaks=0:exitcode=99 %s spec/support/collector.lua %s >%s 2>&1"):format(
    sh.quote(interpreter), mode, sh.quote(path))
  local ok = sh.try { "sh", "-c", command }
  local output = assert(core.fs.read(path))
  sh.remove(dir)
  return ok, output
end

describe("the primitives under an aggressive collector", function()
  it("are all driven", function()
    local registered, driven, _, output = {}, {}, drive "list"
    for topic, functions in pairs(core) do
      for name in pairs(functions) do registered[topic .. "." .. name] = true end
    end
    for name in output:gmatch "[^\n]+" do driven[name] = true end
    assert_names(registered, driven, "spec/support/collector.lua")
  end)

  for _, mode in ipairs { "incremental", "generational" } do
    it("hold nothing that was freed: " .. mode, function()
      local ok, output = drive(mode)
      assert.is_true(ok and output:find "\ndone\n$" ~= nil, output)
    end)
  end
end)
