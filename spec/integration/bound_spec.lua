-- What bounds a clone and a build: silence, and a ceiling. And what is no silence.
--
-- All runs are started at the same time, each for its own runtime, and checked one by one: most of them only wait. A bound that
-- something must keep is so long that a machine may stop for 10 s at any time; what a shorter one ends has no end of its own.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local BUSYBOX = "FROM scratch\nCOPY busybox /bin/busybox\n"

local function run_step(script)
  return BUSYBOX .. ('RUN ["/bin/busybox", "sh", "-c", "%s"]\n'):format(script)
end

-- A server of git that sends a pack as slowly as a bad line does: the hook stands between git and what it sends.
local TRICKLE = [[
#!/bin/sh
case $PWD in *t-langgraph.git) ;; *) exec "$@" ;; esac
"$@" | while :; do
  block=$(dd bs=16k count=1 iflag=fullblock 2>/dev/null | base64 -w0)
  [ -n "$block" ] || break
  printf %s "$block" | base64 -d
  sleep 0.5
done
]]

describe("a bound", function()
  local w, runs, shas = nil, {}, {}
  local seconds = { holder = sh.unique_seconds(), silent = sh.unique_seconds() }

  local function start(name, runtime, dockerfile, env, options)
    shas[name] = w:commit("org", runtime, { Dockerfile = dockerfile, says = name .. "\n" })
    local arguments = table.move(options or {}, 1, #(options or {}), 2, { "run" })
    table.move({ "-v", "ensure.lua", runtime }, 1, 3, #arguments + 1, arguments)
    runs[name] = w:start(arguments, env)
    return runs[name]
  end

  setup(function()
    w = world.new { builder = "classic" } -- it shows a line that has not ended yet
    sh.write(w.forge .. "/trickle.sh", TRICKLE)
    sh.run(("chmod +x %s/trickle.sh; git config -f %s/home/.gitconfig uploadpack.packObjectsHook %s/trickle.sh")
      :format(w.forge, w.forge, w.forge))
    -- One that holds the lock until the spec ends its step, and one that waits for it.
    start("holder", "autogen", run_step(("echo begun; /bin/busybox sleep %s; true"):format(seconds.holder)))
    sh.wait_for(function() return runs.holder:so_far():find("\nbegun", 1, true) end)
    runs.waiter = w:start { "run", "ensure.lua", "autogen" }
    start("silent", "claude-code", run_step("echo last words; sleep " .. seconds.silent), { MOLECULE_BUILD_STALL_GRACE_S = "20" })
    start("endless", "codex", run_step "while :; do echo at work; sleep 0.25; done",
      { MOLECULE_BUILD_STALL_GRACE_S = "60", MOLECULE_BUILD_CEILING_S = "25" })
    start("dots", "crewai", run_step "i=0; while [ $i -lt 60 ]; do printf .; sleep 0.5; i=$((i+1)); done",
      { MOLECULE_BUILD_STALL_GRACE_S = "20" })
    start("unbound", "deepagents", run_step "sleep 5; echo late",
      { MOLECULE_BUILD_STALL_GRACE_S = "0", MOLECULE_BUILD_CEILING_S = "0" })
    w:delay("/org/t-gemini-cli/git-upload-pack", sh.unique_seconds())
    start("hanging", "gemini-cli", BUSYBOX, { MOLECULE_BUILD_STALL_GRACE_S = "4" })
    w:delay("/org/t-hermes/git-upload-pack", sh.unique_seconds())
    start("stuck", "hermes", BUSYBOX, { MOLECULE_BUILD_STALL_GRACE_S = "0", MOLECULE_BUILD_CEILING_S = "4" })
    start("trickling", "langgraph", BUSYBOX, { MOLECULE_BUILD_STALL_GRACE_S = "20" })
  end)

  teardown(function()
    for _, run in pairs(runs) do
      if run:lives() then run:signal "KILL" end
    end
    world.remove_images()
    w:close()
  end)

  local function assert_ended(name, message)
    local ended = runs[name]:wait()
    assert.equal(9, ended.status, ended.stderr)
    assert.equal("", ended.stdout)
    assert.truthy(ended.stderr:find("molbuild: local-build: " .. message, 1, true), ended.stderr)
    return ended
  end

  local function assert_done(name, runtime)
    local ended = runs[name]:wait(200)
    assert.equal(("molecule-local/workspace-template-%s:%s\n"):format(runtime, shas[name]:sub(1, 12)), ended.stdout,
      ended.stderr)
    return ended
  end

  it("of silence ends a build, which says how long it was silent, and its last line", function()
    local ended = assert_ended("silent",
      "docker was silent for 20 s (MOLECULE_BUILD_STALL_GRACE_S); the last line was: last words\n")
    assert.truthy(ended.stderr:find("failed in step build", 1, true), ended.stderr)
    sh.wait_for(function() return #sh.processes("sleep " .. seconds.silent) == 0 end)
  end)

  it("in all ends a build that is never silent", function()
    assert_ended("endless", "docker took longer than 25 s (MOLECULE_BUILD_CEILING_S); the last line was: at work\n")
  end)

  it("of silence lets live what prints without ever ending a line", function()
    local ended = assert_done("dots", "crewai")
    assert.truthy(ended.stderr:find(("."):rep(60), 1, true), ended.stderr)
  end)

  it("of 0 is none", function()
    assert.truthy(assert_done("unbound", "deepagents").stderr:find("late\n", 1, true))
  end)

  it("of silence ends a clone", function()
    local ended = assert_ended("hanging", "git was silent for 4 s (MOLECULE_BUILD_STALL_GRACE_S); ")
    assert.truthy(ended.stderr:find("failed in step clone", 1, true), ended.stderr)
    assert.equal("", sh.run(("ls %s/tmp | grep gemini-cli || true"):format(w.cache)))
  end)

  it("in all ends a clone", function()
    local ended = assert_ended("stuck", "git took longer than 4 s (MOLECULE_BUILD_CEILING_S); ")
    assert.truthy(ended.stderr:find("failed in step clone", 1, true), ended.stderr)
    assert.equal("", sh.run(("ls %s/tmp | grep hermes || true"):format(w.cache)))
  end)

  it("of silence lets live a clone that is slow", function()
    local ended = assert_done("trickling", "langgraph")
    -- Slower than the bound: it continued because git printed progress.
    local clone = sh.seconds(ended.stderr:match "clone done in (%w+)")
    assert.is_true(clone >= 20, ended.stderr)
    assert.truthy(ended.stderr:find("Receiving objects: ", 1, true), ended.stderr)
  end)

  it("that is no number is a mistake of the caller", function()
    for _, name in ipairs { "MOLECULE_BUILD_STALL_GRACE_S", "MOLECULE_BUILD_CEILING_S" } do
      for _, value in ipairs { "soon", "-1", "0x10", "1e3", "inf", "nan", " ", "4 m" } do
        local run = w:ensure("openclaw", { [name] = value })
        assert.equal(2, run.status, value)
        assert.truthy(run.stderr:find(('molbuild: local-build: %s must be a number, not "%s"\n'):format(name, value), 1, true),
          run.stderr)
      end
    end
    assert.same({}, w:requests "openclaw")
  end)

  it("that is empty is not set", function()
    assert.equal(6, w:ensure("openclaw", { MOLECULE_BUILD_STALL_GRACE_S = "", MOLECULE_BUILD_CEILING_S = "" }).status)
  end)

  it("of a lock is none: a waiter reports the holder every 30 s, and the end of the wait", function()
    local waiting = ("waiting for the lock held by pid %d on "):format(runs.holder.pid)
    local function times()
      local list = {}
      for line in runs.waiter:so_far():gmatch "([^\n]+)\n" do
        if line:find(waiting, 1, true) then
          list[#list + 1] = sh.seconds(line:match ", waited (%w+)$" or "0s")
          assert.truthy(line:find "%(build autogen at %x+, step %l+%)", line)
        end
      end
      return list
    end
    sh.wait_for(function() return times()[2] end, 120)
    sh.kill(sh.processes("sleep " .. seconds.holder), "TERM")
    assert_done("holder", "autogen")
    local ended = runs.waiter:wait()
    assert.equal(0, ended.status, ended.stderr)
    for index, waited in ipairs(times()) do
      assert.is_true(index == 1 and waited == 0 or index > 1 and waited >= 30 * (index - 1), ended.stderr)
    end
    assert.truthy(ended.stderr:find("local%-build: acquired the lock after [%dhm]+s\n"), ended.stderr)
  end)
end)
