-- Jobs that need others, and what a policy does afterwards.
local errors = require "molbuild.base.errors"
local jobs = require "molbuild.base.job"
local needs = require "molbuild.base.needs"
local task = require "molbuild.base.task"
local core = require "molbuild.core"

local NEEDS = { child = { "base" }, other = { "child", "base" }, a = { "b" }, b = { "c" }, c = { "a" }, me = { "me" } }

local function make(name) return { runtime = name, needs = NEEDS[name] } end

local function names_of(list)
  local names = {}
  for index, job in ipairs(list) do names[index] = job.runtime end
  return table.concat(names, " ")
end

describe("the jobs of some runtimes", function()
  it("are theirs, and behind them those that they need", function()
    assert.equal("base", names_of(needs.jobs({ "base" }, make)))
    assert.equal("child base", names_of(needs.jobs({ "child" }, make)))
    assert.equal("other base child", names_of(needs.jobs({ "other", "base" }, make)))
  end)

  it("are one job for each runtime, however often it is named", function()
    local list = needs.jobs({ "child", "base", "child" }, make)
    assert.equal("child base child", names_of(list))
    assert.equal(list[1], list[3])
  end)

  it("must be attested where the runtimes are that need them, and have no other option of theirs", function()
    local list = jobs.with_needs({ "child" }, function(name)
      return jobs.chosen(make(name), { attested = true, rebuild = true }, { "child" })
    end)
    assert.same({ { true, true }, { true, nil } }, { { list[1].attested, list[1].rebuild }, { list[2].attested, list[2].rebuild } })
  end)

  for name, circle in pairs { a = "per_runtime.c.needs: a circle: a, b, c, a", me = "per_runtime.me.needs: a circle: me, me" } do
    it("are an error when one needs itself: " .. name, function()
      local ok, failure = pcall(needs.jobs, { name }, make)
      assert.is_false(ok)
      assert.same({ "bug", circle }, { failure.kind, failure.message })
    end)
  end
end)

describe("jobs that run side by side", function()
  local order

  before_each(function() order = {} end)

  local function run(names, fn, options)
    return task.run(function()
      local list = jobs.with_needs(names, make)
      options = options or {}
      options.asked = names
      return jobs.run_all(list, fn or function(job)
        core.sys.sleep(job.runtime == "base" and 0.03 or 0.001)
        order[#order + 1] = job.runtime
        return "image of " .. job.runtime
      end, options)
    end)
  end

  it("wait for what they need, and have it", function()
    local seen
    local results = run({ "child" }, function(job)
      if job.runtime == "base" then core.sys.sleep(0.03) end
      order[#order + 1] = job.runtime
      if job.runtime == "child" then seen = job.needed.base.tag end
      job.tag = "tag of " .. job.runtime
      return job.tag
    end)
    assert.same({ "tag of child" }, results)
    assert.same({ "base", "child" }, order)
    assert.equal("tag of base", seen)
  end)

  it("give results in the order asked for, without the needed ones", function()
    assert.same({ "image of other", "image of base", "image of other" }, run { "other", "base", "other" })
    assert.same({ "base", "child", "other" }, order)
  end)

  it("do not wait for each other with a single slot", function()
    local places = task.semaphore(1)
    assert.same({ "x" }, run({ "other" }, function()
      local _ <close> = places:acquire()
      core.sys.sleep(0.001)
      return "x"
    end))
  end)

  it("fail with what they need, and its message names both", function()
    local ok, failure = pcall(run, { "child" }, function(job)
      order[#order + 1] = job.runtime
      errors.raise { kind = "build", message = "it does not build" }
    end)
    assert.is_false(ok)
    assert.same({ "build", "child needs base, which failed: it does not build" }, { failure.kind, failure.message })
    assert.same({ "base" }, order)
  end)

  describe("with something to do afterwards", function()
    local ends

    before_each(function() ends = {} end)

    local function finally(job, outcome, failure)
      ends[#ends + 1] = ("%s %s %s"):format(job.runtime, outcome, failure and failure.message or "-")
    end

    it("tell it how each one ended", function()
      run({ "base" }, function(job) job.outcome = "hit" return "x" end, { finally = finally })
      pcall(run, { "base" }, function() errors.raise { message = "no" } end, { finally = finally })
      pcall(run, { "base" }, function() errors.raise { message = "gone" } end,
        { finally = finally, skip = function() return true end })
      assert.same({ "base hit -", "base failed no", "base skipped gone" }, ends)
    end)

    it("do it after a cancellation, too, and it may wait then", function()
      pcall(task.run, function()
        local running = task.spawn(function()
          return jobs.run_all({ make "base" }, function() core.sys.sleep(60) end, {
            finally = function(job, outcome)
              core.sys.sleep(0.01)
              finally(job, outcome)
            end,
          })
        end)
        core.sys.sleep(0.01)
        running:cancel()
        running:join()
      end)
      assert.same({ "base cancelled -" }, ends)
    end)

    it("end as they ended when that fails", function()
      assert.same({ "x" }, run({ "base" }, function() return "x" end, { finally = function() error "oh" end }))
    end)
  end)
end)
