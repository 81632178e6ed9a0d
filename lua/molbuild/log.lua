-- Log lines: `local-build: <message>` on stderr, through the stream of events.

local events = require "molbuild.events"

local log = {}

local function say(level, format, ...)
  -- Alone it is a text, not a format: it may hold a percent sign.
  local message = select("#", ...) == 0 and format or format:format(...)
  events.emit("log", { level = level, message = message })
end

--- Something an operator wants to know.
---@param format string  as of string.format; taken as it is when nothing follows
---@param ... any
function log.info(format, ...)
  say("info", format, ...)
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
