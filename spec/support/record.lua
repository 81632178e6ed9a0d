--- The events of a run of `--progress=json`, read as a stranger would read them: by docs/events.md alone.
local cjson = require "cjson"
local events = require "molbuild.events"

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

local function is_list(value)
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

local checks = {
  string = function(v) return type(v) == "string" end,
  number = function(v) return type(v) == "number" end,
  boolean = function(v) return type(v) == "boolean" end,
  integer = function(v) return math.type(v) == "integer" end,
  holder = function(v) return math.type(v.pid) == "integer" and type(v.host) == "string" end,
  ["string[]"] = function(v) return type(v) == "table" and is_list(v) and (v[1] == nil or type(v[1]) == "string") end,
  numbers = function(v)
    for name, number in pairs(v) do
      if type(name) ~= "string" or type(number) ~= "number" then
        return false
      end
    end
    return true
  end,
}

local function fits(value, kind)
  if value == nil then
    return kind:sub(-1) == "?"
  end
  kind = kind:gsub("%?$", "")
  return checks[kind] and checks[kind](value) or not checks[kind] and ("|" .. kind .. "|"):find("|" .. value .. "|", 1, true)
end

-- An event, field for field, against the page.
local function check_documented(page, e, line)
  local own = assert(page["`" .. e.event .. "`"], "not on the page: " .. line)
  local common = page["Every event"]
  for field in pairs(e) do
    assert(own[field] or common[field], ("%s is not on the page: %s"):format(field, line))
  end
  for _, fields in ipairs { common, own } do
    for field, kind in pairs(fields) do
      assert(fits(e[field], kind), ("%s is not %s: %s"):format(field, kind, line))
    end
  end
end

--- Read what a run wrote to stderr. Raises where a line is no object, an event not as docs/events.md and the schema say,
--- or the order is not the one of the page.
---@param text string
---@return table[]
function record.events(text)
  local page, list, last = record.documented(), {}, 0
  assert(text:sub(-1) == "\n", "the last line has no end")
  for line in text:gmatch "([^\n]*)\n" do
    local ok, e = pcall(cjson.decode, line)
    assert(ok and type(e) == "table", "not an object: " .. line)
    check_documented(page, with_integers(e), line)
    assert(e.v == events.version and e.time >= last, "version or time: " .. line)
    last, e.v = e.time, nil
    assert(events.check(e))
    list[#list + 1] = e
  end
  assert(list[#list].event == "run_ended", "the last event is not run_ended")
  for index, e in ipairs(list) do
    assert((e.event == "run_ended") == (index == #list), "run_ended comes before the end")
    assert(e.event ~= "run_started" or index == 1, "run_started comes late")
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
