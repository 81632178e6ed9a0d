--- The primitives of a test's world: a `molbuild.core` in which time, files, requests, programs, locks, the environment and the
--- output are those of the world. What touches none of these is the real one.
local coverage = require "molbuild.testing.coverage"
local real = require "molbuild.core"

local primitives = {}

local EXECUTABLE = "molbuild"

--- A table with the functions of OWN, and the real ones for the others.
local function over(own, topic)
  return setmetatable(own, { __index = topic })
end

-- What a call raises that may not wait: within gsub nothing can.
local function refusal(primitive, ...)
  local arguments, message = table.pack(...), nil
  string.gsub(" ", " ", function()
    message = select(2, pcall(primitive, table.unpack(arguments, 1, arguments.n)))
  end)
  return message
end

--- What the core says of a call outside of a task, and of one in a coroutine that a task created.
local OUTSIDE = refusal(real.sys.sleep, 0)
local INSIDE = select(2, coroutine.resume(coroutine.create(function() real.sys.sleep(0) end)))
  :gsub("^[^ ]+:%d+: ", "")

-- As the core does: only a task waits, and one that has been cancelled is refused, by a yield without an operation.
local function check_task(tasks)
  local cancelled = tasks[coroutine.running()]
  if not coroutine.isyieldable() then
    error(OUTSIDE, 4)
  elseif cancelled == nil then
    error(INSIDE, 4)
  elseif cancelled then
    local raised = table.pack(coroutine.yield())
    error(raised.n > 0 and raised[1] or "cancelled", 0)
  end
end

-- A primitive that waits, with the checks of the real one: that reads its arguments before it looks for a task. It is called here
-- where nothing can wait, so that it does no more than that.
local function checked(world, name, primitive, fake)
  return function(first, options, ...)
    local seen = type(first) == "table" and first or options
    local copy = type(seen) == "table" and setmetatable({}, getmetatable(seen)) or seen
    for key, value in pairs(type(seen) == "table" and seen or {}) do
      copy[key] = key ~= "keep" and value or nil -- the locks of a world are not the core's
    end
    local message = refusal(primitive, seen == first and copy or first, seen == options and copy or options)
    if not message:find(OUTSIDE, 1, true) then
      error(message:gsub("to '%?'", ("to '%s'"):format(name)), 2)
    end
    check_task(world.process.tasks)
    return fake(first, options, ...)
  end
end

local function sleep(world)
  return checked(world, "sleep", real.sys.sleep, function(seconds)
    if world.clock:wait(seconds) then
      return true
    end
    return nil, "cancelled", "cancelled"
  end)
end

local function sys(world)
  local env = world.process.env
  local own = {
    pid = function() return world.pid end,
    uid = function() return world.files.uid end, -- not that of the user who runs the test
    hostname = function() return world.hostname end,
    cpus = function() return world.cpus end,
    isatty = function() return false end,
    terminal_size = function() return nil end,
    in_foreground = function() return false end,
    protect_memory = function() return true end,
    lower_priority = function() return true end,
    monotonic = function() return world.clock.now end,
    steady = function() return world.clock.now end,
    now = function() return world.clock:unix() end,
    sleep = sleep(world),
    getenv = function(name) return env[name] end,
    -- The program stands beside the installed policies, as in a checkout.
    executable = function() return ("%s/%s"):format(world.scripts, EXECUTABLE) end,
  }
  function own.notify(address, text)
    if world.notify_error then return nil, world.notify_error, "ENOENT" end
    world.notices[#world.notices + 1] = { address = address, text = text, time = world.clock.now }
    return true
  end
  function own.take_env(name)
    local value = env[name]
    env[name] = nil
    return value
  end
  function own.write(fd, text)
    world.process:write(fd, text)
    return true
  end
  return over(own, real.sys)
end

local function loop(world)
  local clock = world.clock
  return over({
    step = function() return clock:step() end,
    signals = function() return #clock.signals end,
    signal = function() return table.remove(clock.signals, 1) end,
    catch = function() return true end,
    last_words = function() return true end,
    continued = function() return false end,
    task = function(thread, cancelled)
      world.process.tasks[thread] = cancelled
      return real.loop.task(thread, cancelled) -- the real primitives, whose checks are used, know it, too
    end,
    look = function() return false end, -- no processor time is counted: see computing()
    runs = function() end,
    sleep = sleep(world),
  }, real.loop)
end

local function writer(world)
  local own = {
    pending = function() return 0 end,
    is_slow = function() return false end,
    flush = function() return true end,
  }
  function own.put(fd, text)
    world.process:write(fd, real.mask.text(text))
    return true, false
  end
  function own.send(fd, text)
    world.process:write(fd, real.mask.text(text))
    return true
  end
  return over(own, real.writer)
end

--- A molbuild.core for one process of a world.
---@param world molbuild.testing.World
---@return table
function primitives.new(world)
  local fs = world.fs
  return over({
    fs = fs,
    http = over({
      request = checked(world, "request", real.http.request, function(options) return world.network:request(options) end),
    }, real.http),
    lock = over({
      acquire = checked(world, "acquire", real.lock.acquire, function(path, options) return world.locks:acquire(path, options) end),
      holder = function(path) return world.locks:holder(path) end,
      is_free = function(path) return world.locks:is_free(path) end,
      inherit = function(path) return nil, ("descriptor 9 is not the lock file %s"):format(path), "invalid" end,
    }, real.lock),
    loop = loop(world),
    process = over({
      run = checked(world, "run", real.process.run, function(options) return world.processes:run(options) end),
      find = function(name) return world.processes:find(name) end,
      detach = function(options) return world.processes:detach(options) end,
      follow = function() return nil, "a world has no other process of molbuild", "ENOSYS" end,
    }, real.process),
    sha256 = over({
      file = function(path)
        local text, message, code = fs.read(path, math.maxinteger)
        if text then
          return real.sha256.hex(text)
        end
        return nil, message, code
      end,
    }, real.sha256),
    sys = sys(world),
    writer = writer(world),
  }, real)
end

-- A copy of a standard library with some of its functions exchanged.
local function with(library, own)
  local all = {}
  for name, value in pairs(library) do
    all[name] = own[name] or value
  end
  return all
end

-- Numbers that are the same in each run: a pause that is jittered takes the same time in each.
local function random()
  local state = 1
  return function(low, high)
    state = (state * 1103515245 + 12345) % 2147483648
    local fraction = state / 2147483648
    if not low then
      return fraction
    end
    local first, last = high and low or 1, high or low
    return first + math.floor(fraction * (last - first + 1))
  end
end

-- debug.sethook for the hook that ends a policy which never waits: computing takes time there, too, ten seconds for each million
-- of instructions without a wait.
local function computing(clock)
  return function(thread, fn, mask, count)
    if type(thread) ~= "thread" then
      thread, fn, mask, count = coroutine.running(), thread, fn, mask
    end
    local turn
    coverage.sethook(thread, fn and function(event, line)
      if event == "count" then
        if turn == clock.turns then clock:compute(count / 10 ^ 5) end
        turn = clock.turns
      end
      return fn(event, line)
    end, mask, count)
  end
end

--- What the library and its policies find among Lua's globals.
---@param world molbuild.testing.World
---@param watch (fun(thread: thread): thread)?  is given each coroutine that is made
---@return table<string, any>
function primitives.globals(world, watch)
  local own = {
    load = coverage.load,
    os = with(os, {
      time = function(fields) return fields and os.time(fields) or math.floor(world.clock:unix()) end,
      date = function(format, time) return os.date(format, time or math.floor(world.clock:unix())) end,
      clock = function() return world.clock.now end,
      getenv = function(name) return world.process.env[name] end,
    }),
    debug = with(debug, { sethook = computing(world.clock) }),
    math = with(math, { random = random(), randomseed = function() end }),
  }
  if watch then
    own.coroutine = with(coroutine, {
      create = function(fn) return watch(coroutine.create(fn)) end,
      wrap = function(fn)
        local thread = watch(coroutine.create(fn))
        return function(...)
          local results = table.pack(coroutine.resume(thread, ...))
          if not results[1] then error(results[2], 0) end
          return table.unpack(results, 2, results.n)
        end
      end,
    })
  end
  return own
end

return primitives
