-- The one stream of events that tells what a run does. docs/events.md says what each event means.

local core = require "molbuild.core"
local task = require "molbuild.base.task"

local events = {}

--- The version of the schema, docs/events.schema.json: `v` in JSON. A field that is added keeps it; one that goes or
--- changes raises it.
events.version = 1

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
---@param name string
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
---@return boolean? slow  nothing more should come for a moment
function events.emit_lines(text, scope)
  if scope.lines then
    return scope.lines(complete("line", {}, scope), text)
  end
  for line in text:gmatch "([^\n]*)\n" do
    events.emit_masked("line", { text = line }, scope)
  end
end

return events
