-- The lines of `molbuild doctor`, from what its checks find out: reports, the forge, proxies, the policy, a fork's own checks.
local core = require "molbuild.core"
local doctor = require "molbuild.machine.doctor"
local doctor_report = require "molbuild.machine.doctor_report"
local errors = require "molbuild.base.errors"
local forge = require "molbuild.machine.doctor_forge"
local doctor_lines = require "spec.support.doctor_lines"
local own = require "molbuild.machine.doctor_own"
local probe = require "molbuild.forge.probe"
local programs = require "molbuild.machine.doctor_programs"
local task = require "molbuild.base.task"

local lines_of, find = doctor_lines.of, doctor_lines.find

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

describe("proxies", function()
  local network = require "molbuild.forge.network"
  local check = require("molbuild.machine.doctor_network").proxies
  local proxies = network.proxies
  after_each(function() network.proxies = proxies end)

  local function line(set, url)
    network.proxies = function() return set end
    return lines_of(check, { { repo_url = url or "https://forge.example/o/r" } })[1]
  end

  it("are shown, with a warning where programs differ", function()
    assert.equal("ok proxies: none is set", line {})
    assert.equal("ok proxies: HTTPS_PROXY=http://p:3128, https_proxy=http://p:3128",
      line { { "HTTPS_PROXY", "http://p:3128" }, { "https_proxy", "http://p:3128" } })
    assert.truthy(line({ { "no_proxy", "a" }, { "NO_PROXY", "b" } }):find "^warning proxies: .*no_proxy and NO_PROXY differ")
    assert.truthy(line { { "HTTP_PROXY", "http://p" } }:find "^ok ")
    assert.truthy(line({ { "HTTP_PROXY", "http://p" } }, "http://forge.example/o/r"):find "^warning ")
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
