--- A policy that has many tasks wait side by side, and prints what a wait costs in own processor time:
---
---   tasks.lua DIR URL       lines of: WHAT TASKS WAITS MICROSECONDS (of a wait)
---
--- WHAT is sleep (timers of different lengths), lock (all tasks on one lock), child (one process per task) or transfer
--- (GETs of URL). os.clock() is this process's time; what children use is not in it.
local molbuild = require "molbuild"
local core, task = molbuild.core, molbuild.task

local tasks = { counts = { 1, 10, 50, 200 }, waits = { sleep = 6000, lock = 200, child = 200, transfer = 600 } }

function tasks.sleep(_, index)
  assert(core.sys.sleep(0.0005 + index % 7 * 0.0001))
end

function tasks.lock(options)
  local lock <close> = assert(core.lock.acquire(options.dir .. "/lock", { timeout = 60 }))
  assert(core.sys.sleep(0) and lock:held())
end

function tasks.child()
  assert(core.process.run { argv = { "true" } })
end

function tasks.transfer(options)
  assert(assert(core.http.request { url = options.url }).status == 200)
end

--- COUNT tasks, each of which waits ROUNDS times, all of it REPEATS times: microseconds a wait.
local function once(wait, count, rounds, repeats, options)
  local list = {}
  for index = 1, count do list[index] = index end
  collectgarbage()
  local before = os.clock()
  for _ = 1, repeats do
    task.map(list, {}, function(index)
      for _ = 1, rounds do wait(options, index) end
    end)
  end
  return (os.clock() - before) / (count * rounds * repeats) * 1e6
end

--- The least of three: other work on the machine can only add to it.
local function cost(...)
  return math.min(once(...), once(...), once(...))
end

function tasks.run(args)
  local lines, options = {}, { dir = args[1], url = args[2] }
  for _, what in ipairs { "sleep", "lock", "child", "transfer" } do
    for _, count in ipairs(tasks.counts) do
      -- As many waits in all, whatever the number of tasks; one task alone would sleep for long.
      local rounds, repeats = (count == 1 and tasks.waits[what] // 6 or tasks.waits[what]) // count, 1
      -- A task that releases the lock and acquires it again immediately would never wait.
      if what == "lock" then rounds, repeats = 1, rounds end
      lines[#lines + 1] = ("%s %d %d %.2f"):format(what, count, count * rounds * repeats,
        cost(tasks[what], count, rounds, repeats, options))
    end
  end
  return table.unpack(lines)
end

return tasks
