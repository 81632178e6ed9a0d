-- The lines of `molbuild doctor`, from what its checks find out.
local cache = require "molbuild.machine.doctor_cache"
local core = require "molbuild.core"
local doctor = require "molbuild.machine.doctor"
local doctor_report = require "molbuild.machine.doctor_report"
local engine = require "molbuild.machine.doctor_engine"
local errors = require "molbuild.base.errors"
local forge = require "molbuild.machine.doctor_forge"
local own = require "molbuild.machine.doctor_own"
local probe = require "molbuild.forge.probe"
local programs = require "molbuild.machine.doctor_programs"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local GB = 1000 ^ 3

--- The lines that FN adds to a report, as { status, check } or with their message: "status check: message".
local function lines_of(fn, ...)
  local report, lines = doctor_report.new(), {}
  fn(report, ...)
  for index, line in ipairs(report) do lines[index] = ("%s %s: %s"):format(line.status, line.check, line.message) end
  return lines, report
end

local function find(lines, beginning)
  for _, line in ipairs(lines) do
    if line:sub(1, #beginning) == beginning then return line end
  end
  error(("no line %s in:\n%s"):format(beginning, table.concat(lines, "\n")), 2)
end

describe("a report", function()
  it("has the exit status of its first failure", function()
    local report = doctor_report.new()
    assert.equal(0, report:exit())
    report:ok("a", "fine")
    report:warn("b", "hm", "do this")
    assert.equal(0, report:exit())
    report:fail("c", errors.new { kind = "auth", message = "no", hint = "that" })
    report:fail("d", errors.new { kind = "usage", message = "no" })
    assert.equal(5, report:exit())
    assert.same({ check = "c", status = "failure", message = "no", hint = "that", exit = 5 }, report[3])
  end)

  it("masks secrets, and is one line each", function()
    assert(core.mask.secret "s3cret-word")
    local lines, report = lines_of(function(r) r:warn("x", "has s3cret-word\nand more\27[31m", "https://me:pw@host/") end)
    core.mask.clear()
    assert.same({ "warning x: has *** | and more[31m" }, lines)
    assert.equal("https://***@host/", report[1].hint)
  end)

  it("makes a line of what a function raises, but not of a cancellation", function()
    local lines = lines_of(function(r) r:try("x", errors.raise, { kind = "remote", message = "gone" }) end)
    assert.same({ "failure x: gone" }, lines)
    assert.has_error(function() lines_of(function(r) r:try("x", errors.raise, { kind = "cancelled", message = "c" }) end) end)
  end)
end)

describe("checks", function()
  local function run(checks)
    return task.run(function() return doctor.run_checks(checks) end)
  end

  it("run side by side, and are reported in their order", function()
    local met = 0
    local function meet(report)
      met = met + 1
      while met < 2 do core.sys.sleep(0.001) end -- ends only if both run
      report:ok("met", tostring(met))
    end
    local report = run { { "a", meet }, { "b", function(r) r:ok("second", "x") meet(r) end } }
    assert.equal("met", report[1].check)
    assert.equal("second", report[2].check)
  end)

  it("turn warnings and failures into lines", function()
    local log = require "molbuild.base.log"
    local report = run { { "a", function(r)
      log.warn "beware"
      log.info "not this"
      r:ok("a", "fine")
      error "a mistake"
    end } }
    local seen = {}
    for index, line in ipairs(report) do seen[index] = line.status end
    assert.same({ "ok", "failure", "warning" }, seen)
    assert.truthy(report[2].message:find("a mistake", 1, true))
    assert.equal(70, report[2].exit)
    assert.equal("beware", report[3].message)
  end)
end)

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

describe("a forge's request", function()
  local now = math.floor(core.sys.now())

  local function stages(found)
    found.url = found.url or "https://forge.example/api/v1/version"
    found.seconds = 0.012
    return lines_of(forge.stages, found)
  end

  local function answer(more)
    local response = { status = 200, headers = {}, body = "", address = "192.0.2.7", certificate_ends = now + 40.5 * 86400 }
    for name, value in pairs(more or {}) do response[name] = value or nil end
    return response
  end

  it("shows its address, the end of the certificate, and the clock", function()
    local lines = stages { response = answer(), ahead = 0.4 }
    assert.same({
      "ok forge DNS: forge.example is 192.0.2.7", "ok forge connect: https://forge.example answered in 12 ms",
      ("ok forge TLS: valid until %s (40 days)"):format(os.date("!%Y-%m-%d", now + 40.5 * 86400 // 1)),
      "ok clock: as the forge's",
    }, lines)
  end)

  it("warns of a certificate that ends soon, and of a clock that is wrong", function()
    local lines = stages { response = answer { certificate_ends = now + 3.5 * 86400 }, ahead = -3600 }
    assert.truthy(find(lines, "warning forge TLS: valid until "):find("(3 days)", 1, true))
    assert.equal("warning clock: this machine's clock is 3600 s behind the forge's", lines[4])
    find(stages { response = answer(), ahead = 31 }, "warning clock: this machine's clock is 31 s ahead of")
    find(stages { response = answer(), ahead = 20 }, "ok clock: ")
    assert.equal(3, #stages { response = answer() }) -- without a date
  end)

  it("over plain http has no certificate, which matters only over a network", function()
    find(stages { url = "http://forge.example/x", response = answer { certificate_ends = false } }, "warning forge TLS: plain http")
    assert.equal(2, #stages { url = "http://127.0.0.1:3000/x", response = answer { certificate_ends = false } })
  end)

  it("fails in one stage, with the lines of those before it", function()
    local function failed(stage, message)
      local lines, report = stages { stage = stage, failure = errors.new { kind = "remote", message = message or "m", hint = "h" } }
      assert.equal("h", report[#report].hint)
      assert.equal(4, report:exit())
      return lines
    end
    assert.same({ "failure forge DNS: m" }, failed "DNS")
    assert.same({ "ok forge DNS: the name was resolved", "failure forge connect: m" }, failed "connect")
    assert.equal("failure forge TLS: m", failed("TLS")[3])
    assert.truthy(failed("TLS", "certificate has expired")[3]:find("by this machine's clock it is 20%d%d%-"))
    assert.equal("failure forge answer: m", failed("answer")[4])
  end)

  it("is placed by its code, and a timeout by its message", function()
    for _, case in ipairs {
      { "resolve", "", "DNS" }, { "connect", "", "connect" }, { "denied", "", "connect" }, { "reset", "", "connect" },
      { "tls", "", "TLS" }, { "invalid", "", "TLS" }, { "protocol", "", "answer" }, { "too_large", "", "answer" },
      { "timeout", "u: Resolving timed out after 6000 milliseconds", "DNS" },
      { "timeout", "u: Connection timed out after 1", "connect" },
      { "timeout", "u: SSL connection timeout", "TLS" }, { "timeout", "u: no complete answer in time", "answer" },
    } do
      assert.equal(case[3], probe.stage(case[1], case[2]), case[1] .. case[2])
    end
  end)
end)

describe("a policy's line", function()
  it("has its files, its version of the contract, and the first mistake", function()
    local base = { path = "/s/ensure.lua", api = 1, newest = 2, findings = {} }
    assert.same({ "ok policy: /f/fork.lua on /s/ensure.lua, api 1 of 2, no mistake found" },
      lines_of(programs.policy, { base, { path = "/f/fork.lua", api = 1, newest = 2, findings = {} } }))
    local lines, report = lines_of(programs.policy, { base, { path = "/f/fork.lua", newest = 2, findings = {
      { line = 3, message = "ensure.bulid: no such step" }, { line = 9, message = "more" },
    } } })
    assert.equal("failure policy: /f/fork.lua on /s/ensure.lua, api of its own of 2: /f/fork.lua:3: ensure.bulid: no such step "
      .. "(and 1 more)", lines[1])
    assert.equal("molbuild check /f/fork.lua", report[1].hint)
    assert.equal(1, report:exit())
  end)
end)

describe("a fork's own checks", function()
  local function run(list)
    return task.run(function()
      local report = doctor.run_checks(own.add({}, { policy = { doctor_checks = list }, jobs = { { runtime = "hermes" } } }))
      local lines = {}
      for index, line in ipairs(report) do lines[index] = ("%s %s: %s"):format(line.status, line.check, line.message) end
      return lines, report
    end)
  end

  it("are functions, or have a name", function()
    assert.same({ "ok own check 1: passed", "ok mirror: it knows hermes" }, (run {
      function() end, { "mirror", function(machine) return "it knows " .. machine.jobs[1].runtime end },
    }))
  end)

  it("return a status, or raise", function()
    local lines, report = run {
      { "a", function() return { status = "warning", message = "hm", hint = "do" } end },
      { "b", function() errors.raise { kind = "remote", message = "gone", hint = "call" } end },
      { "c", function() return { status = "failure", message = "no", kind = "auth" } end },
      { "d", function() return { status = "ok", message = "yes" } end },
    }
    assert.same({ "warning a: hm", "failure b: gone", "failure c: no", "ok d: yes" }, lines)
    assert.same({ "do", "call" }, { report[1].hint, report[2].hint })
    assert.same({ 4, 5 }, { report[2].exit, report[3].exit })
  end)

  it("that are mistaken are failures of their own", function()
    assert.truthy(run({ { "a", function() return { status = "good" } end } })[1]:find "^failure a: the check a must return")
    assert.truthy(run({ { "a", function() return nil .. "x" end } })[1]:find "^failure a: ")
    for _, list in ipairs { { 1 }, { { "a" } }, { { fn = print } }, "x" } do
      local lines, report = run(list)
      assert.truthy(lines[1]:find "^failure doctor_checks: doctor_checks%[1%] must be a function or { name, function }, not ")
      assert.equal(70, report:exit())
    end
  end)
end)
