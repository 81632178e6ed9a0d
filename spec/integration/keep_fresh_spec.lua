-- The verb watch, with a real forge and a real engine: moved branches, signals, a service manager, and what its children get.
local json = require "molbuild.base.json"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- A service manager that writes down what it is sent.
local MANAGER = [[
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0" + sys.argv[1])
with open(sys.argv[2], "ab", buffering=0) as log:
    log.write(b"listening\n")
    while True: log.write(manager.recv(4096) + b"\n")
]]

local POLICY = [[
local ensure = molbuild.load "ensure.lua"
%s
return ensure
]]

describe("a real watch", function()
  local w, manager

  setup(function() w = world.new() end)

  teardown(function()
    if manager then sh.try("kill " .. manager) end
    world.remove_images()
    w:close()
  end)

  local function policy(text)
    sh.write(w.dir .. "/fork.lua", POLICY:format(text))
    return w.dir .. "/fork.lua"
  end

  -- The first docker on PATH, which notes the environment and the priority of builds.
  local function noting_client(log)
    local bin = w.dir .. "/noting"
    sh.run("mkdir -p " .. bin)
    sh.write(bin .. "/docker", ('#!/bin/sh\n[ "$1" != build ] || { env; echo "nice $(nice)"; echo "$*"; } >>%s\nexec %s "$@"\n')
      :format(log, sh.run "command -v docker"))
    sh.run("chmod +x " .. bin .. "/docker")
    return bin .. ":" .. os.getenv "PATH"
  end

  local function start_manager(name, log)
    manager = sh.run(("/usr/bin/python3 -c %s %s %s >/dev/null 2>&1 & echo $!"):format(sh.quote(MANAGER), name, log))
    sh.wait_for(function() return sh.read(log) end)
  end

  it("builds what moves, loads its policy again, and stops a running build", function()
    local notices, builds, numbers = w.dir .. "/notices", w.dir .. "/builds", w.dir .. "/numbers.prom"
    local name = ("molbuild-spec-%s"):format(w.dir:match "[^./]*$")
    start_manager(name, notices)
    w:commit("org", "hermes", world.template_files "one")
    local running = w:start({ "watch", "--output=json", policy "", "--every=1s", "--metrics=" .. numbers, "hermes" },
      { PATH = noting_client(builds), NOTIFY_SOCKET = "@" .. name, WATCHDOG_USEC = "3000000", DOCKER_BUILDKIT = "0" })

    local function rows()
      local list = {}
      for line in (sh.read(running.stdout) or ""):gmatch "([^\n]+)\n" do list[#list + 1] = json.decode(line) end
      return list
    end
    local function wait_for_row(count)
      sh.wait_for(function() return rows()[count] or not running:lives() end, 60, "row " .. count)
      return assert(rows()[count], running:so_far())
    end

    assert.equal("built", wait_for_row(1).outcome)
    local moved = w:commit("org", "hermes", world.template_files "two")
    assert.equal(moved, wait_for_row(2).commit)

    policy "ensure.branhc = 'x'"
    running:signal "HUP"
    assert.equal("kept", wait_for_row(3).outcome)
    policy "ensure.isolation = 'mine'"
    running:signal "HUP"
    assert.equal("loaded", wait_for_row(4).outcome)
    assert.equal("built", wait_for_row(5).outcome) -- its tag has another ending

    local seconds = sh.unique_seconds()
    w:commit("org", "hermes", {
      Dockerfile = ('FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "%s"]\n'):format(seconds),
    })
    sh.wait_for(function() return #sh.processes("sleep " .. seconds) > 0 end, 60, "a build")
    running:signal "TERM"
    local ended = running:wait(60)
    assert.equal(0, ended.status, ended.stderr)
    sh.wait_for(function() return #sh.processes("sleep " .. seconds) == 0 end, 60, "the end of the build")

    local said, noted = sh.read(notices), sh.read(builds)
    for _, word in ipairs { "READY=1", "WATCHDOG=1", "RELOADING=1", "building: hermes", "STOPPING=1" } do
      assert.truthy(said:find(word, 1, true), said)
    end
    assert.falsy(noted:find("NOTIFY_SOCKET", 1, true), noted)
    assert.falsy(noted:find("WATCHDOG_USEC", 1, true), noted)
    assert.truthy(noted:find("\nnice 1[0-9]\n"), noted)
    assert.truthy(noted:find("--cpu-shares=256", 1, true), noted)
    local read = sh.run { "/usr/bin/python3", "spec/support/metrics.py", numbers }
    assert.truthy(read:find('text molbuild_watch_results_total {"outcome": "built", "runtime": "hermes"} 3.0', 1, true), read)
    assert.truthy(read:find("openmetrics molbuild_watch_up {} 0.0", 1, true), read)
  end)

  it("keeps what it looked up for runs that use a window, and is not answered from it", function()
    w:again()
    local env = { MOLECULE_HEAD_MAX_AGE_S = "3600" }
    w:commit("org", "codex", world.template_files "one")
    local running = w:start({ "watch", "--output=json", "ensure.lua", "--every=1s", "codex" }, env)
    sh.wait_for(function() return (sh.read(running.stdout) or ""):find "built" or not running:lives() end, 60, "a build")
    sh.wait_for(function() return #w:requests "/branches/main" >= 3 or not running:lives() end, 60, "three questions")
    running:signal "TERM"
    assert.equal(0, running:wait(60).status)
    local asked = #w:requests "/branches/main"
    local result = w:ensure("codex", env)
    assert.equal(0, result.status, result.stderr)
    assert.equal(asked, #w:requests "/branches/main")
  end)

  it("is one per cache", function()
    w:commit("org", "codex", world.template_files "one")
    local running = w:start { "watch", "ensure.lua", "codex" }
    sh.wait_for(function() return running:so_far():find("watching", 1, true) or not running:lives() end, 60, "the watch")
    local other = w:run { "watch", "ensure.lua", "codex" }
    assert.equal(10, other.status)
    assert.truthy(other.stderr:find("another watch is running: ", 1, true), other.stderr)
    assert.truthy(other.stderr:find(("pid %d"):format(running.pid), 1, true), other.stderr)
    running:signal "INT"
    assert.equal(0, running:wait(60).status)
  end)
end)
