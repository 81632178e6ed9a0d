--- Retries after temporary failures.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local events = require "molbuild.base.events"
local log = require "molbuild.base.log"
local seal = require "molbuild.base.seal"

local retry = {}

--- The least number of seconds for an attempt. A process that was stopped may continue when all of its time is over.
local LEAST = 0.1

--- The errors that may be temporary. Neither libcurl nor git reports whether a name is unknown or its name server does
--- not answer.
local CODES = { connect = true, reset = true, resolve = true }

--- Whether an error may be temporary: a connection that was refused, reset (in the TLS handshake too) or not made, a name
--- that was not resolved, or an answer with the status 408, 429 or 5xx.
---@param failure any
---@return boolean
function retry.transient(failure)
  if not errors.is(failure) then
    return false
  end
  local status = failure.status or 0
  return CODES[failure.code] or status == 408 or status == 429 or status >= 500 and status <= 599 or false
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- An HTTP date as seconds since 1970. Only the form that servers must send (RFC 9110, 5.6.7), not the obsolete ones.
---@param text string
---@return number?
function retry.http_date(text)
  local day, month, year, hour, min, sec = text:match "^%a+, (%d%d) (%a+) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$"
  if not day or not MONTHS[month] then
    return nil
  end
  local days = require("molbuild.base.amounts").days(tonumber(year), MONTHS[month], tonumber(day))
  return days * 86400 + hour * 3600 + min * 60 + sec
end

--- The seconds that a Retry-After header requests, as a number or a date. nil when it cannot be parsed.
---@param value string?
---@param now number  seconds since 1970
---@return number?
function retry.after(value, now)
  if not value then
    return nil
  end
  value = value:match "^%s*(.-)%s*$"
  if value:find "^%d+$" then
    return tonumber(value)
  end
  local date = retry.http_date(value)
  return date and math.max(0, date - now)
end

--- The pause before the next attempt: growing, jittered, and at least what the server requested.
local function pause(failure, attempt, random)
  local own = 0.5 * 2 ^ (attempt - 1) * (0.7 + 0.6 * random())
  local asked = retry.after(failure.retry_after, core.sys.now())
  return math.max(asked or 0, own), asked
end

-- A program that is ended by the end of the whole time was given what was left of it, which is no number that anyone set.
local function name_whole(failure, within)
  if errors.is(failure, "timeout") and failure.bound == "timeout" and within then
    failure.message = failure.message:gsub("took longer than [%d.e+-]+ s", ("took longer than %.14g s"):format(within), 1)
  end
end

local OPTIONS = { what = true, attempts = true, within = true, random = true }

--- Call FN until it succeeds, fails permanently, or has failed ATTEMPTS times. Pauses and attempts together take at most
--- WITHIN seconds (no bound when absent). FN receives the seconds that are left (nil: no bound).
---@param options { what: string, attempts: integer, within: number?, random: (fun(): number)? }
---@param fn fun(left: number?): ...
---@return ...
function retry.run(options, fn)
  seal.options("molbuild.retry.run", options, OPTIONS)
  local deadline = core.sys.monotonic() + (options.within or math.huge)
  for attempt = 1, options.attempts do
    local least = options.within and math.min(LEAST, options.within)
    local results = table.pack(pcall(fn, least and math.max(least, deadline - core.sys.monotonic())))
    if results[1] then
      return table.unpack(results, 2, results.n)
    end
    local failure = results[2]
    name_whole(failure, options.within)
    if attempt == options.attempts or not retry.transient(failure) then
      error(failure, 0)
    end
    local seconds, asked = pause(failure, attempt, options.random or math.random)
    local left = deadline - core.sys.monotonic()
    if seconds >= left then
      if asked and asked >= left then
        failure.message = ("%s (the server requests a wait of %.0f s, longer than the time left)"):format(failure.message, asked)
      end
      error(failure, 0)
    end
    events.emit("retry", {
      what = options.what,
      attempt = attempt + 1,
      attempts = options.attempts,
      seconds = seconds,
      message = failure.message,
    })
    errors.must(core.sys.sleep(seconds))
  end
end

--- Look up a branch: three attempts, as retry.run.
---@param timeout number?  seconds for all of it; 30 when absent
---@param fn fun(left: number): ...
---@return ...
function retry.head_lookup(timeout, fn)
  return retry.run({ what = "HEAD lookup", attempts = 3, within = timeout or 30 }, fn)
end

--- Seconds before a branch is looked up again: if it may have moved, and if it has not. A git replica may get a commit
--- some seconds later than the API.
local PAUSES = { moved = 2, same = 8 }

local LOOKS = 3

--- For looking up a branch again when git could not get the commit of the last lookup. Returns a function to call with
--- that commit: it returns when it is time for the next lookup, and raises after the third one.
---@param branch string
---@param where string  named in the message
---@param pauses { moved: number, same: number }?  seconds; for tests
---@return fun(commit: string)
---@raise remote | cancelled  from the function
function retry.look_again(branch, where, pauses)
  local last, looks = nil, 0
  pauses = pauses or PAUSES
  return function(commit)
    looks = looks + 1
    local same, short = commit == last, commit:sub(1, 12)
    if looks == LOOKS then
      errors.raise {
        kind = "remote",
        message = ("%s keeps moving at %s%s"):format(branch, where,
          same and (", or a replica is behind: git cannot get its commit %s"):format(short) or ""),
      }
    end
    last = commit
    local seconds = same and pauses.same or pauses.moved
    log.info("git cannot get %s: %s has moved on, or a replica is behind; looking it up again in %g s", short, branch, seconds)
    errors.must(core.sys.sleep(seconds))
  end
end

return retry
