-- The one stream of events that tells what a run does. docs/events.md says what each event means.

local core = require "molbuild.core"
local task = require "molbuild.task"

local events = {}

--- The version of the schema, `v` in JSON. A field that is added keeps it; one that goes or changes raises it.
events.version = 1

--- The fields of every event.
events.common = { event = "string", time = "number", runtime = "string?", step = "string?" }

--- The fields of each event by name. A type is string, number, integer, boolean, string[], numbers (a table of
--- name = number), holder, or words to choose from with "|" between; "?" after it: the field may be absent.
events.schema = {
  run_started = { version = "string", script = "string", path = "string", args = "string[]" },
  run_ended = { exit = "integer", seconds = "number" },
  job_started = {},
  job_waiting = {},
  job_ended = {
    ok = "boolean",
    cancelled = "boolean?",
    seconds = "number",
    outcome = "hit|built|registry?",
    image = "string?",
  },
  step_started = { step = "string" },
  step_ended = { step = "string", ok = "boolean", seconds = "number" },
  line = { text = "string" },
  progress = { done = "integer", total = "integer", text = "string" },
  log = { level = "info|warn|error", message = "string" },
  lock_waiting = { holder = "holder?", path = "string", seconds = "number" },
  lock_acquired = { path = "string", seconds = "number" },
  retry = { what = "string", attempt = "integer", attempts = "integer", seconds = "number", message = "string" },
  result = {
    image = "string",
    sha = "string?",
    image_id = "string?",
    outcome = "hit|built|registry",
    seconds = "number",
    steps = "numbers",
  },
  failed = {
    kind = "string",
    message = "string",
    hint = "string?",
    step = "string?",
    log = "string?",
    tail = "string[]?",
    traceback = "string?",
  },
}

-- Here and not only where the text is written: JSON escapes would hide a secret from a masker that comes later.
local function masked(value)
  if type(value) == "string" then
    return core.mask.text(value)
  end
  if type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in pairs(value) do copy[key] = masked(item) end
  return copy
end

local function complete(name, fields, scope)
  fields.event = name
  fields.time = core.sys.now()
  fields.runtime = fields.runtime or scope.runtime
  fields.step = fields.step or scope.step
  return fields
end

--- Say that something happened. The event gets the time and the runtime and step of the current task, its texts are
--- masked, and it is handed to the sink of that task; without a sink nothing happens.
---@param name string  a key of events.schema
---@param fields table?
---@param scope { events: fun(event: table)?, runtime: string?, step: string? }?  the current task's when absent
function events.emit(name, fields, scope)
  scope = scope or task.scope()
  if scope.events then
    events.emit_masked(name, masked(fields or {}), scope)
  end
end

--- The same for fields that hold no secret, such as what the core has masked. The table becomes the event.
---@param name string
---@param fields table
---@param scope table
function events.emit_masked(name, fields, scope)
  if scope.events then
    scope.events(complete(name, fields, scope))
  end
end

--- A `line` event for each line that a child printed. A scope that has a function `lines` beside `events` gets them at
--- once: an event that stands for each of them, but for its text, and their text.
---@param text string  whole lines, a newline behind each; masked by the core
---@param scope { events: fun(event: table)?, lines: fun(event: table, text: string)?, runtime: string?, step: string? }
function events.emit_lines(text, scope)
  if scope.lines then
    return scope.lines(complete("line", {}, scope), text)
  end
  for line in text:gmatch "([^\n]*)\n" do
    events.emit_masked("line", { text = line }, scope)
  end
end

local function every(value, key_type, item_type)
  if type(value) ~= "table" then
    return false
  end
  for key, item in pairs(value) do
    if math.type(key) ~= key_type and type(key) ~= key_type or type(item) ~= item_type then
      return false
    end
  end
  return true
end

local function is_holder(value)
  return type(value) == "table"
    and math.type(value.pid) == "integer"
    and type(value.host) == "string"
    and math.type(value.start) == "integer"
    and type(value.purpose) == "string"
end

local function is_among(value, words)
  for word in words:gmatch("[^|]+") do
    if value == word then
      return true
    end
  end
  return false
end

local function fits(value, wanted)
  if wanted == "integer" then
    return math.type(value) == "integer"
  end
  if wanted == "string[]" then
    return every(value, "integer", "string")
  end
  if wanted == "numbers" then
    return every(value, "string", "number")
  end
  if wanted == "holder" then
    return is_holder(value)
  end
  if wanted:find("|", 1, true) then
    return is_among(value, wanted)
  end
  return type(value) == wanted
end

--- Whether an event is as the schema says. For specs: nothing is checked in a run.
---@param event table
---@return boolean? ok
---@return string? message
function events.check(event)
  local fields = events.schema[event.event]
  if not fields then
    return nil, ("unknown event %s"):format(event.event)
  end
  for name in pairs(event) do
    if not fields[name] and not events.common[name] then
      return nil, ("%s: unknown field %s"):format(event.event, name)
    end
  end
  for _, types in ipairs { events.common, fields } do
    for name, wanted in pairs(types) do
      local optional = wanted:sub(-1) == "?"
      local value = event[name]
      if not (value == nil and optional) and not fits(value, wanted:gsub("%?$", "")) then
        return nil, ("%s: field %s is not %s"):format(event.event, name, wanted)
      end
    end
  end
  return true
end

return events
