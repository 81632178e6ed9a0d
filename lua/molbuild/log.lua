-- Log lines: `local-build: <message>` on stderr, through the stream of events.

local events = require "molbuild.events"
local task = require "molbuild.task"

local log = {}

-- Alone it is a text, not a format: it may hold a percent sign.
local function formatted(format, ...)
  return select("#", ...) == 0 and format or format:format(...)
end

local function say(level, format, ...)
  events.emit("log", { level = level, message = formatted(format, ...) })
end

--- Something an operator wants to know.
---@param format string  as of string.format; taken as it is when nothing follows
---@param ... any
function log.info(format, ...)
  say("info", format, ...)
end

--- The same for what concerns the whole run, whichever task finds it out first: it is said once.
---@param format string
---@param ... any
function log.once(format, ...)
  local scope, message = task.scope(), formatted(format, ...)
  local said = scope.said or {}
  if not said[message] then
    said[message] = true
    events.emit("log", { level = "info", message = message }, { events = scope.events })
  end
end

--- Something that went wrong and did not stop the work.
---@param format string
---@param ... any
function log.warn(format, ...)
  say("warn", format, ...)
end

--- Something that went wrong.
---@param format string
---@param ... any
function log.error(format, ...)
  say("error", format, ...)
end

return log
