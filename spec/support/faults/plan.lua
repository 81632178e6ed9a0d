--- The points to try: from a trace of a run, one for each way in which one of its system calls can fail, and from the
--- count of its allocations and closes a number of points for those.
---
--- A point is { scenario, what, ordinal, error, call }: the ORDINAL-th call of that name in the process's life; what is
--- "alloc" or "close" for those of core/test/faulty.c. `call` shows a person which call it was.
local errors = require "spec.support.faults.errors"

local plan = {}

--- The call that core/test/faulty.c makes when main() begins.
local BEGIN = "/faulty: main begins"

--- Without what differs from run to run, and from scenario to scenario: the runtime, numbers, addresses, the random part of
--- a name.
local function signature(arguments, runtime)
  local hex = ("%x"):rep(12)
  return (arguments:gsub(runtime, "RUNTIME"):gsub("%.(%w%w%w%w%w%w)([/>\"])", ".*%2"):gsub(hex .. "%x*", "N"):gsub("0x%x+", "N")
    :gsub("%d+", "N"))
end

--- The calls of a trace by `strace -y`, from main() on: { name, ordinal, arguments, signature }.
---@param trace string
---@param runtime string  what the run was for
---@return table[]
function plan.calls(trace, runtime)
  local calls, counts, begun = {}, {}, false
  for line in trace:gmatch "[^\n]+" do
    local name, rest = line:match "^([%l%d_]+)%((.*)$"
    if name then
      counts[name] = (counts[name] or 0) + 1
      local arguments = rest:match "^(.*)%)%s+= " or rest
      if begun then
        calls[#calls + 1] = {
          name = name, ordinal = counts[name], arguments = arguments,
          signature = name .. "(" .. signature(arguments, runtime) .. ")",
        }
      end
      begun = begun or line:find(BEGIN, 1, true) ~= nil
    end
  end
  return calls
end

local function grouped(calls)
  local groups, order = {}, {}
  for _, call in ipairs(calls) do
    local group = groups[call.signature]
    if not group then
      group = {}
      groups[call.signature] = group
      order[#order + 1] = group
    end
    group[#group + 1] = call
  end
  return order
end

--- The errors that a group of calls that are alike gets: all that fit, or the scenario's `errors` of them, the next ones for the
--- next group.
local function choose(fitting, most, turn)
  local chosen = {}
  for index = 1, math.min(most or #fitting, #fitting) do chosen[index] = fitting[(turn + index) % #fitting + 1] end
  return chosen
end

--- How many of a group of calls that are alike are tried.
local function number_of(scenario, group, chosen, seen)
  if #chosen == 0 or scenario.new and seen[group[1].signature] then return 0 end
  return math.max(#chosen, math.min(#group, scenario.new and 1 or scenario.alike or #group))
end

--- The points of the system calls. Each call fails at least once, of calls that are alike no more than the scenario's `alike`,
--- and among them the errors take turns; with `new`, only calls that are like none in SEEN, each once.
---@param scenario table  name, runtime; errors, alike, new
---@param trace string
---@param seen table<string, boolean>  the calls of scenarios before this one; these are added
---@param turn integer  with which error to begin
---@return table[]
function plan.system_calls(scenario, trace, seen, turn)
  local points, known = {}, {}
  for index, group in ipairs(grouped(plan.calls(trace, scenario.runtime))) do
    local call = group[1]
    local chosen = choose(errors.fitting(call.name, call.arguments), scenario.errors, turn + index)
    local number = number_of(scenario, group, chosen, seen)
    for each = 0, number - 1 do
      local member = group[number > #group and each % #group + 1 or each * #group // number + 1]
      points[#points + 1] = {
        scenario = scenario.name, what = call.name, ordinal = member.ordinal, error = chosen[each % #chosen + 1],
        call = call.signature:sub(1, 160),
      }
    end
    known[call.signature] = true
  end
  for each in pairs(known) do seen[each] = true end
  return points
end

--- NUMBER points among COUNT allocations, one at random in each of as many equal stretches: every other one fails alone, the
--- others with all that come after them.
---@param random fun(from: integer, to: integer): integer
---@return table[]
function plan.allocations(scenario, count, number, random)
  local points = {}
  number = math.min(number, count)
  for index = 1, number do
    local from, to = (index - 1) * count // number + 1, index * count // number
    points[index] = {
      scenario = scenario, what = "alloc", ordinal = random(from, to), error = index % 2 == 0 and "all" or "one",
      call = "an allocation",
    }
  end
  return points
end

--- A point for each close, with one of its errors in turn.
---@return table[]
function plan.closes(scenario, count)
  local points, list = {}, errors.of_close()
  for ordinal = 1, count do
    points[ordinal] = {
      scenario = scenario, what = "close", ordinal = ordinal, error = list[ordinal % #list + 1], call = "a close",
    }
  end
  return points
end

--- Put a list into an order that depends only on RANDOM, so that any beginning of it is a fair sample.
function plan.shuffle(points, random)
  for index = #points, 2, -1 do
    local other = random(1, index)
    points[index], points[other] = points[other], points[index]
  end
  return points
end

local FIELDS = { "scenario", "what", "ordinal", "error", "call" }

--- A point as a line, and back.
function plan.line(point)
  local words = {}
  for index, field in ipairs(FIELDS) do words[index] = (tostring(point[field]):gsub("[%c]", " ")) end
  return table.concat(words, "\t")
end

function plan.point(line)
  local point, index = {}, 0
  for word in (line .. "\t"):gmatch "([^\t]*)\t" do
    index = index + 1
    if FIELDS[index] then point[FIELDS[index]] = word end
  end
  point.ordinal = math.tointeger(tonumber(point.ordinal))
  return point
end

--- A point's name, by which results find it.
function plan.name(point)
  return ("%s %s#%d %s"):format(point.scenario, point.what, point.ordinal, point.error)
end

return plan
