local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local job = require "molbuild.base.job"
local schema = require "spec.support.schema"
local task = require "molbuild.base.task"

describe("jobs side by side", function()
  local seen, asked
  local written = {} -- by all of them

  local function run_all(names, fn, options)
    local jobs = {}
    for index, name in ipairs(names) do
      jobs[index] = { runtime = name, tag = "m/" .. name .. ":0f", outcome = "built" }
    end
    local renderer = require("molbuild.progress.json").new { write = function(text) written[#written + 1] = text end }
    return task.run(function()
      task.scope().asked = asked
      task.scope().events = function(e)
        seen[#seen + 1] = e
        renderer:event(e)
      end
      return job.run_all(jobs, fn, options)
    end)
  end

  local function named(event)
    local names = {}
    for _, e in ipairs(seen) do
      if e.event == event then
        names[#names + 1] = e.runtime
      end
    end
    return names
  end

  before_each(function()
    seen, asked = {}, {}
  end)

  it("are all announced before the first one begins", function()
    run_all({ "hermes", "codex" }, function(self)
      events.emit("log", { level = "info", message = self.runtime })
    end)
    assert.same({ "hermes", "codex" }, named "job_started")
    assert.same({ "job_started", "job_started", "log" }, { seen[1].event, seen[2].event, seen[3].event })
  end)

  it("are done once when the list has them twice", function()
    local calls = 0
    local results = run_all({ "hermes", "codex", "hermes" }, function(self)
      calls = calls + 1
      return "image of " .. self.runtime
    end)
    assert.equal(2, calls)
    assert.same({ "image of hermes", "image of codex", "image of hermes" }, results)
    assert.same({ "hermes", "codex" }, named "job_started")
    assert.same({ "hermes", "codex" }, named "job_ended")
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
    assert.same({ "a", "c" }, named "failed")
    assert.same({ "b" }, named "result")
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
    assert.same({}, named "failed")
    local last = seen[#seen]
    assert.same({ "job_ended", false, true }, { last.event, last.ok, last.cancelled })
  end)

  it("note what was asked for, in order, and nothing twice that was noted before", function()
    asked = { "codex" }
    run_all({ "hermes", "codex", "hermes" }, function() end)
    assert.same({ "codex", "hermes", "hermes" }, asked)
  end)

  it("have as their image what the function returns, where it sets no tag; without either there is no result", function()
    run_all({ "hermes", "codex", "openclaw" }, function(self)
      self.tag = self.runtime == "codex" and "tagged" or nil
      return self.runtime ~= "openclaw" and "image of " .. self.runtime or nil
    end)
    local images = {}
    for _, e in ipairs(seen) do
      if e.event == "result" then images[e.runtime] = e.image end
    end
    assert.same({ hermes = "image of hermes", codex = "tagged" }, images)
  end)

  it("say the commit of one that failed", function()
    pcall(run_all, { "hermes" }, function(self)
      self.sha = "0f"
      errors.raise { kind = "build", message = "no" }
    end)
    assert.same({ "job_ended", "0f" }, { seen[#seen].event, seen[#seen].sha })
  end)

  describe("that may be skipped", function()
    local function missing(self)
      if self.runtime:find "^gone" then
        errors.raise { kind = "not_found", message = "no " .. self.runtime }
      elseif self.runtime == "bad" then
        errors.raise { kind = "build", message = self.runtime }
      end
      return "image of " .. self.runtime
    end

    local options = { skip = function(_, failure) return failure.kind == "not_found" end }

    it("are left out of the results, each with one warning", function()
      local results = run_all({ "gone1", "a", "gone2", "b", "gone1" }, missing, options)
      assert.same({ "image of a", "image of b" }, results)
      assert.same({}, named "failed")
      assert.same({ "gone1", "gone2" }, named "log")
      local skipped = {}
      for _, e in ipairs(seen) do
        if e.event == "job_ended" then
          skipped[e.runtime] = { e.ok, e.skipped }
        elseif e.event == "log" then
          assert.same({ "warn", "skipped: no " .. e.runtime }, { e.level, e.message })
        end
      end
      assert.same({ gone1 = { false, true }, gone2 = { false, true }, a = { true }, b = { true } }, skipped)
    end)

    it("do not hide what failed", function()
      local ok, failure = pcall(run_all, { "gone1", "bad", "b" }, missing, options)
      assert.same({ false, "build" }, { ok, failure.kind })
      assert.same({ "bad" }, named "failed")
    end)

    it("are an error of that kind when nothing is left", function()
      local ok, failure = pcall(run_all, { "gone1", "gone2" }, missing, options)
      assert.same({ false, "not_found", "every runtime was skipped: no gone1" },
        { ok, failure.kind, failure.message })
      assert.falsy(failure.reported)
    end)
  end)

  it("emit what docs/events.schema.json knows", function()
    assert.truthy(#written > 50)
    assert(schema.check("events", table.concat(written)))
  end)
end)

describe("a step", function()
  it("that gives nothing because it was cancelled is no mistake of the policy's", function()
    local failure
    task.run(function()
      local waiting = task.spawn(function()
        return job.step({ runtime = "a" }, "head", function() return (core.sys.sleep(60)) end, "commit")
      end)
      core.sys.sleep(0)
      waiting:cancel()
      failure = select(2, pcall(waiting.join, waiting))
    end)
    assert.is_true(errors.is(failure, "cancelled"), tostring(failure))
  end)

  -- A lock, for example: the wait for it can end in the turn in which a signal ends the run.
  it("that is refused closes what it gives, and leaves it open otherwise", function()
    local closed, failures = 0, {}
    local function give() return setmetatable({}, { __close = function() closed = closed + 1 end }) end
    local function run(fn, gives)
      task.run(function()
        local one = task.spawn(function() return job.step({ runtime = "a" }, "lock", fn, gives) end)
        failures[#failures + 1] = select(2, pcall(one.join, one))
      end)
      return closed
    end
    assert.equal(0, run(give))
    assert.equal(1, run(function()
      task.current():cancel()
      return give()
    end))
    assert.equal(2, run(give, "text"))
    assert.equal("cancelled", failures[2].kind)
    assert.equal("bug", failures[3].kind)
  end)
end)

describe("the runtimes that arguments name", function()
  local KNOWN = { "codex", "crewai", "hermes" }

  -- The list, what --all alone stands for in order, and what was noted as asked for; or the failure's message.
  local function named(...)
    local args, asked = { ... }, {}
    return task.run(function()
      task.scope().asked = asked
      local ok, list, optional = pcall(job.named, args, KNOWN)
      if not ok then
        return list.message, asked
      end
      local names = {}
      for _, name in ipairs(KNOWN) do
        names[#names + 1] = optional[name] and name
      end
      assert.same(list, asked)
      return list, names
    end)
  end

  it("are those named, in order, as often as they are named", function()
    assert.same({ { "hermes", "codex", "hermes" }, {} }, { named("hermes", "codex", "hermes") })
  end)

  it("are all with --all; only those that are also named must exist", function()
    assert.same({ { "codex", "crewai", "hermes" }, { "codex", "crewai", "hermes" } }, { named "--all" })
    assert.same({ { "codex", "crewai", "hermes", "crewai" }, { "codex", "hermes" } }, { named("--all", "crewai") })
  end)

  it("are noted as asked for also where one is unknown", function()
    local message, asked = named("codex", "nonesuch", "--force")
    assert.truthy(message:find('unknown runtime "nonesuch"', 1, true))
    assert.same({ "codex", "nonesuch" }, asked)
    message, asked = named()
    assert.truthy(message:find("no runtime named", 1, true))
    assert.same({}, asked)
  end)
end)
