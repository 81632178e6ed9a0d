-- Log lines: `<prefix>: <message>` on stderr, through the stream of events.

local events = require "molbuild.base.events"
local task = require "molbuild.base.task"

local log = {}

-- A single argument is a text, not a format: it may hold a percent sign.
local function formatted(format, ...)
  return select("#", ...) == 0 and format or format:format(...)
end

local function say(level, format, ...)
  events.emit("log", { level = level, message = formatted(format, ...) })
end

--- A message for the operator.
---@param format string  as of string.format; without further arguments, the text itself
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

--- A message about the whole run. It is logged once, whichever task logs it first.
---@param format string
---@param ... any
function log.once(format, ...)
  say_once("info", format, ...)
end

--- A warning about the whole run, logged once.
---@param format string
---@param ... any
function log.warn_once(format, ...)
  say_once("warn", format, ...)
end

--- A detail that is logged only with -v.
---@param format string
---@param ... any
function log.detail(format, ...)
  if task.scope().verbose then
    say("info", format, ...)
  end
end

--- A detail about the whole run, logged once and only with -v.
---@param format string
---@param ... any
function log.detail_once(format, ...)
  if task.scope().verbose then
    say_once("info", format, ...)
  end
end

--- A problem that did not stop the work.
---@param format string
---@param ... any
function log.warn(format, ...)
  say("warn", format, ...)
end

--- A failure.
---@param format string
---@param ... any
function log.error(format, ...)
  say("error", format, ...)
end

return log
