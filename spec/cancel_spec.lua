-- A cancelled task ends, whatever it does about its errors.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"
local child = require "molbuild.base.child"

local sleep = core.sys.sleep

local function run_nothing()
  child.run { argv = { "sleep", "60" }, silent = true }
end

--- Run BODY as a child, cancel it, and give what its join() raises.
local function cancelled(body, reason)
  return task.run(function()
    local one = task.spawn(body)
    sleep(0.02)
    one:cancel(reason)
    local ok, failure = pcall(one.join, one)
    assert.is_false(ok)
    return failure
  end)
end

describe("a cancelled task", function()
  for name, body in pairs {
    ["pcall"] = function()
      while true do pcall(run_nothing) end
    end,
    ["nested pcall"] = function()
      while true do pcall(pcall, pcall, run_nothing) end
    end,
    ["xpcall with a handler"] = function()
      while true do xpcall(run_nothing, function() return "swallowed" end) end
    end,
    ["errors.try"] = function()
      while true do pcall(errors.try, run_nothing) end
    end,
    ["pcall in a to-be-closed variable"] = function()
      local guard <close> = setmetatable({}, { __close = function()
        while true do pcall(run_nothing) end
      end })
      run_nothing()
      return guard
    end,
    ["codes that no code checks"] = function()
      while true do pcall(sleep, 60) end
    end,
    ["children without end"] = function()
      while true do
        pcall(function() task.spawn(sleep, 60):join() end)
      end
    end,
    ["a wait for a slot"] = function()
      local slots = task.semaphore(1)
      local held <close> = slots:acquire()
      while held do pcall(slots.acquire, slots) end
    end,
    ["task.map"] = function()
      while true do
        pcall(task.map, { 1, 2, 3 }, { settle = true }, function() sleep(60) end)
      end
    end,
    ["task.timeout"] = function()
      while true do pcall(task.timeout, 60, sleep) end
    end,
    ["a coroutine that calls a primitive"] = function()
      while true do
        pcall(coroutine.wrap(function() pcall(sleep, 60) end))
        pcall(sleep, 60)
      end
    end,
  } do
    it("ends with a loop around " .. name, function()
      assert.is_true(errors.is(cancelled(body), "cancelled"))
    end)
  end

  it("reports why it was cancelled, whatever it raises", function()
    local why = errors.new { kind = "timeout", message = "enough" }
    assert.equal(why, cancelled(function()
      pcall(run_nothing)
      error "of its own"
    end, why))
  end)

  it("runs its to-be-closed variables when it is closed", function()
    local closed = 0
    cancelled(function()
      local guard <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      while guard do pcall(sleep, 60) end
    end)
    assert.equal(1, closed)
  end)

  it("ends also where such a variable never does", function()
    local failure = cancelled(function()
      local guard <close> = setmetatable({}, { __close = function()
        while true do pcall(sleep, 60) end
      end })
      while guard do pcall(sleep, 60) end
    end)
    assert.is_true(errors.is(failure, "cancelled"))
  end)

  it("waits for its children when it is closed", function()
    local order = {}
    cancelled(function()
      task.spawn(function()
        sleep(60)
        task.shield(sleep, 0.05)
        order[#order + 1] = "child"
      end)
      while true do pcall(sleep, 60) end
    end)
    assert.same({ "child" }, order)
  end)

  it("starts nothing any more", function()
    local dir = assert(core.fs.mkdtemp "/tmp/molbuild-cancel.")
    cancelled(function()
      pcall(sleep, 60)
      while true do pcall(core.process.run, { argv = { "touch", dir .. "/started" } }) end
    end)
    local names = core.fs.list(dir)
    core.fs.remove_tree(dir)
    assert.same({}, names)
  end)

  it("can still wait in a shield", function()
    local done
    cancelled(function()
      pcall(run_nothing)
      done = task.shield(function() return child.run({ argv = { "echo", "cleaned up" }, silent = true }).tail end)
    end)
    assert.equal("cleaned up\n", done)
  end)

  it("does not touch the others", function()
    local results = task.run(function()
      local bad = task.spawn(function()
        while true do pcall(sleep, 60) end
      end)
      local good = task.spawn(function()
        sleep(0.1)
        return "done"
      end)
      sleep(0.02)
      bad:cancel()
      return { (pcall(bad.join, bad)), good:join() }
    end)
    assert.same({ false, "done" }, results)
  end)
end)

describe("a primitive that waits, in a coroutine that a task made", function()
  it("raises, with the line", function()
    local ok, message = task.run(function()
      return pcall(coroutine.wrap(function() sleep(1) end))
    end)
    assert.is_false(ok)
    assert.truthy(tostring(message):find("cancel_spec.lua:%d+: this function waits, so it cannot be called in a coroutine "
      .. "that a task created"))
  end)
end)

describe("a yield of a task's own", function()
  it("is a bug of that task alone, and does not hang", function()
    local results = task.run(function()
      local bad = task.spawn(function() coroutine.yield(5) end)
      local good = task.spawn(function()
        sleep(0.02)
        return "done"
      end)
      local ok, failure = pcall(bad.join, bad)
      return { ok, failure.kind, good:join() }
    end)
    assert.same({ false, "bug", "done" }, results)
  end)
end)

describe("a policy that catches every error", function()
  local run = require "spec.support.run"
  local sh = require "spec.support.sh"
  local dir

  setup(function()
    dir = sh.temporary "cancel"
    sh.write(dir .. "/policy.lua", [[
      return { run = function()
        io.stderr:write "ready\n"
        while true do pcall(molbuild.child.run, { argv = { "sleep", "60" } }) end
      end }]])
  end)

  teardown(function() sh.remove(dir) end)

  it("ends on SIGINT, with its status", function()
    local running = run.start { args = { "run", dir .. "/policy.lua" } }
    local deadline = core.sys.monotonic() + 60
    while not running:so_far():find("ready", 1, true) and core.sys.monotonic() < deadline do sh.run "sleep 0.02" end
    running:signal "INT"
    assert.equal(130, running:wait().status)
  end)

  it("ends by --timeout, with its status", function()
    local result = run.run { args = { "run", "--timeout=0.5", dir .. "/policy.lua" } }
    assert.equal(9, result.status, result.stderr)
    assert.truthy(result.stderr:find("the run took longer than 0.5 s (--timeout)", 1, true), result.stderr)
  end)
end)
