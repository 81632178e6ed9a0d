-- BuildKit's silent phases on a real build. The docker program is halted in the middle of the export of a large layer, by
-- which the silence lasts as long as the spec needs it to.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Halts the client, synchronously, when it has said that the export has begun, for some seconds.
local POLICY = [[
  local ensure = molbuild.load "ensure.lua"
  local docker_output = require "molbuild.engine.output"
  local quiet_phases = docker_output.quiet_phases
  function docker_output.quiet_phases(builder)
    local quiet = quiet_phases(builder)
    return function(line)
      if line:find "^#%%d+ exporting layers$" then
        local self = io.open "/proc/self/stat":read "n"
        for pid in io.open(("/proc/self/task/%%d/children"):format(self)):read "a":gmatch "%%d+" do
          if io.open("/proc/" .. pid .. "/cmdline"):read "a":find("build", 1, true) then
            require "shell" (("kill -STOP %%s; { sleep %d; kill -CONT %%s; } &"):format(pid, pid))
          end
        end
      end
      return %s quiet(line)
    end
  end
  return ensure
]]

describe("a silent phase of BuildKit", function()
  local w, path

  setup(function()
    w = world.new()
    path = w:client "buildkit"
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  --- Start a build whose export is halted for SECONDS; NOT precedes the phase in the message.
  local function start(runtime, seconds, stall, negation)
    w:commit("org", runtime, {
      Dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\n"
        -- Never a step that the engine has in its cache; on a slow disk it says something between two files.
        .. ('RUN ["/bin/busybox", "sh", "-c", "echo %s %s; for i in 0 1 2 3 4 5 6 7 8 9; do %s; done"]\n')
          :format(runtime, w.dir, "dd if=/dev/zero of=/big$i bs=1M count=15"),
    })
    local script = ("%s/%s.lua"):format(w.dir, runtime)
    sh.write(w.dir .. "/shell.lua", "return os.execute")
    sh.write(script, POLICY:format(seconds, negation or ""))
    return w:start({ "run", "-v", script, runtime },
      { PATH = path, LUA_PATH = w.dir .. "/?.lua;;", MOLECULE_BUILD_STALL_GRACE_S = stall })
  end

  -- The grace is so long that a busy machine keeps it while nothing is halted; all runs wait at the same time.
  it("has four times the grace, and no more", function()
    local within = start("codex", 25, "20")
    local unknown = start("crewai", 600, "20", "nil and")
    local beyond = start("hermes", 600, "20")

    local ended = within:wait()
    assert.equal(0, ended.status, ended.stderr)
    assert.truthy(ended.stderr:find("\n#%d+ exporting layers\n#%d+ exporting layers [%d.]+s done\n"), ended.stderr)
    assert.is_true(sh.seconds(ended.stderr:match "build done in (%w+)") >= 25, ended.stderr)

    -- The same where the phase is not known for what it is.
    ended = unknown:wait()
    assert.equal(9, ended.status, ended.stderr)
    assert.truthy(ended.stderr:find("docker was silent for 20 s[^\n]-; the last line was: #%d+ exporting layers\n"), ended.stderr)

    ended = beyond:wait()
    assert.equal(9, ended.status, ended.stderr)
    assert.truthy(ended.stderr:find("docker was silent for 80 s[^\n]-; the last line was: #%d+ exporting layers\n"), ended.stderr)
  end)
end)
