--- The steps of `make faults`, for tools/faults.sh:
---
---   main.lua plan WORLD STATE SEED           records a run of each scenario and writes STATE/plan
---   main.lua work WORLD STATE NUMBER OF      tries its share of what has no result yet, and appends to STATE/results
---   main.lua report STATE                    prints what failed and the counts; status 1 when something failed
---
--- FAULTS_SECONDS ends the work after that time; FAULTS_SAMPLE is how many points are tried at most; FAULTS_ONLY a pattern for
--- their names.
local place_of = require "spec.support.faults.place"
local plan = require "spec.support.faults.plan"
local sh = require "spec.support.sh"
local trial = require "spec.support.faults.trial"

local program, build = assert(os.getenv "MOLBUILD_BIN"), assert(os.getenv "BUILD")

local function random_from(seed)
  math.randomseed(tonumber(seed) or 1, 0)
  return math.random
end

--- A run without a fault: it must succeed, whatever the tracer does to it.
local function record(place, scenario)
  place:prepare(scenario)
  os.remove(place.dir .. "/counts")
  local result = place:run(scenario, "plan", { trace = "", faulty = { COUNTS = place.dir .. "/counts" } })
  if result.status ~= 0 then
    error(("%s: a run without a fault ended with %d: %s"):format(scenario.name, result.status, result.stderr), 0)
  end
  local allocations, closes = ("<I8I8"):unpack(sh.read(place.dir .. "/counts"))
  return sh.read(place.dir .. "/trace"), allocations, closes
end

local function make_plan(world, state, seed)
  local place, random = place_of.open(world, 1, program, build), random_from(seed)
  local points, calls_seen, turn = {}, {}, random(0, 9)
  local function add(list) table.move(list, 1, #list, #points + 1, points) end
  for _, scenario in ipairs(place_of.scenarios) do
    place:run(scenario, "warm", {})
    local trace, allocations, closes = record(place, scenario)
    add(plan.system_calls(scenario, trace, calls_seen, turn))
    if not scenario.new then add(plan.closes(scenario.name, closes)) end
    add(plan.allocations(scenario.name, allocations, scenario.allocations, random))
  end
  local lines = {}
  for index, point in ipairs(plan.shuffle(points, random)) do lines[index] = plan.line(point) end
  sh.write(state .. "/plan", table.concat(lines, "\n") .. "\n")
end

--- The plan's points, as many as are asked for.
local function read_plan(state)
  local points, most = {}, tonumber(os.getenv "FAULTS_SAMPLE" or "") or math.huge
  local only = os.getenv "FAULTS_ONLY" or ""
  for line in assert(sh.read(state .. "/plan")):gmatch "[^\n]+" do
    local point = plan.point(line)
    if #points < most and plan.name(point):find(only) then points[#points + 1] = point end
  end
  return points
end

--- The last result of each point: { verdict = "passed"|"failed"|"missed", text }.
local function read_results(state)
  local results = {}
  for line in (sh.read(state .. "/results") or ""):gmatch "[^\n]+" do
    local name, verdict, seconds, text = line:match "^([^\t]+)\t(%l+)\t([^\t]*)\t(.*)$"
    if name then results[name] = { verdict = verdict, seconds = tonumber(seconds), text = text } end
  end
  return results
end

local function try(place, point, right, mark)
  local seen = trial.run(place, point, right, mark)
  local broken = trial.broken(seen)
  if #broken > 0 then return "failed", seen, table.concat(broken, "; ") .. "; " .. (seen.injected or point.call) end
  return seen.injected and "passed" or "missed", seen, ("exit %d"):format(seen.status)
end

--- A point whose call did not come about is tried three times: how often a run waits differs from run to run.
local function try_until_it_happens(place, point, right, mark)
  local verdict, seen, text
  for attempt = 1, 3 do
    verdict, seen, text = try(place, point, right, mark .. "-" .. attempt)
    if verdict ~= "missed" then break end
  end
  return verdict, seen, text
end

local function keep_output(state, point, seen)
  sh.write(("%s/failed/%s.err"):format(state, plan.name(point):gsub("[^%w#.-]", "_")), seen.stderr)
end

--- What the right image of each scenario is like, from runs without a fault.
local function right_images(place)
  local right = {}
  for _, scenario in ipairs(place_of.scenarios) do
    place:prepare(scenario)
    local run = place:run(scenario, "right", {})
    if run.status ~= 0 then error(("%s: %s"):format(scenario.name, run.stderr), 0) end
    right[scenario.name] = trial.essence(place:image(scenario.runtime))
  end
  return right
end

local function work(world, state, number, of)
  local place, results = place_of.open(world, number, program, build), read_results(state)
  local right, mark = right_images(place), ("%d-%d-"):format(os.time(), number)
  local deadline = sh.now() + (tonumber(os.getenv "FAULTS_SECONDS" or "") or math.huge)
  local out = assert(io.open(state .. "/results", "a"))
  out:setvbuf "full" -- one write for a line: several processes append
  for index, point in ipairs(read_plan(state)) do
    local name = plan.name(point)
    local done = results[name] and results[name].verdict ~= "failed"
    if sh.now() > deadline then break end
    if index % of == number % of and not done then
      local began = sh.now()
      local verdict, seen, text = try_until_it_happens(place, point, right[point.scenario], mark .. index)
      if verdict == "failed" then
        keep_output(state, point, seen)
        io.stderr:write("FAILED ", name, ": ", text, "\n")
      end
      out:write(("%s\t%s\t%.1f\t%s\n"):format(name, verdict, sh.now() - began, text))
      out:flush()
    end
  end
end

local function report(state)
  local results, counts, left = read_results(state), { passed = 0, failed = 0, missed = 0 }, 0
  local by_scenario = {}
  for _, point in ipairs(read_plan(state)) do
    local result = results[plan.name(point)]
    if result then
      counts[result.verdict] = counts[result.verdict] + 1
      local kind = (point.what == "alloc" or point.what == "close") and point.what or "system call"
      local key = ("%-10s %s, %s"):format(point.scenario, kind, result.verdict == "passed" and result.text or result.verdict)
      by_scenario[key] = (by_scenario[key] or 0) + 1
      if result.verdict == "failed" then print(("FAILED %s: %s"):format(plan.name(point), result.text)) end
    else
      left = left + 1
    end
  end
  local keys = {}
  for key in pairs(by_scenario) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do print(("%-40s %5d"):format(key, by_scenario[key])) end
  print(("%d did not come about, %d are left to try"):format(counts.missed, left))
  print(("%d passed, %d failed"):format(counts.passed, counts.failed))
  return counts.failed == 0 and counts.passed > 0
end

local command = arg[1]
if command == "plan" then
  make_plan(arg[2], arg[3], arg[4])
elseif command == "work" then
  work(arg[2], arg[3], math.tointeger(tonumber(arg[4])), math.tointeger(tonumber(arg[5])))
elseif command == "report" then
  os.exit(report(arg[2]))
else
  error("main.lua plan|work|report")
end
