local cjson = require "cjson"
local record = require "spec.support.record"
local results = require "molbuild.results"

describe("the results on stdout", function()
  local r

  before_each(function()
    r = results.new()
    r:event { event = "run_started", time = 1, script = "s", version = "1", path = "/s", args = {} }
    for index, name in ipairs { "codex", "hermes" } do
      r:event {
        event = "result", time = 1, runtime = name, image = "m/" .. name .. ":0f", sha = "0f" .. index,
        image_id = "sha256:" .. index, outcome = index == 1 and "hit" or "built", seconds = index, steps = { head = 0.5 },
      }
    end
  end)

  it("are one line per value as text", function()
    assert.equal("m/hermes:0f\n7\nnil\ntrue\n", r:text(table.pack("m/hermes:0f", 7, nil, true)))
    assert.equal("", r:text(table.pack()))
  end)

  it("are an object a value as JSON, in the order of the values, each with its own seconds", function()
    assert.equal(
      '{"runtime":"hermes","image":"m/hermes:0f","sha":"0f2","image_id":"sha256:2","outcome":"built","seconds":2,'
        .. '"steps":{"head":0.5}}\n'
        .. '{"runtime":"codex","image":"m/codex:0f","sha":"0f1","image_id":"sha256:1","outcome":"hit","seconds":1,'
        .. '"steps":{"head":0.5}}\n',
      r:text(table.pack("m/hermes:0f", "m/codex:0f"), true))
  end)

  it("are listed twice when they were requested twice", function()
    local text = r:text(table.pack("m/codex:0f", "m/codex:0f"), true)
    local first, second = text:match "^([^\n]+)\n([^\n]+)\n$"
    assert.equal(first, second)
  end)

  it("are never omitted from JSON: a value that is not an image is written as it is", function()
    local lines = {}
    for line in r:text(table.pack("other", 7, nil, true), true):gmatch "[^\n]+" do
      lines[#lines + 1] = cjson.decode(line).value
    end
    assert.same({ "other", 7, "nil", "true" }, lines)
  end)
end)

describe("the results of a run that failed, as JSON", function()
  local r

  before_each(function()
    r = results.new()
    r.asked = { "codex", "hermes" }
  end)

  local function ended(runtime, fields)
    r:event { event = "job_ended", runtime = runtime, ok = false, seconds = 2, skipped = fields.skipped, sha = fields.sha }
  end

  local function failed(runtime, kind, exit)
    r:event { event = "failed", runtime = runtime, kind = kind, exit = exit, retry = false, message = kind, tail = { "x" } }
  end

  local function succeeded(runtime)
    r:event {
      event = "result", runtime = runtime, image = "m/" .. runtime, outcome = "hit", seconds = 1, steps = {},
    }
  end

  local function summary()
    local list = {}
    for index, object in ipairs(record.results(r:failures())) do
      list[index] = { object.runtime or "-", object.outcome, object.error and object.error.kind }
    end
    return list
  end

  it("are an object for each runtime, in the order asked for, with the error, its steps and its commit", function()
    r.asked = { "hermes", "codex", "hermes" }
    succeeded "codex"
    r:event { event = "step_ended", runtime = "hermes", step = "head", ok = true, seconds = 0.5 }
    r:event { event = "step_ended", runtime = "hermes", step = "head", ok = true, seconds = 0.25 }
    failed("hermes", "build", 8)
    ended("hermes", { sha = "0f" })
    local hermes = '{"runtime":"hermes","sha":"0f","outcome":"failed","seconds":2,"steps":{"head":0.75},'
      .. '"error":{"exit":8,"kind":"build","message":"build","retry":false}}\n'
    assert.equal(hermes .. '{"runtime":"codex","image":"m/codex","outcome":"hit","seconds":1,"steps":{}}\n' .. hermes,
      r:failures())
  end)

  it("give the error of the run to what did not begin or was cancelled", function()
    ended("codex", {})
    failed(nil, "timeout", 9)
    assert.same({ { "codex", "failed", "timeout" }, { "hermes", "failed", "timeout" } }, summary())
  end)

  it("give the first failure to what did not begin for it", function()
    failed("codex", "build", 8)
    assert.same({ { "codex", "failed", "build" }, { "hermes", "failed", "build" } }, summary())
  end)

  it("have an error of the run apart where no runtime has it", function()
    succeeded "codex"
    succeeded "hermes"
    failed(nil, "bug", 70)
    assert.same({ { "codex", "hit" }, { "hermes", "hit" }, { "-", "failed", "bug" } }, summary())
    r.asked = {}
    assert.same({ { "-", "failed", "bug" } }, summary())
  end)

  it("leave out what was skipped, unless all of it was", function()
    ended("codex", { skipped = true })
    failed("hermes", "build", 8)
    assert.same({ { "hermes", "failed", "build" } }, summary())
    r = results.new()
    r.asked = { "codex" }
    ended("codex", { skipped = true })
    failed(nil, "not_found", 6)
    assert.same({ { "codex", "failed", "not_found" } }, summary())
  end)
end)

describe("a run with --output=json", function()
  local run = require "spec.support.run"
  local sh = require "spec.support.sh"
  local dir

  before_each(function()
    dir = sh.temporary "results"
    -- A policy whose runtimes are named after their outcomes.
    sh.write(dir .. "/p.lua", [[
      local function work(job)
        if job.runtime:find "^broken" then
          job.sha = ("0f"):rep(20)
          molbuild.raise { kind = "build", message = "it s3cretsecret broke", hint = "look", log = "/l" }
        elseif job.runtime == "remote" then
          molbuild.raise { kind = "remote", code = "connect", message = "no answer" }
        elseif job.runtime == "slow" then
          molbuild.core.sys.sleep(30)
          molbuild.task.check()
        end
        job.tag, job.outcome = "m/" .. job.runtime, "hit"
        return job.tag
      end
      return { run = function(args)
        molbuild.core.mask.secret "s3cretsecret"
        molbuild.job.asked(args)
        local jobs = {}
        for index, name in ipairs(args) do jobs[index] = { runtime = name } end
        if args[1] == "setting" then molbuild.raise { kind = "usage", message = "MOLECULE_X cannot be used" } end
        return table.unpack(molbuild.job.run_all(jobs, function(job)
          return molbuild.job.step(job, "work", work)
        end))
      end }
    ]])
  end)

  after_each(function()
    sh.remove(dir)
  end)

  local function start(options)
    return run.start { args = { "run", "--output=json", table.unpack(options) } }
  end

  local function summary(ended)
    local list = {}
    for index, object in ipairs(record.results(ended.stdout)) do
      local e = object.error or {}
      list[index] = { object.runtime or "-", object.outcome, e.kind, e.exit, e.retry }
    end
    return list
  end

  it("prints an object for each runtime, failed ones too, masked, whatever the exit status", function()
    local ended = start({ dir .. "/p.lua", "good", "broken", "remote", "good" }):wait()
    assert.equal(8, ended.status)
    assert.same({
      { "good", "hit" }, { "broken", "failed", "build", 8, false }, { "remote", "failed", "remote", 4, true }, { "good", "hit" },
    }, summary(ended))
    local broken = record.results(ended.stdout)[2]
    assert.same({ "it *** broke", "look", ("0f"):rep(20) }, { broken.error.message, broken.error.hint, broken.sha })
    assert.is_number(broken.steps.work)
    assert.truthy(ended.stderr:find("broken: failed in step work", 1, true))
  end)

  it("prints nothing as text when something failed", function()
    local ended = run.run { args = { "run", dir .. "/p.lua", "good", "broken" } }
    assert.same({ 8, "" }, { ended.status, ended.stdout })
  end)

  it("prints one for each when the run fails before the first one begins", function()
    local ended = start({ dir .. "/p.lua", "setting", "good" }):wait()
    assert.same({ { "setting", "failed", "usage", 2, false }, { "good", "failed", "usage", 2, false } }, summary(ended))
  end)

  it("prints one for each when the run takes longer than --timeout", function()
    local ended = start({ "--timeout=0.2", dir .. "/p.lua", "good", "slow" }):wait()
    assert.equal(9, ended.status)
    assert.same({ { "good", "hit" }, { "slow", "failed", "timeout", 9, true } }, summary(ended))
  end)

  it("prints one for each when a signal ends the run", function()
    local running = start { "--progress=json", dir .. "/p.lua", "good", "slow" }
    sh.wait_for(function()
      return running:so_far():find('"step_started","runtime":"slow"', 1, true)
    end, 30, "the step to begin")
    running:signal "TERM"
    local ended = running:wait()
    assert.equal(143, ended.status)
    assert.same({ { "good", "hit" }, { "slow", "failed", "signal", 143, true } }, summary(ended))
    record.events(ended.stderr)
  end)

  for _, options in ipairs {
    { "--jobs=0", "p.lua" }, { "--nonsense", "p.lua" }, { "--progress=json", "--jobs=x", "p.lua" }, {}, { "nowhere.lua" },
  } do
    it("prints one without a runtime for a mistake before the policy runs: " .. table.concat(options, " "), function()
      local ended = start(options):wait()
      assert.equal(2, ended.status)
      assert.same({ { "-", "failed", "usage", 2, false } }, summary(ended))
      assert.not_equal("", ended.stderr)
    end)
  end

  it("keeps the exit status of the failure when stdout is full", function()
    local ended = run.run {
      program = "sh",
      args = { "-c", 'exec "$@" >/dev/full', "sh", run.program, "run", "--output=json", dir .. "/p.lua", "broken" },
    }
    assert.equal(8, ended.status)
    assert.truthy(ended.stderr:find("cannot write the result: .*No space left"), ended.stderr)
  end)
end)
