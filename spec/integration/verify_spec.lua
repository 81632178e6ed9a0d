-- Verify, then tag, with a real engine: images that do what they can in their one run, and runs that are ended between the build
-- and the tag.
local cjson = require "cjson"
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local IMAGE = "molecule-local/workspace-template-"

-- What each runtime's image does in its run, and a part of the message about it.
local HOSTILE = {
  autogen = {
    script = [[trap "" INT TERM HUP; while :; do printf "\033]0;x\007\033[31mA\r\n"; done]], timeout = 1, exit = 9,
    says = "took longer than 1 s (smoke.timeout)",
  },
  ["claude-code"] = { script = [[i=0; while [ $i -lt 500 ]; do sleep 300 & i=$((i+1)); done]], exit = 7, says = "can't fork" },
  codex = { script = [[dd if=/dev/zero of=/tmp/x bs=1M count=9999; dd if=/dev/zero of=/data/x bs=1M count=9999 2>&1]], exit = 7,
    says = "ended with the exit status 1" },
  crewai = { script = [[x=y; while :; do x=$x$x; done]], exit = 7, says = "needed more memory than 64m (smoke.memory)" },
  deepagents = { script = [[touch /written && exit 0; ls /sys/class/net; env; id -u; exit 5]], exit = 7,
    says = "ended with the exit status 5" },
  hermes = { script = [[exit 0]], exit = 0 },
}

-- It has what the scripts call, and needs no step that runs.
local TEMPLATE = { Dockerfile = 'FROM scratch\nCOPY bin /bin\nVOLUME ["/data"]\nENTRYPOINT ["/bin/false"]\n' }
local PROGRAMS = "mkdir -p bin && mv busybox bin/ && cd bin && for name in sh sleep dd touch ls env id true false; do "
  .. "ln -sf busybox $name; done && cd .."

local function commit(w, runtime) w:commit("org", runtime, TEMPLATE, "main", PROGRAMS) end

local function policy_of(w)
  local lines = { 'local ensure = molbuild.load "ensure.lua"' }
  for runtime, case in pairs(HOSTILE) do
    lines[#lines + 1] = ('ensure.per_runtime[%q] = { smoke = { argv = { "/bin/sh", "-c", %q }, timeout = %d, memory = "64m", '
      .. 'pids = 32, tmp = "8m" } }'):format(runtime, case.script, case.timeout or 300)
  end
  lines[#lines + 1] = "return ensure"
  sh.write(w.dir .. "/smoke.lua", table.concat(lines, "\n"))
  return w.dir .. "/smoke.lua"
end

-- One run with all of them, side by side; the object of each, and what was written to stderr.
local function run_all(w, jobs, env)
  local arguments = { "run", "--jobs=" .. jobs, "--output=json", policy_of(w) }
  for runtime in pairs(HOSTILE) do
    commit(w, runtime)
    arguments[#arguments + 1] = runtime
  end
  local run, objects = w:start(arguments, env):wait(600), {}
  for line in run.stdout:gmatch "[^\n]+" do
    local object = cjson.decode(line)
    objects[object.runtime] = object
  end
  return objects, run.stderr
end

local function assert_refused(objects, stderr, w)
  for runtime, case in pairs(HOSTILE) do
    local object = assert(objects[runtime], stderr)
    assert.equal(case.exit, object.error and object.error.exit or 0, runtime .. ": " .. stderr)
    if case.says then assert.truthy(object.error.message:find(case.says, 1, true), object.error.message) end
  end
  assert.is_nil(stderr:find "[\27\7]")
  local log = sh.run(("cat %s/autogen/*.log"):format(w.cache))
  assert.is_true(#log < 6 * 1024 * 1024)
  assert.is_nil(log:find "[\27\7]")
  log = sh.run(("cat %s/deepagents/*.log"):format(w.cache))
  assert.truthy(log:find("Read-only file system", 1, true), log)
  assert.truthy(log:find("\nlo\n", 1, true), log)
  assert.is_nil(log:find("eth0", 1, true), log)
  assert.is_nil(log:find("HOME=" .. w.home, 1, true), log)
end

describe("an image that is hostile in its one run", function()
  local w

  before_each(function() w = world.new() end)
  after_each(function() w:close() end)

  it("is refused by docker, leaves no container, and gets no tag", function()
    world.remove_images()
    local objects, stderr = run_all(w, 2)
    assert_refused(objects, stderr, w)
    assert.equal(0, docker.containers())
    local good = IMAGE .. "hermes:"
    assert.same({ objects.hermes.image, good .. "latest" }, docker.tags "molecule-local/*")
    world.remove_images()
  end)

  if sh.run "id -u" == "0" then
    it("is refused by podman, leaves no container, and gets no tag", function()
      local podman <close> = setmetatable({ engines.podman() }, { __close = function(self) self[1]:stop() end })
      local env = podman[1].env
      -- Bounds need control groups; and the limits that podman gives by itself may be more than this machine allows.
      local limits = 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'
      local conf = sh.read(env.CONTAINERS_CONF):gsub('cgroups = "disabled"', limits)
      sh.write(env.CONTAINERS_CONF, conf)
      local objects, stderr = run_all(w, 1, { -- podman's processes do not see a storage that others change as one
        MOLBUILD_DOCKER = "podman", DOCKER_HOST = false, CONTAINERS_CONF = env.CONTAINERS_CONF,
        CONTAINERS_STORAGE_CONF = env.CONTAINERS_STORAGE_CONF,
      })
      assert_refused(objects, stderr, w)
      assert.equal("", podman[1]:sh "podman ps --all --quiet")
      local names = podman[1]:sh "podman image ls --format '{{.Repository}}:{{.Tag}}' | grep -v none | sort"
      assert.equal(("localhost/%s\nlocalhost/%shermes:latest"):format(objects.hermes.image, IMAGE), names)
    end)
  end
end)

describe("a run that is ended between the build and the tag", function()
  local w
  -- Where each runtime's run is held: after the build, in verify, in the image's one run, before the tag.
  local PLACES = { autogen = "prove", codex = "verify", crewai = "smoke", hermes = "tag" }
  local HOLD = [[
    local ensure = molbuild.load "ensure.lua"
    local places = { autogen = "prove", codex = "verify", crewai = "smoke", hermes = "tag" }
    local function hold(job, place)
      if places[job.runtime] ~= place then return end
      molbuild.core.fs.write_atomic(job.cache .. "/held." .. place, "", 384)
      molbuild.core.sys.sleep(math.huge)
    end
    local prove, verify = ensure.prove, ensure.verify
    function ensure.prove(job, name)
      hold(job, "prove")
      prove(job, name)
    end
    local endless = "trap '' INT TERM; while :; do sleep 1; done"
    ensure.per_runtime.crewai = { smoke = { argv = { "/bin/sh", "-c", endless }, timeout = 3600 } }
    function ensure.verify(job)
      hold(job, "verify")
      local tag = job.engine.tag
      rawset(job.engine, "tag", function(...)
        hold(job, "tag")
        return tag(...)
      end)
      verify(job)
    end
    return ensure
  ]]

  before_each(function()
    w = world.new()
    world.remove_images()
    for runtime in pairs(PLACES) do commit(w, runtime) end
    sh.write(w.dir .. "/hold.lua", HOLD)
  end)
  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function start()
    local run = w:start { "run", "--jobs=4", w.dir .. "/hold.lua", "autogen", "codex", "crewai", "hermes" }
    sh.wait_for(function()
      for _, place in ipairs { "prove", "verify", "tag" } do
        if not sh.read(w.cache .. "/held." .. place) then return not run:lives() end
      end
      return not run:lives() or #docker.tags "molecule-local/*" == 4 and docker.containers() == 1
    end, 300)
    assert.is_true(run:lives(), run:so_far())
    assert.equal(4, #docker.tags "molecule-local/*")
    for _, name in ipairs(docker.tags "molecule-local/*") do assert.truthy(name:find "%.unverified$", name) end
    return run
  end

  it("by Ctrl-C leaves no tag, no other name and no container", function()
    local run = start()
    run:signal "INT"
    assert.equal(130, run:wait(120).status)
    assert.same({}, docker.tags "molecule-local/*")
    assert.equal(0, docker.containers())
  end)

  it("by kill -9 leaves no tag; gc and the next run remove what it left", function()
    local run = start()
    run:signal "KILL"
    run:wait(60)
    for _, name in ipairs(docker.tags "molecule-local/*") do assert.truthy(name:find "%.unverified$", name) end
    local smoke = 'ensure.smoke = { argv = { "/bin/true" } }'
    sh.write(w.dir .. "/next.lua", ('local ensure = molbuild.load "ensure.lua"\n%s\nreturn ensure\n'):format(smoke))
    local next_run = w:run { "run", "--jobs=1", w.dir .. "/next.lua", "hermes", "crewai" }
    assert.equal(0, next_run.status, next_run.stderr)
    assert.equal(0, docker.containers())
    local gc = w:run { "gc", w.dir .. "/next.lua" }
    assert.equal(0, gc.status, gc.stderr)
    local left = docker.tags "molecule-local/*"
    assert.equal(4, #left)
    for _, name in ipairs(left) do assert.is_nil(name:find "%.unverified$", name) end
  end)
end)
