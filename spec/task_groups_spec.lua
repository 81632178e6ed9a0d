-- What is built on tasks: map, timeout, shield, semaphores; and a wait that fails.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"
local tasks = require "spec.support.tasks"

local sleep, run, wait_for_ever = core.sys.sleep, tasks.run, tasks.wait_for_ever

describe("task.map", function()
  it("keeps the order of the items", function()
    assert.same({ 30, 10, 20 }, task.run(function()
      return task.map({ 3, 1, 2 }, {}, function(n, index)
        sleep(n / 100)
        assert.equal(n, ({ 3, 1, 2 })[index])
        return n * 10
      end)
    end))
    assert.same({}, task.run(function() return task.map({}, {}, error) end))
  end)

  it("runs no more than the limit at a time, and as many", function()
    local running, most = 0, 0
    task.run(function()
      task.map({ 1, 2, 3, 4, 5, 6, 7 }, { limit = 3 }, function()
        running = running + 1
        most = math.max(most, running)
        sleep(0.01)
        running = running - 1
      end)
    end)
    assert.equal(3, most)
  end)

  it("cancels the siblings at the first error, and raises that", function()
    local seen = {}
    local ok, e = run(function()
      task.map({ "a", "b", "c" }, {}, function(name)
        if name == "b" then
          sleep(0.02)
          errors.raise { kind = "build", message = "b failed" }
        end
        wait_for_ever(seen, name)
      end)
    end)
    assert.is_false(ok)
    assert.equal("build", e.kind)
    assert.equal("b failed", e.message)
    table.sort(seen)
    assert.same({ "a cancelled", "c cancelled" }, seen)
  end)

  it("starts nothing that still waits for its turn after an error", function()
    local began = {}
    local ok = run(function()
      task.map({ 1, 2, 3 }, { limit = 1 }, function(n)
        began[#began + 1] = n
        sleep(0.01)
        error("x", 0)
      end)
    end)
    assert.is_false(ok)
    assert.same({ 1 }, began)
  end)

  it("runs every one to its end with settle", function()
    local results = task.run(function()
      return task.map({ 1, 2, 3 }, { settle = true }, function(n)
        if n == 1 then
          errors.raise { kind = "auth", message = "no" }
        end
        sleep(0.02)
        return n > 2 and n or nil
      end)
    end)
    assert.is_false(results[1].ok)
    assert.equal("auth", results[1].error.kind)
    assert.same({ { ok = true }, { ok = true, value = 3 } }, { results[2], results[3] })
  end)

  it("raises with settle when it is cancelled itself", function()
    task.run(function()
      local child = task.spawn(function()
        return task.map({ 1, 2 }, { limit = 1, settle = true }, function() sleep(60) end)
      end)
      sleep(0.01)
      child:cancel()
      local ok, e = pcall(child.join, child)
      assert.is_false(ok)
      assert.equal("cancelled", e.kind)
    end)
  end)
end)

describe("task.timeout", function()
  it("gives the results of what is done in time", function()
    local began = core.sys.monotonic()
    assert.same({ 1, 2 }, { task.run(function()
      return task.timeout(30, function() return 1, 2 end)
    end) })
    assert.is_true(core.sys.monotonic() - began < 29)
  end)

  it("cancels what is not, waits for its end, and raises", function()
    local seen = {}
    local ok, e = run(function()
      task.timeout(0.02, function() wait_for_ever(seen, "slow") end)
    end)
    assert.is_false(ok)
    assert.equal("timeout", e.kind)
    assert.equal("took longer than 0.02 s", e.message)
    assert.same({ "slow cancelled" }, seen)
  end)

  it("raises the given error", function()
    local _, e = run(function()
      task.timeout(0.01, function() sleep(60) end, errors.new { kind = "locked", message = "busy" })
    end)
    assert.equal("locked", e.kind)
  end)

  it("raises the error of what fails in time", function()
    local _, e = run(function()
      task.timeout(30, function() errors.raise { kind = "remote", message = "gone" } end)
    end)
    assert.equal("remote", e.kind)
  end)
end)

describe("task.shield", function()
  it("puts cancellation off until it returns", function()
    local seen = {}
    task.run(function()
      local child = task.spawn(function()
        seen[1] = task.shield(function()
          local done = sleep(0.05)
          task.check()
          return task.spawn(function() return sleep(0.01) and done end):join()
        end)
        seen[2] = select(2, pcall(sleep, 60)).kind
      end)
      sleep(0.01)
      child:cancel()
      pcall(child.join, child)
    end)
    assert.same({ true, "cancelled" }, seen)
  end)

  it("shields after the cancellation, too", function()
    local slept
    task.run(function()
      local child = task.spawn(function()
        sleep(60)
        slept = task.shield(function() return (sleep(0.01)) end)
      end)
      sleep(0.01)
      child:cancel()
      pcall(child.join, child)
    end)
    assert.is_true(slept)
  end)

  it("passes results and errors on", function()
    task.run(function()
      assert.same({ 1, nil, 2, n = 3 }, table.pack(task.shield(function(a, b) return a, nil, b end, 1, 2)))
      local ok, e = pcall(task.shield, function() errors.raise { kind = "auth", message = "x" } end)
      assert.is_false(ok)
      assert.equal("auth", e.kind)
    end)
  end)
end)

describe("task.semaphore", function()
  it("is first come first served", function()
    local order = {}
    task.run(function()
      local places = task.semaphore(1)
      for i = 1, 5 do
        task.spawn(function()
          local place <close> = places:acquire()
          sleep(0.005)
          order[#order + 1] = i
        end)
      end
    end)
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("says when it has to wait", function()
    local waits = 0
    task.run(function()
      local places = task.semaphore(2)
      for _ = 1, 3 do
        task.spawn(function()
          local place <close> = places:acquire(function() waits = waits + 1 end)
          sleep(0.005)
        end)
      end
    end)
    assert.equal(1, waits)
  end)

  it("raises in a task that is cancelled while it waits, and loses no place", function()
    task.run(function()
      local places = task.semaphore(1)
      local held = places:acquire()
      local child = task.spawn(function() places:acquire() end)
      local after = task.spawn(function()
        local place <close> = places:acquire()
        return "had it"
      end)
      sleep(0.01)
      child:cancel()
      local ok, e = pcall(child.join, child)
      assert.is_false(ok)
      assert.equal("cancelled", e.kind)
      assert.is_false(after.ended)
      local close = getmetatable(held).__close
      close(held)
      close(held)
      assert.equal("had it", after:join())
      assert.equal(1, places.free)
    end)
  end)

  it("gives a place back that was granted to a task cancelled meanwhile", function()
    task.run(function()
      local places = task.semaphore(1)
      local held = places:acquire()
      local child = task.spawn(function()
        local place <close> = places:acquire()
        sleep(60)
      end)
      sleep(0.01)
      getmetatable(held).__close(held)
      child:cancel()
      pcall(child.join, child)
      assert.equal(1, places.free)
    end)
  end)
end)

describe("a wait that fails", function()
  local real = core.loop.step

  after_each(function()
    core.loop.step = real
  end)

  local function fail_from(first, last)
    local count = 0
    core.loop.step = function(...)
      count = count + 1
      if count >= first and count <= last then
        return nil, "waiting failed: Cannot allocate memory", "ENOMEM"
      end
      return real(...)
    end
  end

  local function wait(closed)
    local _ <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "inner" end })
    local child = task.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "child" end })
      core.process.run { argv = { "sleep", "1000" } }
      errors.raise { kind = "cancelled", message = "cancelled" }
    end)
    child:join()
  end

  for name, last in pairs { ["once ends the tasks cleanly"] = 1, ["always closes the tasks"] = math.huge } do
    it(name .. ", and is no bug", function()
      local closed = {}
      fail_from(1, last)
      local ok, failure = pcall(task.run, function() wait(closed) end)
      assert.is_false(ok)
      assert.same({ "failed", "waiting failed: Cannot allocate memory", "ENOMEM" },
        { failure.kind, failure.message, failure.code })
      assert.same({ "child", "inner" }, closed)
      assert.is_nil(task.current())
    end)
  end

  it("breaks off without losing open variables when a turn itself raises", function()
    local closed = {}
    core.loop.step = function() error("not enough memory", 0) end
    local ok, failure = pcall(task.run, function() wait(closed) end)
    assert.is_false(ok)
    assert.equal("failed", errors.object(failure).kind)
    assert.same({ "child", "inner" }, closed)
  end)
end)

describe("a nap", function()
  local nap = require "molbuild.base.nap"

  it("ends when it is woken, and is not taken when it was woken before", function()
    task.run(function()
      local it = nap.new()
      task.spawn(function()
        sleep(0.01)
        it:wake()
      end)
      it:wait(3600)
      it:wake()
      it:wait(3600)
      it:wait(0.01) -- the former two wakes are over
    end)
  end)

  it("ends with the task that takes it", function()
    local ok, e = run(function()
      task.timeout(0.02, function() nap.new():wait(3600) end)
    end)
    assert.is_false(ok)
    assert.is_true(errors.is(e, "timeout"))
  end)
end)

describe("task.on_signal", function()
  it("takes a signal that would have ended the run, for this run alone", function()
    local taken = {}
    local function raise(signo)
      sleep(0)
      os.execute(("kill -%d $PPID"):format(signo))
      for _ = 1, 6000 do
        if not taken[1] then sleep(0.01) end
      end
    end
    local ok = run(function()
      task.on_signal(function(signo)
        taken[#taken + 1] = signo
        return signo == 14
      end)
      raise(14)
      return true
    end, { signals = { 14 } })
    assert.is_true(ok)
    assert.same({ 14 }, taken)
    ok = run(function()
      raise(14)
      sleep(60)
    end, { signals = { 14 } })
    assert.is_false(ok)
    assert.same({ 14 }, taken)
  end)
end)
