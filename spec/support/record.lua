--- The events of a run of `--progress=json` and the results of `--output=json`, read by their documentation alone.
local cjson = require "cjson"
local schema = require "spec.support.schema"

local record = {}

--- The tables of docs/events.md by heading, { [heading] = { field = type } }; the heading of an event is `its name`.
---@return table<string, table<string, string>>
function record.documented()
  local found, section = {}, nil
  for line in io.lines "docs/events.md" do
    section = line:match "^##+ (.+)$" or section
    found[section or ""] = found[section or ""] or {}
    local field, kind = line:match "^| `([%w_]+)` | `([^`]+)` |"
    if field then
      found[section][field] = kind:gsub("\\|", "|")
    end
  end
  return found
end

-- JSON knows one kind of number: a whole one is an integer.
local function with_integers(value)
  if type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = with_integers(item)
    end
  end
  return type(value) == "number" and math.tointeger(value) or value
end

--- Read what a run wrote to stderr. Raises where a line is no object, an event is not as docs/events.schema.json says, or
--- the order is not the one of docs/events.md.
---@param text string
---@return table[]
function record.events(text)
  local list, last = {}, 0
  assert(text:sub(-1) == "\n", "the last line has no end")
  assert(schema.check("events", text))
  for line in text:gmatch "([^\n]*)\n" do
    local e = with_integers(cjson.decode(line))
    assert(e.time >= last, "time goes back: " .. line)
    last, e.v = e.time, nil
    list[#list + 1] = e
  end
  assert(list[#list].event == "run_ended", "the last event is not run_ended")
  for index, e in ipairs(list) do
    assert((e.event == "run_ended") == (index == #list), "run_ended comes before the end")
    assert(e.event ~= "run_started" or index == 1, "run_started comes late")
  end
  return list
end

--- Read what a run of --output=json wrote to stdout. Raises where a result is not as docs/results.schema.json says.
---@param text string
---@return table[]
function record.results(text)
  local list = {}
  assert(schema.check("results", text))
  for line in text:gmatch "([^\n]*)\n" do
    list[#list + 1] = with_integers(cjson.decode(line))
  end
  return list
end

--- Those of one kind, perhaps of one runtime.
---@param list table[]
---@param name string
---@param runtime string?
---@return table[]
function record.named(list, name, runtime)
  local found = {}
  for _, e in ipairs(list) do
    if e.event == name and (not runtime or e.runtime == runtime) then
      found[#found + 1] = e
    end
  end
  return found
end

return record
