-- The one stream of events that reports a run. docs/events.md defines each event.

local core = require "molbuild.core"
local task = require "molbuild.base.task"

local events = {}

--- The version of the schema, docs/events.schema.json: `v` in JSON. A new field keeps it; removing or changing a field
--- raises it.
events.version = 1

-- Masked here, not only where the text is written: a masker behind the JSON encoder would miss a secret with JSON escapes.
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

--- Emit an event. It gets the time and the current task's runtime and step, its texts are masked, and the task's sink
--- receives it. Without a sink nothing happens.
---@param name string
---@param fields table?
---@param scope { events: fun(event: table)?, runtime: string?, step: string? }?  the current task's when absent
function events.emit(name, fields, scope)
  scope = scope or task.scope()
  if not scope.events then return end
  local event = { event = name, time = 0, runtime = scope.runtime, step = scope.step } -- of this size from the beginning
  for key, value in pairs(fields or {}) do event[key] = masked(value) end
  events.emit_masked(name, event, scope)
end

--- The same for fields that hold no secret, such as text that the core has masked. The table becomes the event.
---@param name string
---@param fields table
---@param scope table
function events.emit_masked(name, fields, scope)
  if scope.events then
    scope.events(complete(name, fields, scope))
  end
end

--- A `line` event for each line that a child printed. If the scope has a function `lines` next to `events`, that function
--- gets all of them in one call: an event that represents them, without its text, and their text.
---@param text string  whole lines, each with its newline; masked by the core
---@param scope { events: fun(event: table)?, lines: fun(event: table, text: string)?, runtime: string?, step: string? }
---@return boolean? slow  the reader is slow: send nothing more for a moment
function events.emit_lines(text, scope)
  if scope.lines then
    return scope.lines(complete("line", {}, scope), text)
  end
  for line in text:gmatch "([^\n]*)\n" do
    events.emit_masked("line", { text = line }, scope)
  end
end

return events
