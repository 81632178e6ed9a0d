--- When something that failed is tried again: later each time, up to a ceiling, with jitter, and not before the time that a server
--- has asked for.
local backoff = {}

--- The longest wait that a server may ask for, in seconds. A wrong answer must not end the watch.
backoff.ASKED_MAX = 24 * 3600

---@class molbuild.Backoff
---@field failures integer  in a row
---@field since number?  when the first of them happened
---@field till number  the next attempt; -math.huge: at any time
---@field prober any  what tries it now, after a failure: others wait for the result
local Backoff = {}
Backoff.__index = Backoff

--- Nothing has failed yet.
---@param options { first: number, ceiling: number, random: (fun(): number)? }  seconds: the wait after the first failure, and the
---  longest one
---@return molbuild.Backoff
function backoff.new(options)
  return setmetatable({
    first = options.first, ceiling = options.ceiling, random = options.random or math.random, failures = 0, till = -math.huge,
  }, Backoff)
end

--- It failed.
---@param now number  seconds of a clock that is not set
---@param asked number?  the seconds that the server asked for
---@return number seconds  until the next attempt
function Backoff:failed(now, asked)
  self.failures, self.since = self.failures + 1, self.since or now
  -- The exponent is bounded, too: 2 ^ 1100 is infinite.
  local seconds = math.min(self.first * 2 ^ math.min(self.failures - 1, 60), self.ceiling) * (0.75 + 0.5 * self.random())
  seconds = math.max(seconds, math.min(asked or 0, backoff.ASKED_MAX))
  self.till = now + seconds
  return seconds
end

--- It succeeded.
---@param now number
---@return integer failures  before that, in a row
---@return number seconds  since the first of them
function Backoff:succeeded(now)
  local failures, seconds = self.failures, now - (self.since or now)
  self.failures, self.since, self.till = 0, nil, -math.huge
  return failures, seconds
end

return backoff
