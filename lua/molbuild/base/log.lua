-- Log lines: `local-build: <message>` on stderr, through the stream of events.

local events = require "molbuild.base.events"
local task = require "molbuild.base.task"

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

local function say_once(level, format, ...)
  local scope, message = task.scope(), formatted(format, ...)
  local said = scope.said or {}
  if not said[message] then
    said[message] = true
    events.emit("log", { level = level, message = message }, { events = scope.events })
  end
end

--- The same for what concerns the whole run, whichever task finds it out first: it is logged once.
---@param format string
---@param ... any
function log.once(format, ...)
  say_once("info", format, ...)
end

--- A warning that concerns the whole run, logged once.
---@param format string
---@param ... any
function log.warn_once(format, ...)
  say_once("warn", format, ...)
end

--- A detail that is logged with -v alone.
---@param format string
---@param ... any
function log.detail(format, ...)
  if task.scope().verbose then
    say("info", format, ...)
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
