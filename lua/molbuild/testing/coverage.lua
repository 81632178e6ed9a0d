--- What the tests of a policy reach: its lines, its steps and the outcomes of its jobs. Off until start() is called; it makes the
--- tests slower then, since each line calls back.
local bytecode = require "molbuild.policy.bytecode"
local core = require "molbuild.core"

local text_file = require "molbuild.base.text_file"

local coverage = {}

local BYTECODE = "\27Lua"

--- What was noted: nil while it is off.
---@type { lines: table, entered: table, chunks: table, policies: table, outcomes: table, dirs: table, by_file: table }?
local noted

-- Lua's own: while lines are noted, those of policies that a test loads itself are, too.
local load, create, sethook = load, coroutine.create, debug.sethook

local function exchange(own_load, own_create, own_sethook)
  rawset(_G, "load", own_load)
  rawset(coroutine, "create", own_create)
  rawset(debug, "sethook", own_sethook)
end

--- Forget it all, and note no more.
function coverage.stop()
  noted = nil
  exchange(load, create, sethook)
end

---@return boolean
function coverage.is_on()
  return noted ~= nil
end

local function on_line(_, line)
  local info = debug.getinfo(2, "S")
  local lines = noted and noted.lines[info.source]
  if lines then
    lines[line] = (lines[line] or 0) + 1
    noted.entered[info.source][info.linedefined] = true
  end
end

--- debug.sethook, which leaves the lines of a coroutine noted: there is room for one hook.
function coverage.sethook(thread, fn, mask, count)
  if type(thread) ~= "thread" then
    thread, fn, mask, count = coroutine.running(), thread, fn, mask
  end
  if not noted or not fn then
    return sethook(thread, fn, mask, count)
  end
  sethook(thread, function(event, line)
    if event == "line" then
      return on_line(event, line)
    end
    return fn(event, line)
  end, "l" .. mask, count)
end

--- Begin to note.
function coverage.start()
  noted = { lines = {}, entered = {}, chunks = {}, policies = {}, outcomes = {}, dirs = {}, by_file = {} }
  exchange(coverage.load, function(fn)
    local thread = create(fn)
    sethook(thread, on_line, "l")
    return thread
  end, coverage.sethook)
end

--- What has each coroutine of a world watched; nil while nothing is noted.
---@return (fun(thread: thread): thread)?
function coverage.watch()
  return noted and function(thread)
    sethook(thread, on_line, "l")
    return thread
  end or nil
end

--- Call FN with the lines of this coroutine noted. A hook that FN sets on it is gone when it returns.
---@param fn fun(...): ...
---@return ...
function coverage.counted(fn, ...)
  local before, mask, count = debug.gethook()
  if type(before) ~= "function" then before, mask, count = nil, nil, nil end -- the alarm of molbuild.base.busy sets its own again
  if noted then
    sethook(on_line, "l")
  end
  local results = table.pack(pcall(fn, ...))
  sethook(before, mask, count)
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

local function directory_of(path)
  return path:match "^(.*)/[^/]*$" or "."
end

-- A policy that is loaded under several paths, as by a fork of it and by its own test, is one file.
local function same_file(name)
  local real = core.fs.realpath(name:sub(2)) or name
  noted.by_file[real] = noted.by_file[real] or name
  return noted.by_file[real]
end

--- `load` of a world's library: the policies that it loads are those whose lines are noted.
---@param text string|function
---@param name string?
---@param ... any
---@return function?
---@return string?
function coverage.load(text, name, ...)
  local is_file = noted and type(text) == "string" and name and name:sub(1, 1) == "@"
  if is_file and text:sub(1, #BYTECODE) == BYTECODE then -- it names the lines, but not the file
    local source = text_file.read_lua(name:sub(2))
    if source then
      return coverage.load(source, name, "t", select(2, ...))
    end
  end
  local chunk, message = load(text, name, ...)
  if is_file and chunk and not noted.lines[name] then
    local first = same_file(name)
    noted.lines[name], noted.entered[name] = noted.lines[first] or {}, noted.entered[first] or {}
    noted.chunks[first] = noted.chunks[first] or chunk
  end
  return chunk, message
end

--- Note the file of a test: the policies beside it count.
---@param path string
function coverage.test(path)
  if noted then
    noted.dirs[directory_of(path)] = true
  end
end

--- Note which policy a world runs.
---@param world molbuild.testing.World
function coverage.policy(world)
  if noted then
    noted.policies[world.policy] = world
  end
end

--- Note an event of a run.
---@param event table
function coverage.note(event)
  if not noted then
    return
  elseif event.event == "result" and event.outcome then
    noted.outcomes[event.outcome] = true
  elseif event.event == "job_ended" then
    noted.outcomes.failed = noted.outcomes.failed or not event.ok and not event.cancelled or nil
  end
end

-- Results -----------------------------------------------------------------------------------------------------

-- The policies that count: those that the tests name, those beside the tests, and what these load from beside them.
local function counted_sources()
  local dirs, sources = {}, {}
  for path in pairs(noted.policies) do
    noted.dirs[directory_of(path)] = true
  end
  for dir in pairs(noted.dirs) do
    dirs[core.fs.realpath(dir) or dir] = true
  end
  for source in pairs(noted.chunks) do
    local real = core.fs.realpath(source:sub(2))
    if real and dirs[directory_of(real)] then
      sources[#sources + 1] = source
    end
  end
  table.sort(sources)
  return sources
end

---@class molbuild.testing.FileCoverage
---@field path string
---@field lines integer  on which something can be executed
---@field reached integer
---@field missed integer[]

---@return molbuild.testing.FileCoverage
local function of_file(source)
  local file, active = { path = source:sub(2), lines = 0, reached = 0, missed = {} }, {}
  for line in pairs(bytecode.lines(noted.chunks[source])) do
    active[#active + 1] = line
  end
  table.sort(active)
  for _, line in ipairs(active) do
    file.lines = file.lines + 1
    if noted.lines[source][line] then
      file.reached = file.reached + 1
    else
      file.missed[#file.missed + 1] = line
    end
  end
  return file
end

-- The steps of a policy that no test entered.
local function add_missed(steps, missed, seen)
  for name, fn in pairs(steps) do
    local info = debug.getinfo(fn, "S")
    local entered = noted.entered[info.source]
    if entered and not entered[info.linedefined] and not seen[name] then
      seen[name] = true
      missed[#missed + 1] = { name = name, source = info.source, line = info.linedefined }
    end
  end
end

-- The names of steps, in the order in which they stand.
local function in_order(steps)
  table.sort(steps, function(a, b)
    if a.source ~= b.source then return a.source < b.source end
    return a.line < b.line
  end)
  local names = {}
  for index, step in ipairs(steps) do
    names[index] = step.name
  end
  return names
end

local FAILED = "failed"

-- What of the policies no test reached: their steps, and the outcomes of their jobs.
local function missed_parts()
  local missed, outcomes, seen = {}, {}, {}
  for _, world in pairs(noted.policies) do
    local loaded, steps, own = pcall(world.parts, world)
    add_missed(loaded and steps or {}, missed, seen)
    for name in pairs(loaded and own or {}) do
      outcomes[name], outcomes[FAILED] = true, true
    end
  end
  local unreached = {}
  for name in pairs(outcomes) do
    unreached[#unreached + 1] = not noted.outcomes[name] and name or nil
  end
  table.sort(unreached)
  return in_order(missed), unreached
end

---@class molbuild.testing.Coverage
---@field files molbuild.testing.FileCoverage[]
---@field percent number  of all lines
---@field steps string[]  that no test reached
---@field outcomes string[]  of the outcomes

--- What the tests have reached.
---@return molbuild.testing.Coverage
function coverage.result()
  local result, lines, reached = { files = {} }, 0, 0
  result.steps, result.outcomes = missed_parts()
  for index, source in ipairs(counted_sources()) do
    local file = of_file(source)
    result.files[index], lines, reached = file, lines + file.lines, reached + file.reached
  end
  result.percent = lines > 0 and 100 * reached / lines or 0
  return result
end

return coverage
