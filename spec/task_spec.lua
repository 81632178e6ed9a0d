local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"
local tasks = require "spec.support.tasks"

local sleep, run, wait_for_ever = core.sys.sleep, tasks.run, tasks.wait_for_ever

describe("task.run", function()
  it("gives the results of the function", function()
    assert.same({ 1, nil, 3, n = 3 }, table.pack(task.run(function()
      return 1, nil, 3
    end)))
  end)

  it("raises its error, as it is", function()
    local raised = errors.new { kind = "build", message = "no" }
    local ok, e = run(function()
      sleep(0)
      error(raised, 0)
    end)
    assert.is_false(ok)
    assert.equal("build", e.kind)
    assert.equal("no", e.message)
  end)

  it("can run again after a failure", function()
    run(function()
      error "x"
    end)
    assert.equal("again", (task.run(function()
      return "again"
    end)))
    assert.is_nil(task.current())
  end)

  it("refuses to run inside itself", function()
    local ok, e = run(function()
      task.run(function() end)
    end)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("task.run() is running already", 1, true))
  end)

  it("ends only when everything spawned has ended", function()
    local ended = false
    task.run(function()
      task.spawn(function()
        task.spawn(function()
          sleep(0.05)
          ended = true
        end)
      end)
    end)
    assert.is_true(ended)
  end)

  it("is cancelled by a signal, and says which", function()
    local seen = {}
    local ok, e = run(function()
      task.spawn(wait_for_ever, seen, "child")
      task.spawn(function()
        assert(core.process.run { argv = { "sh", "-c", "kill -USR1 " .. core.sys.pid() } })
      end)
      wait_for_ever(seen, "root")
    end, { signals = { 10 } })
    assert.is_false(ok)
    assert.equal("signal", e.kind)
    assert.equal(10, e.signal)
    table.sort(seen)
    assert.same({ "child cancelled", "root cancelled" }, seen)
  end)
end)

describe("outside a task", function()
  for name, wait in pairs {
    ["sys.sleep"] = function() sleep(0) end,
    ["process.run"] = function() core.process.run { argv = { "true" } } end,
    ["http.request"] = function() core.http.request { url = "http://127.0.0.1:1/" } end,
    ["lock.acquire"] = function() core.lock.acquire "/tmp/molbuild-never-made" end,
  } do
    it(name .. " raises", function()
      assert.has_error(wait, "this function waits, so it must be called inside a task (see molbuild.task)")
      assert.is_nil((core.fs.lstat "/tmp/molbuild-never-made"))
    end)
  end

  it("spawn and shield raise", function()
    assert.has_error(function() task.spawn(print) end, "task.spawn() must be called inside a task")
    assert.has_error(function() task.shield(print) end, "task.shield() must be called inside a task")
  end)

  it("a taken semaphore raises", function()
    local places = task.semaphore(1)
    local place <close> = places:acquire()
    assert.has_error(function() places:acquire() end, "acquire() waits, and so must be called inside a task")
  end)
end)

describe("task.spawn and join", function()
  it("runs side by side and gives the results", function()
    local begun = {}
    local function wait_for(name) while not begun[name] do sleep(0.001) end end
    assert.same({ "a", "b" }, { task.run(function()
      local a = task.spawn(function(x) begun.a = true wait_for "b" return x end, "a")
      local b = task.spawn(function() begun.b = true wait_for "a" return "b" end)
      return a:join(), b:join()
    end) })
  end)

  it("joins what has ended, and joins it again", function()
    task.run(function()
      local a = task.spawn(function() return 7 end)
      sleep(0.01)
      assert.is_true(a.ended)
      assert.equal(7, a:join())
      assert.equal(7, a:join())
    end)
  end)

  it("raises the error of the child in the parent", function()
    task.run(function()
      local a = task.spawn(function() error(errors.new { kind = "auth", message = "denied" }, 0) end)
      local ok, e = pcall(a.join, a)
      assert.is_false(ok)
      assert.equal("auth", e.kind)
    end)
  end)

  it("cancels the children of a task that fails, and waits for them", function()
    local seen = {}
    local ok, e = run(function()
      task.spawn(wait_for_ever, seen, "child")
      sleep(0.01)
      error("broken", 0)
    end)
    assert.is_false(ok)
    assert.truthy(tostring(e):find("broken", 1, true))
    assert.same({ "child cancelled" }, seen)
  end)

  it("gives children the scope of their parent", function()
    task.run(function()
      task.scope().colour = "red"
      task.spawn(function()
        assert.equal("red", task.scope().colour)
        task.scope().colour = "blue"
      end):join()
      assert.equal("red", task.scope().colour)
    end)
    assert.is_nil(task.scope().colour)
  end)
end)

describe("cancelling", function()
  it("reaches grandchildren", function()
    local seen = {}
    task.run(function()
      local child = task.spawn(function()
        task.spawn(function()
          task.spawn(wait_for_ever, seen, "grandchild")
          wait_for_ever(seen, "inner")
        end)
        wait_for_ever(seen, "child")
      end)
      sleep(0.02)
      child:cancel()
      local ok, e = pcall(child.join, child)
      assert.is_false(ok)
      assert.equal("cancelled", e.kind)
    end)
    table.sort(seen)
    assert.same({ "child cancelled", "grandchild cancelled", "inner cancelled" }, seen)
  end)

  it("is raised by every later primitive that waits, and by task.spawn", function()
    local seen, started = {}, false
    local function note(...)
      local ok, e = pcall(...)
      seen[#seen + 1] = not ok and errors.is(e, "cancelled") and "raised" or "not raised"
    end
    task.run(function()
      local child = task.spawn(function()
        seen[1] = select(3, sleep(60))
        note(sleep, 60)
        note(core.process.run, { argv = { "sleep", "60" } })
        note(core.http.request, { url = "http://127.0.0.1:1/" })
        note(core.lock.acquire, "/nonexistent/lock")
        note(core.writer.send, 2, "not written\n")
        note(task.spawn, function() started = true end)
      end)
      sleep(0.01)
      child:cancel()
      pcall(child.join, child)
    end)
    assert.same({ "cancelled", "raised", "raised", "raised", "raised", "raised", "raised" }, seen)
    assert.is_false(started)
  end)

  it("gives the reason to every joiner, whatever the task returned", function()
    task.run(function()
      local child = task.spawn(function()
        sleep(60)
        return "as if nothing had happened"
      end)
      sleep(0.01)
      child:cancel(errors.new { kind = "timeout", message = "enough" })
      local ok, e = pcall(child.join, child)
      assert.is_false(ok)
      assert.equal("timeout", e.kind)
    end)
  end)

  it("reaches what a cancelled task spawned just before", function()
    local seen = {}
    task.run(function()
      local child = task.spawn(function()
        task.spawn(wait_for_ever, seen, "late")
        sleep(60)
      end)
      sleep(0.01)
      child:cancel()
      pcall(child.join, child)
    end)
    assert.same({ "late cancelled" }, seen)
  end)

  it("does nothing to a task that has ended", function()
    task.run(function()
      local child = task.spawn(function() return 5 end)
      sleep(0.01)
      child:cancel()
      assert.equal(5, child:join())
    end)
  end)

  it("runs to-be-closed variables, which can wait in a shield", function()
    local closed = {}
    task.run(function()
      local child = task.spawn(function()
        local outer <close> = setmetatable({}, { __close = function() closed[#closed + 1] = "outer" end })
        local inner <close> = setmetatable({}, { __close = function()
          task.shield(sleep, 0.01)
          closed[#closed + 1] = "inner"
        end })
        sleep(60)
        task.check()
        return outer, inner
      end)
      sleep(0.01)
      child:cancel()
      pcall(child.join, child)
    end)
    assert.same({ "inner", "outer" }, closed)
  end)

  it("gives locks back and ends processes", function()
    local dir = assert(core.fs.mkdtemp "/tmp/molbuild-spec-")
    local began = core.sys.monotonic()
    task.run(function()
      local pid
      local child = task.spawn(function()
        local lock <close> = assert(core.lock.acquire(dir .. "/lock"))
        local ok, message = core.process.run {
          argv = { "sh", "-c", "echo $$; exec sleep 60" },
          keep = { lock },
          on_line = function(line) pid = line end,
        }
        assert.equal(nil, ok)
        error(message, 0)
      end)
      while not pid do
        sleep(0.01)
      end
      assert.equal("locked", select(3, core.lock.acquire(dir .. "/lock", { timeout = 0 })))
      child:cancel()
      pcall(child.join, child)
      local place <close> = assert(core.lock.acquire(dir .. "/lock", { timeout = 0 }))
      assert.equal(1, core.process.run { argv = { "sh", "-c", "kill -0 " .. pid .. " 2>&-" } }.code)
    end)
    assert.is_true(core.sys.monotonic() - began < 50) -- the program sleeps for 60
    assert(core.fs.remove_tree(dir))
  end)

  it("gives a lock up that is waited for", function()
    local dir = assert(core.fs.mkdtemp "/tmp/molbuild-spec-")
    task.run(function()
      local place <close> = assert(core.lock.acquire(dir .. "/lock"))
      local code
      local child = task.spawn(function() code = select(3, core.lock.acquire(dir .. "/lock")) end)
      sleep(0.02)
      child:cancel()
      pcall(child.join, child)
      assert.equal("cancelled", code)
    end)
    assert(core.fs.remove_tree(dir))
  end)
end)
