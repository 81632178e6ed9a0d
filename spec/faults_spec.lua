-- What `make faults` tries, and that it notices when something is wrong.
local errors = require "spec.support.faults.errors"
local plan = require "spec.support.faults.plan"
local trial = require "spec.support.faults.trial"

local TRACE = [[
openat(AT_FDCWD</>, "/lib/libc.so", O_RDONLY) = 3</lib/libc.so>
close(3</lib/libc.so>)                  = 0
faccessat(AT_FDCWD</>, "/faulty: main begins", F_OK) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD</>, "/cache/tmp/codex.a1B2c3/tree", O_RDONLY) = 3</cache/tmp/codex.a1B2c3/tree>
openat(AT_FDCWD</>, "/cache/tmp/codex.d4E5f6/tree", O_RDONLY) = 4</cache/tmp/codex.d4E5f6/tree>
openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY) = 5</etc/hosts>
--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7} ---
poll([{fd=5<pipe:[99]>, events=POLLIN}], 1, 250) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)
getpid()                                = 4711
+++ exited with 0 +++
]]

local SCENARIO = { name = "cold", runtime = "codex" }

local function by_call(points)
  local found = {}
  for _, point in ipairs(points) do
    local key = point.what .. "#" .. point.ordinal
    found[key] = found[key] or {}
    table.insert(found[key], point.error)
  end
  return found
end

describe("the plan of make faults", function()
  it("counts calls from the process's start, and takes those from main() on", function()
    local names = {}
    for _, call in ipairs(plan.calls(TRACE, "codex")) do names[#names + 1] = call.name .. "#" .. call.ordinal end
    assert.same({ "openat#2", "openat#3", "openat#4", "poll#1", "getpid#1" }, names)
  end)

  it("takes calls for alike that differ in what differs from run to run", function()
    local calls = plan.calls(TRACE, "codex")
    assert.equal(calls[1].signature, calls[2].signature)
    assert.not_equal(calls[1].signature, calls[3].signature)
  end)

  it("lets each call fail, and each error that fits come about among calls that are alike", function()
    local found = by_call(plan.system_calls(SCENARIO, TRACE, {}, 0))
    local seen = {}
    for _, key in ipairs { "openat#2", "openat#3" } do
      for _, name in ipairs(found[key]) do seen[name] = true end
    end
    for _, name in ipairs(errors.fitting("openat", '"/etc/hosts", O_RDONLY')) do assert.is_true(seen[name], name) end
    assert.is_truthy(found["poll#1"])
    assert.is_nil(found["getpid#1"])
  end)

  it("tries fewer errors if a scenario sets that, and others in another turn", function()
    local few = { name = "cold", runtime = "codex", errors = 1 }
    local function of_hosts(turn) return by_call(plan.system_calls(few, TRACE, {}, turn))["openat#4"] end
    assert.equal(1, #of_hosts(0))
    assert.not_same(of_hosts(0), of_hosts(1))
  end)

  it("tries no more calls that are alike than a scenario says, spread over the run", function()
    local many = {}
    for _ = 1, 100 do many[#many + 1] = "fsync(3</cache/config>) = 0" end
    local scenario = { name = "cold", runtime = "codex", errors = 1, alike = 4 }
    local ordinals = {}
    for _, point in ipairs(plan.system_calls(scenario, TRACE .. table.concat(many, "\n") .. "\n", {}, 0)) do
      if point.what == "fsync" then ordinals[#ordinals + 1] = point.ordinal end
    end
    assert.same({ 1, 26, 51, 76 }, ordinals)
  end)

  it("takes only new calls if a scenario sets that", function()
    local seen, new = {}, { name = "moved", runtime = "crewai", new = true }
    plan.system_calls(SCENARIO, TRACE, seen, 0)
    assert.same({}, plan.system_calls(new, (TRACE:gsub("codex", "crewai")), seen, 0))
    assert.is_true(#plan.system_calls(new, TRACE .. "fsync(3</cache/config>) = 0\n", seen, 0) > 0)
  end)

  it("spreads the allocations over the run, half of them alone and half with all that follow", function()
    local points = plan.allocations("hit", 100, 10, function(from) return from end)
    assert.equal(10, #points)
    assert.same({ 1, 91 }, { points[1].ordinal, points[10].ordinal })
    assert.same({ "one", "all" }, { points[1].error, points[2].error })
  end)

  it("writes a point as a line and reads it again", function()
    local point = { scenario = "hit", what = "openat", ordinal = 12, error = "EIO", call = 'openat("a\tb")' }
    local read = plan.point(plan.line(point))
    assert.equal("hit openat#12 EIO", plan.name(read))
    assert.equal('openat("a b")', read.call)
  end)
end)

describe("the errors of a system call", function()
  local function has(list, name)
    for _, each in ipairs(list) do if each == name then return true end end
    return false
  end

  it("depend on what the descriptor is", function()
    assert.is_true(has(errors.fitting("read", "6<socket:[49099]>, 0x7f, 64"), "ECONNRESET"))
    assert.is_false(has(errors.fitting("read", "6</etc/hosts>, 0x7f, 64"), "ECONNRESET"))
    assert.is_true(has(errors.fitting("write", "6<pipe:[1]>, 0x7f, 64"), "EPIPE"))
  end)

  it("include those of a full disk where a file is made", function()
    assert.is_true(has(errors.fitting("openat", '"/a", O_RDWR|O_CREAT|O_EXCL, 0600'), "ENOSPC"))
    assert.is_false(has(errors.fitting("openat", '"/a", O_RDONLY'), "ENOSPC"))
  end)

  it("are those that any call may report, for an unknown call", function()
    assert.is_true(has(errors.fitting("io_uring_setup", ""), "ENOSYS"))
    assert.same({}, errors.fitting("getpid", ""))
  end)
end)

describe("a trial", function()
  local RIGHT = { revision = "8fbd", size = 7 }

  --- What a good run looks like, with some of it otherwise.
  local function seen(changes)
    local all = {
      status = 0, seconds = 1, stdout = "image:8fbd\n", stderr = "local-build: image:8fbd built\n", tag = "image:8fbd",
      image = { revision = "8fbd", size = 7 }, right_image = RIGHT, processes = 0, containers = 0, lock_held = false,
      staging = "", next = { status = 0, stdout = "image:8fbd\n", stderr = "", staging = "" },
    }
    for name, value in pairs(changes or {}) do all[name] = value end
    return all
  end

  local NONE = { status = 4, stdout = "", stderr = "molbuild: local-build: no route\n" }

  local function failing(changes)
    local all = seen(NONE)
    all.image = nil
    for name, value in pairs(changes or {}) do all[name] = value end
    return all
  end

  it("is passed by a run that succeeds, and by one that fails as it should", function()
    assert.same({}, trial.broken(seen()))
    assert.same({}, trial.broken(failing()))
    assert.same({}, trial.broken(failing { status = 2, stderr = "molbuild: cannot read /x/ensure.lua: No memory\n" }))
  end)

  it("is passed by a result that is reported as one that could not be stored", function()
    local stderr = "molbuild: cannot write the result: Disk quota exceeded\n"
    assert.same({}, trial.broken(failing { status = 1, stdout = "image:8fbd\n", stderr = stderr }))
    assert.equal(1, #trial.broken(failing { status = 1, stdout = "image:", stderr = stderr }))
  end)

  local CASES = {
    ["a run that takes too long"] = { seen { seconds = 50 }, "took 50 s" },
    ["an end by a signal"] = { failing { status = 139 }, "signal 11" },
    ["a bug's exit status"] = { failing { status = 70 }, "exit status 70" },
    ["an exit status that says something else"] = { failing { status = 7 }, "exit status 7" },
    ["a usage error without a policy that cannot be read"] = { failing { status = 2 }, "exit status 2" },
    ["a forge that is blamed for a pipe"] = { failing { injected = "read(9<pipe:[1]>, 0x7, 64) = -1 EIO (INJECTED)" }, "forge" },
    ["a result with a failure"] = { failing { stdout = "image:8fbd\n" }, "stdout" },
    ["another result"] = { seen { stdout = "image:0000\n" }, "stdout" },
    ["no result"] = { seen { stdout = "" }, "stdout" },
    ["a traceback"] = { failing { stderr = "molbuild: x\n  stack traceback:\n" }, "a bug is reported" },
    ["a Lua error"] = { failing { stderr = "molbuild: molbuild/base/job.lua:12: no\n" }, "a bug is reported" },
    ["silence about a failure"] = { failing { stderr = "" }, "no reason" },
    ["a missing image"] = { (function() local all = seen(); all.image = nil; return all end)(), "no image" },
    ["a wrong image"] = { seen { image = { revision = "0000", size = 7 } }, "revision" },
    ["half an image after a failure"] = { failing { image = { revision = "8fbd", size = 3 } }, "size" },
    ["a process that is left"] = { seen { processes = 2 }, "2 processes" },
    ["a container that is left"] = { seen { containers = 1 }, "1 containers" },
    ["a lock that is held"] = { seen { lock_held = true }, "lock" },
    ["staging that is left"] = { seen { staging = "codex.a1B2c3" }, "staging" },
    ["a next run that fails"] = { seen { next = { status = 1, stdout = "", stderr = "no\n", staging = "" } }, "next run" },
    ["staging that the next run leaves"] = {
      seen { next = { status = 0, stdout = "image:8fbd\n", stderr = "", staging = "x" } }, "after the next run",
    },
  }

  for name, case in pairs(CASES) do
    it("notices " .. name, function()
      local broken = trial.broken(case[1])
      assert.equal(1, #broken, table.concat(broken, "; "))
      assert.is_truthy(broken[1]:find(case[2], 1, true), broken[1])
    end)
  end

  it("does not ask for a reason where stderr itself cannot be written", function()
    assert.same({}, trial.broken(failing { stderr = "", stderr_failed = true }))
  end)
end)
