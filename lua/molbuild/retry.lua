--- Trying again what failed for a moment.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local events = require "molbuild.events"

local retry = {}

--- The errors that may be gone in a moment.
local CODES = { connect = true, reset = true }
local STATUSES = { [429] = true, [502] = true, [503] = true, [504] = true }

local function transient(failure)
  return errors.is(failure) and (CODES[failure.code] or STATUSES[failure.status]) or false
end

--- The pause before the next try: growing, jittered, and at least what the server asked for.
local function pause(failure, attempt, random)
  local asked = tonumber(failure.retry_after)
  local own = 0.5 * 2 ^ (attempt - 1) * (0.5 + random())
  return asked and asked >= 0 and math.max(asked, own) or own
end

--- Call FN until it succeeds, fails for good, or has failed ATTEMPTS times; the pauses and the tries together end
--- WITHIN so many seconds. FN is given the seconds that are left.
---@param options { what: string, attempts: integer, within: number, random: (fun(): number)? }
---@param fn fun(left: number): ...
---@return ...
function retry.run(options, fn)
  local deadline = core.sys.monotonic() + options.within
  for attempt = 1, options.attempts do
    local results = table.pack(pcall(fn, deadline - core.sys.monotonic()))
    if results[1] then
      return table.unpack(results, 2, results.n)
    end
    local failure = results[2]
    local seconds = transient(failure) and pause(failure, attempt, options.random or math.random)
    if not seconds or attempt == options.attempts or core.sys.monotonic() + seconds >= deadline then
      error(failure, 0)
    end
    events.emit("retry", {
      what = options.what,
      attempt = attempt,
      attempts = options.attempts,
      seconds = seconds,
      message = failure.message,
    })
    local slept, message = core.sys.sleep(seconds)
    if not slept then
      errors.raise { kind = "cancelled", message = message }
    end
  end
end

return retry
