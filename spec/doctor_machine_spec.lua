-- The lines of `molbuild doctor` about the engine and the cache.
local cache = require "molbuild.machine.doctor_cache"
local core = require "molbuild.core"
local doctor = require "molbuild.machine.doctor"
local engine = require "molbuild.machine.doctor_engine"
local errors = require "molbuild.base.errors"
local doctor_lines = require "spec.support.doctor_lines"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local GB = 1000 ^ 3
local lines_of, find = doctor_lines.of, doctor_lines.find

describe("the engine's space", function()
  local function status(free, largest)
    return lines_of(engine.space, free, largest)[1]
  end

  it("must have room for the largest image, and should have it twice", function()
    assert.equal("ok engine's space: 20.0 GB free; the largest image of a runtime has 5.0 GB", status(20 * GB, 5 * GB))
    assert.truthy(status(7 * GB, 5 * GB):find "^warning engine's space: 7.0 GB free, and the largest")
    assert.truthy(status(4 * GB, 5 * GB):find "^failure engine's space: 4.0 GB free, and the largest")
    local _, report = lines_of(engine.space, 0, 5 * GB)
    assert.equal(1, report:exit())
    assert.truthy(report[1].hint:find("molbuild gc", 1, true))
  end)

  it("is compared with a usual image when none was seen, and may be unknown", function()
    assert.truthy(status(50 * GB, nil):find "^ok ")
    assert.truthy(status(5 * GB, nil):find "^warning ")
    assert.truthy(status(nil, 5 * GB):find "^ok engine's space: its free space is not known")
  end)
end)

describe("the engine", function()
  local list, read = core.fs.list, core.fs.read
  after_each(function() core.fs.list, core.fs.read = list, read end)

  --- An engine with these answers: server, and its own platform.
  local function answering(server)
    return {
      command = "docker", podman = false,
      ask = function(_, question)
        if question == "server" then return server end
        return nil, "no answer of this kind"
      end,
      platform = function() return "linux/amd64" end,
      raise_stuck = function(_, message) errors.raise { kind = "missing_tool", message = message } end,
    }
  end

  local function check(fake, platforms)
    return task.run(function() return (lines_of(engine.engine, fake, platforms, "NATIVE=1")) end)
  end

  --- A kernel with these emulators, by name: "enabled" or "disabled".
  local function kernel(emulators)
    local names = {}
    for name in pairs(emulators) do names[#names + 1] = name end
    core.fs.list = function(path) return path == "/proc/sys/fs/binfmt_misc" and names or list(path) end
    core.fs.read = function(path, max)
      local name = path:match "^/proc/sys/fs/binfmt_misc/(.*)$"
      if path == "/proc/sys/kernel/osrelease" then return "6.1.0-here\n" end
      return name and emulators[name] .. "\ninterpreter /x\n" or read(path, max)
    end
  end

  it("has a version, an endpoint, and platforms that it runs itself", function()
    local lines = check(answering { Version = "24.0.7" }, { "linux/amd64", "native", "linux/386" })
    assert.truthy(lines[1]:find "^ok engine: Docker Engine 24%.0%.7 at ")
    assert.equal("ok platform: linux/amd64 runs on this engine, which is linux/amd64", lines[3])
    assert.equal("ok platform: linux/386 runs on this engine, which is linux/amd64", lines[4])
    find(lines, "failure engine's space: ")
  end)

  it("emulates a platform where this machine's kernel has an emulator, and fails where it has none", function()
    local server = { Version = "24", KernelVersion = "6.1.0-here" }
    kernel { register = "", status = "enabled", ["qemu-aarch64"] = "enabled" }
    assert.is_true(engine.emulates "linux/arm64")
    assert.is_false(engine.emulates "linux/s390x")
    find(check(answering(server), { "linux/arm64" }), "warning platform: linux/arm64 is emulated on this engine")
    find(check(answering(server), { "linux/s390x" }), "failure platform: linux/s390x cannot run on this engine, which is ")
    find(check(answering { KernelVersion = "6.1.0-elsewhere" }, { "linux/s390x" }), "warning platform: ")
    kernel { ["qemu-aarch64"] = "disabled" }
    assert.is_false(engine.emulates "linux/arm64")
    kernel {}
    assert.is_nil(engine.emulates "linux/arm64") -- the list is not mounted
  end)

  it("that docker's configuration names is left to docker where the home is not known", function()
    local words = [[env -u HOME -u DOCKER_HOST -u DOCKER_CONFIG -u DOCKER_CONTEXT %s eval '
      local place = require("molbuild.engine.endpoint").place "docker"
      return place.only_program, "the place that " .. place.from .. " names"']]
    assert.equal('true\n"the place that docker\'s configuration in the user\'s home (HOME is not set) names"',
      sh.run(words:format(sh.quote(os.getenv "MOLBUILD_BIN" or "build/molbuild"))))
  end)

  it("that cannot be reached is named, but not in a cancellation", function()
    local fake = answering {}
    fake.ask = function() errors.raise { kind = "missing_tool", message = "gone", hint = "start it" } end
    local report = task.run(function()
      return doctor.run_checks { { "engine", function(r) engine.engine(r, fake, {}) end } }
    end)
    assert.truthy(report[1].message:find "^gone %(endpoint: .*, from ")
    assert.same({ "start it", 3 }, { report[1].hint, report[1].exit })
    fake.ask = function() errors.raise { kind = "cancelled", message = "ended" } end
    local ok, failure = pcall(check, fake, {})
    assert.same({ false, "ended" }, { ok, failure.message })
  end)
end)

describe("a file system", function()
  local MOUNTS = table.concat({
    "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw", "23 22 0:21 / /home rw - nfs4 server:/home rw",
    "24 22 0:22 / /home/me\\040two rw master:2 - tmpfs tmpfs rw", "25 22 0:23 / /home rw - xfs /dev/sdb rw",
    "26 22 0:24 / /homer rw - btrfs /dev/sdc rw", "",
  }, "\n")

  it("is that of the nearest mount; of several at one place the last", function()
    local expected = {
      ["/var/x"] = "ext4", ["/home/me"] = "xfs", ["/home/me two/c"] = "tmpfs", ["/homer/x"] = "btrfs", ["/"] = "ext4",
    }
    for path, kind in pairs(expected) do
      assert.equal(kind, cache.file_system(path, MOUNTS), path)
    end
    assert.is_nil(cache.file_system("/x", ""))
  end)
end)

describe("a cache", function()
  local dir
  before_each(function() dir = sh.temporary "doctor" end)
  after_each(function() sh.remove(dir) end)

  local function check(root)
    return task.run(function() return (lines_of(cache.check, root, 3600)) end)
  end

  local function tree()
    return sh.run(("cd %s && find . -printf '%%p %%m %%s %%T@ %%u\\n' | sort"):format(sh.quote(dir)))
  end

  it("that does not exist yet is not made", function()
    local before = tree()
    local lines = check(dir .. "/a/b")
    assert.truthy(find(lines, "ok cache: "):find(("%s/a/b will be made in %s: this user's, mode 0700, "):format(dir, dir), 1, true))
    find(lines, "ok locks: none is held")
    find(lines, "ok left-overs: none")
    assert.equal(before, tree())
  end)

  it("that cannot be read is not said to have no locks", function()
    local list = core.fs.list
    core.fs.list = function(path)
      if path == dir .. "/locks" then return nil, "cannot list it: Permission denied", "EACCES" end
      return list(path)
    end
    local ok, lines = pcall(check, dir)
    core.fs.list = list
    assert.is_true(ok, lines)
    find(lines, "warning locks: not known, and neither are left-overs: cannot list it: Permission denied")
  end)

  it("has locks that are held, and left-overs of a run that was killed", function()
    assert(core.fs.mkdirp(dir .. "/locks", 448))
    assert(core.fs.mkdirp(dir .. "/tmp/hermes.abc123", 448))
    assert(core.fs.mkdirp(dir .. "/tmp/codex.v2.abc123", 448))
    sh.write(dir .. "/locks/hermes.lock", "pid=4711 host=here start=1700000000 purpose=build hermes\n")
    local held = task.run(function()
      return assert(core.lock.acquire(dir .. "/locks/codex.v2.lock", { purpose = "build codex.v2" }))
    end)
    local before = tree()
    local lines = check(dir)
    assert.truthy(find(lines, "ok locks: codex.v2 by pid "):find("(build codex.v2)", 1, true))
    local left = find(lines, "warning left-overs: ")
    assert.truthy(left:find("the run of hermes was killed (pid 4711 on here)", 1, true), left)
    assert.truthy(left:find(dir .. "/tmp/hermes.abc123", 1, true), left)
    assert.is_nil(left:find("codex", 1, true), left)
    assert.equal(before, tree())
    held:close()
  end)

  it("has a lock that is held for too long", function()
    local holder = { pid = 7, host = "h", start = math.floor(core.sys.now()) - 4000, purpose = "build x" }
    local lock = { name = "x", free = false, holder = holder }
    assert.truthy(lines_of(cache.held, { lock }, 3600)[1]:find "^warning locks: x by pid 7 on h, since 66m %(build x%)")
    assert.truthy(lines_of(cache.held, { lock }, 5000)[1]:find "^ok locks: ")
    assert.truthy(lines_of(cache.held, { { name = "x", free = false } }, 1)[1]:find "^ok locks: x by a process")
  end)

  it("that cannot be a directory fails with the hint of a run", function()
    sh.write(dir .. "/file", "x")
    local lines = check(dir .. "/file/cache")
    assert.truthy(find(lines, "failure cache: "):find("Not a directory", 1, true))
    find(check(dir .. "/file"), "failure cache: ")
  end)

  it("may be a link to a directory", function()
    assert(core.fs.mkdirp(dir .. "/real", 448))
    sh.run { "ln", "-s", "real", dir .. "/link" }
    assert.truthy(find(check(dir .. "/link"), "ok cache: "):find(dir .. "/link: ", 1, true))
    sh.run { "ln", "-s", "none", dir .. "/dangling" }
    find(check(dir .. "/dangling"), "failure cache: ")
  end)

  it("with a lock that is no file fails", function()
    assert(core.fs.mkdirp(dir .. "/locks", 448))
    sh.run { "mkfifo", dir .. "/locks/hermes.lock" }
    assert.truthy(find(check(dir), "failure cache: "):find("hermes.lock is not a regular file", 1, true))
  end)

  it("that others can write to is a warning", function()
    sh.run { "chmod", "770", dir }
    find(check(dir), "warning cache: ")
  end)
end)
