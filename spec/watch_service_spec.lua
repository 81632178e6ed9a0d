-- What a watch reports to a service manager, and the files for service managers.
local molbuild = require "molbuild"
local sh = require "spec.support.sh"

describe("a watch that a service manager has started", function()
  local world

  before_each(function()
    world = molbuild.testing.world { policy = "scripts/ensure.lua", repositories = {} }
    world.forge:push("hermes", { Dockerfile = "FROM scratch\n" })
    world.env.NOTIFY_SOCKET, world.env.WATCHDOG_USEC, world.env.WATCHDOG_PID = "@manager", "30000000", "4242"
  end)

  local function watch(seconds, ...)
    world:after(seconds, function() world:signal "TERM" end)
    return world:verb("watch", "hermes", ...)
  end

  -- The messages without signs of life, and the times of those.
  local function notices()
    local texts, times = {}, {}
    for _, notice in ipairs(world.notices) do
      assert.equal("@manager", notice.address)
      if notice.text:find "^WATCHDOG=1" then times[#times + 1] = notice.time end
      local rest = notice.text:gsub("^WATCHDOG=1\n?", ""):gsub("%d%d%d%d+", "N")
      if rest ~= "" then texts[#texts + 1] = rest end
    end
    return texts, times
  end

  it("says that it is ready, what it does, and that it stops", function()
    watch(1000)
    local texts = notices()
    assert.equal("READY=1\nSTATUS=1 runtime every 5m", texts[1])
    assert.equal("STOPPING=1\nSTATUS=stopping", texts[#texts])
  end)

  it("gives signs of life more often than they are wanted, also while it builds", function()
    world.engine:builds { seconds = 200 }
    watch(1000, "--every=1h")
    local texts, times = notices()
    assert.is_true(#times >= 1000 / 15, #times)
    for index = 2, #times do assert.is_true(times[index] - times[index - 1] <= 15, times[index]) end
    assert.same({ "STATUS=1 runtime every 60m; building: hermes", "STATUS=1 runtime every 60m" }, { texts[2], texts[3] })
  end)

  it("gives none that are meant for another process, or not wanted", function()
    world.env.WATCHDOG_PID = "1"
    watch(1000)
    assert.same({}, select(2, notices()))
    world.env.WATCHDOG_PID, world.env.WATCHDOG_USEC, world.notices = nil, nil, {}
    watch(1000)
    assert.same({}, select(2, notices()))
  end)

  it("says that it loads its policy", function()
    world:after(500, function() world:signal "HUP" end)
    watch(1000)
    assert.same({ "RELOADING=1\nMONOTONIC_USEC=N", "READY=1\nSTATUS=1 runtime every 5m" }, { notices()[2], notices()[3] })
  end)

  it("keeps its variables from its children", function()
    watch(1000)
    for _, name in ipairs { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID" } do assert.is_nil(world.process.env[name]) end
  end)

  it("continues when the manager cannot be reached, and reports it once", function()
    world.env.NOTIFY_SOCKET = "/nowhere/notify"
    world.notify_error = "cannot reach the service manager at /nowhere/notify: No such file or directory"
    local run = watch(1000)
    assert.equal(0, run.exit, run.stderr)
    assert.equal(1, select(2, run.stderr:gsub("cannot reach the service manager", "")), run.stderr)
  end)
end)

describe("the file for a service manager,", function()
  for _, name in ipairs { "molbuild-watch.service", "molbuild-run.service" } do
    it(name .. ", has a sandbox that systemd calls good", function()
      local shown = sh.run { "systemd-analyze", "security", "--offline=true", "dist/systemd/" .. name }
      local exposure = tonumber(shown:match "Overall exposure level for [%w.-]+: ([%d.]+)")
      assert.is_true(exposure and exposure <= 3.0, shown)
    end)
  end

  it("each unit of systemd's, is one without a mistake", function()
    local dir = sh.temporary "units"
    sh.run(("cp dist/systemd/* %s && sed -i 's,^ExecStart=molbuild,ExecStart=/bin/true,' %s/*.service"):format(dir, dir))
    local said = sh.run(("systemd-analyze verify --man=no %s/*.service %s/*.timer 2>&1"):format(dir, dir))
    sh.remove(dir)
    assert.equal("", said)
  end)

  -- systemd makes "$" of "$$", and sets MAINPID. A small system has a shell, and no program "kill".
  it("molbuild-watch.service, sends SIGHUP where there are no programs but a shell", function()
    local script = sh.read("dist/systemd/molbuild-watch.service"):match "\nExecReload=sh %-c '([^\n]+)'\n":gsub("%$%$", "$")
    local dir = sh.temporary "shell"
    sh.run("ln -s /bin/sh " .. dir .. "/sh")
    local said = sh.run(([[
trap 'echo reloaded' HUP
env -i PATH=%s MAINPID=$$ %s/sh -c %s]]):format(dir, dir, sh.quote(script)))
    sh.remove(dir)
    assert.equal("reloaded", said)
  end)

  it("each, calls the program as it can be called", function()
    for _, path in ipairs { "dist/systemd/molbuild-watch.service", "dist/systemd/molbuild-run.service" } do
      local line = sh.read(path):match "\nExecStart=(molbuild [^\n]+)"
      local world = molbuild.testing.world { policy = "scripts/ensure.lua" }
      local words, verb, options = {}, line:match "^molbuild (%l+)", {}
      for word in line:match "ensure%.lua(.*)":gmatch "%S+" do
        words[#words + 1] = word:gsub("^%-%-metrics=.*", "--metrics=/tmp/m")
      end
      words[#words + 1] = options
      world:after(600, function() world:signal "TERM" end)
      assert.equal(0, world:verb(verb, table.unpack(words)).exit, line)
    end
  end)

  it("the plist of launchd's, is a property list that starts a watch", function()
    local read = sh.run { "/usr/bin/python3", "-c", [[
import json, plistlib
with open("dist/launchd/app.molecule.molbuild-watch.plist", "rb") as file: print(json.dumps(plistlib.load(file)))]] }
    local plist = require("molbuild.base.json").decode(read)
    assert.equal("app.molecule.molbuild-watch", plist.Label)
    assert.same({ "/usr/bin/env", "molbuild", "watch", "ensure.lua" }, table.move(plist.ProgramArguments, 1, 4, 1, {}))
  end)
end)
