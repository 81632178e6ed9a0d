-- A policy that never waits is ended by --timeout and by the second Ctrl-C: the program itself, with small policies.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("a policy that never waits", function()
  local dir

  before_each(function() dir = sh.temporary "busy" end)
  after_each(function() sh.remove(dir) end)

  local function policy(body)
    sh.write(dir .. "/policy.lua", body)
    return dir .. "/policy.lua"
  end

  for what, body in pairs {
    ["in a step"] = "return { run = function() while true do end end }",
    ["while it is loaded"] = "while true do end return {}",
    ["and catches errors"] = "return { run = function() while true do pcall(function() while true do end end) end end }",
    ["in a coroutine of its own"] = "return { run = function() coroutine.wrap(function() while true do end end)() end }",
    ["after much work"] = "for _ = 1, 10 ^ 8 do end return { run = function() while true do end end }",
    ["in a task that a coroutine of its own made"] = [[return { run = function()
      local task
      coroutine.wrap(function() task = molbuild.task.spawn(function() while true do end end) end)()
      task:join()
    end }]],
    ["in a task"] = "return { run = function() molbuild.task.spawn(function() while true do end end):join() end }",
    ["in clean-up"] = [[return { run = function()
      local _ <close> = setmetatable({}, { __close = function() while true do end end })
      molbuild.core.sys.sleep(60)
    end }]],
  } do
    it(("%s is ended by --timeout"):format(what), function()
      local result = run.run { args = { "run", "-q", "--timeout=0.2", policy(body) } }
      assert.equal(9, result.status, result.stderr)
      assert.equal("", result.stdout)
      assert.truthy(result.stderr:find("the run took longer than 0.2 s (--timeout)", 1, true), result.stderr)
    end)
  end

  for what, body in pairs {
    ["in a step"] = "while true do end",
    ["and catches errors"] = "while true do pcall(function() while true do end end) end",
  } do
    it(("%s is ended by the second Ctrl-C"):format(what), function()
      local path = policy(("return { run = function() print 'ready' %s end }"):format(body))
      local running = run.start { args = { "run", "--progress=plain", path } }
      sh.wait_for(function() return running:so_far():find("ready", 1, true) end)
      running:deliver "INT"
      sh.sleep(0.3)
      assert.is_true(running:lives())
      running:signal "INT"
      local result = running:wait()
      assert.equal(130, result.status, result.stderr)
      assert.equal("", result.stdout)
    end)
  end

  it("is left alone where it ends in time", function()
    local path = policy "return { run = function() local n = 0 for i = 1, 3000000 do n = n + i end return n end }"
    local result = run.run { args = { "run", "-q", "--timeout=60", path } }
    assert.same({ 0, "4500001500000\n", "" }, { result.status, result.stdout, result.stderr })
  end)

  it("may clean up for a while after the time is over", function()
    local path = policy [[return { run = function()
      local _ <close> = setmetatable({}, { __close = function() for _ = 1, 1100000 do end print "cleaned up" end })
      molbuild.core.sys.sleep(60)
    end }]]
    local result = run.run { args = { "run", "--progress=plain", "--timeout=0.1", path } }
    assert.equal(9, result.status)
    assert.truthy(result.stderr:find("cleaned up", 1, true), result.stderr)
  end)

  it("is watched without the end of a hook that watches its lines, as coverage does", function()
    local lines = {}
    local thread = coroutine.create(function()
      local n = 1
      return n
    end)
    debug.sethook(thread, function(_, line)
      lines[#lines + 1] = { line, debug.getinfo(2, "l").currentline }
    end, "l")
    local from = debug.getinfo(1, "l").currentline - 6
    assert(coroutine.resume(require("molbuild.base.busy").watch(thread)))
    assert.same({ { from, from }, { from + 1, from + 1 } }, { lines[1], lines[2] })
  end)
end)
