local core = require "molbuild.core"
local errors = require "molbuild.errors"
local events = require "molbuild.events"
local job = require "molbuild.job"
local task = require "molbuild.task"

describe("jobs side by side", function()
  local seen

  local function run_all(names, fn)
    local jobs = {}
    for index, name in ipairs(names) do
      jobs[index] = { runtime = name, tag = "m/" .. name .. ":0f", outcome = "built" }
    end
    return task.run(function()
      task.scope().events = function(e)
        assert(events.check(e))
        seen[#seen + 1] = e
      end
      return job.run_all(jobs, fn)
    end)
  end

  local function told(event)
    local names = {}
    for _, e in ipairs(seen) do
      if e.event == event then
        names[#names + 1] = e.runtime
      end
    end
    return names
  end

  before_each(function()
    seen = {}
  end)

  it("are all told before the first one begins", function()
    run_all({ "hermes", "codex" }, function(self)
      events.emit("log", { level = "info", message = self.runtime })
    end)
    assert.same({ "hermes", "codex" }, told "job_started")
    assert.same({ "job_started", "job_started", "log" }, { seen[1].event, seen[2].event, seen[3].event })
  end)

  it("are done once when they stand in the list twice", function()
    local calls = 0
    local results = run_all({ "hermes", "codex", "hermes" }, function(self)
      calls = calls + 1
      return "image of " .. self.runtime
    end)
    assert.equal(2, calls)
    assert.same({ "image of hermes", "image of codex", "image of hermes" }, results)
    assert.same({ "hermes", "codex" }, told "job_started")
    assert.same({ "hermes", "codex" }, told "job_ended")
  end)

  it("tell how long each of them took", function()
    run_all({ "slow", "quick" }, function(self)
      core.sys.sleep(self.runtime == "slow" and 0.2 or 0)
    end)
    local seconds = {}
    for _, e in ipairs(seen) do
      if e.event == "result" then
        seconds[e.runtime] = e.seconds
      end
    end
    assert.is_true(seconds.slow >= 0.2 and seconds.quick < seconds.slow)
  end)

  it("raise the first failure in the order of the list, and report every one", function()
    local ok, failure = pcall(run_all, { "a", "b", "c" }, function(self)
      if self.runtime ~= "b" then
        errors.raise { kind = "build", message = self.runtime }
      end
    end)
    assert.is_false(ok)
    assert.equal("a", failure.message)
    assert.same({ "a", "c" }, told "failed")
    assert.same({ "b" }, told "result")
  end)

  it("tell apart what was cancelled from what failed", function()
    pcall(task.run, function()
      task.scope().events = function(e)
        seen[#seen + 1] = e
      end
      return task.timeout(0.05, function()
        return job.run_all({ { runtime = "hermes" } }, function()
          local ok, message = core.sys.sleep(60)
          return ok or errors.raise { kind = "cancelled", message = message }
        end)
      end)
    end)
    assert.same({}, told "failed")
    local last = seen[#seen]
    assert.same({ "job_ended", false, true }, { last.event, last.ok, last.cancelled })
  end)
end)
