--- `assert` of a test: Lua's own when it is called, and luassert's words, those that tests of policies use:
--- assert.equal(expected, got), assert.are.same(...), assert.is_not_nil(value), assert.has_error(fn, message), ...
local nearest = require "molbuild.base.nearest"
local show = require "molbuild.testing.show"

local assertions = {}

--- What an assertion that fails raises: { message, expected, got }.
local Failure = { __name = "molbuild.testing.failure" }

function Failure.__tostring(self)
  return self.message
end

--- Whether a value was raised by an assertion.
---@param value any
---@return boolean
function assertions.is(value)
  return getmetatable(value) == Failure
end

local checks = {}

-- Each check is given the arguments and gives whether they pass, and the words for expected and got. `least` is how many there
-- must be; what follows them is a message of the test's own.

checks.equal = { least = 2, check = function(expected, got)
  return expected == got, show.value(expected), show.value(got)
end }

checks.same = { least = 2, check = function(expected, got)
  local same, where = show.same(expected, got)
  return same, show.value(expected), show.value(got), not same and where ~= "" and "they differ at " .. where or nil
end }

checks["true"] = { least = 1, check = function(got) return got == true, "true", show.value(got) end }
checks["false"] = { least = 1, check = function(got) return got == false, "false", show.value(got) end }
checks["nil"] = { least = 1, check = function(got) return got == nil, "nil", show.value(got) end }
checks.truthy = { least = 1, check = function(got) return got and true or false, "a value that is true", show.value(got) end }
checks.falsy = { least = 1, check = function(got) return not got, "nil or false", show.value(got) end }

for _, name in ipairs { "boolean", "number", "string", "table", "function", "userdata", "thread" } do
  checks[name] = { least = 1, check = function(got)
    return type(got) == name, "a " .. name, show.value(got)
  end }
end

checks.near = { least = 3, check = function(expected, got, tolerance)
  local numbers = tonumber(expected) and tonumber(got) and tonumber(tolerance)
  return numbers and math.abs(expected - got) <= tolerance or false,
    ("%s, or not more than %s away"):format(show.value(expected), show.value(tolerance)),
    show.value(got)
end }

checks.unique = { least = 1, check = function(list)
  local seen = {}
  for _, value in pairs(list) do
    if seen[value] then
      return false, "a list in which nothing stands twice", show.value(list)
    end
    seen[value] = true
  end
  return true, "a list in which something stands twice", show.value(list)
end }

-- As luassert has it: what follows the text is where to begin, and whether the pattern is plain text; else a message.
checks.matches = { least = 2, searches = true, check = function(pattern, got, init, plain)
  local text = (type(got) == "string" or type(got) == "number" or getmetatable(got)) and tostring(got)
  local start = math.type(init) and init or 1
  local found = text and text:find(pattern, start, plain == true) ~= nil
  local words = plain == true and "a text with %s" or "a text that matches %s"
  return found or false, words:format(show.value(pattern)), show.value(got)
end }

-- A text error begins with its position: a test does not have to know the line.
local function raised_by(fn)
  local callable = type(fn) == "function" or getmetatable(fn) and getmetatable(fn).__call
  if not callable then
    error(("assert: a function is needed, not %s"):format(show.value(fn)), 0)
  end
  local ok, raised = pcall(fn)
  if type(raised) == "string" then
    raised = raised:gsub("^.-:%d+: ", "", 1)
  end
  return not ok, raised
end

local function error_text(raised)
  local is_text = type(raised) == "string" or type(raised) == "number" or type(raised) == "table" and getmetatable(raised)
  return is_text and tostring(raised)
end

checks.error = { least = 1, own_message = 3, count = true, check = function(count, fn, expected)
  local failed, raised = raised_by(fn)
  local got = failed and "the error " .. show.value(raised) or "no error"
  if count < 2 or expected == nil then
    return failed, "an error", got
  end
  local same = failed and (type(expected) == "string" and error_text(raised) == expected or show.same(expected, raised))
  return same or false, "the error " .. show.value(expected), got
end }

checks.error_matches = { least = 2, searches = true, check = function(fn, pattern, init, plain)
  local failed, raised = raised_by(fn)
  local text = failed and error_text(raised)
  local start = math.type(init) and init or 1
  return text and text:find(pattern, start, plain == true) ~= nil or false, "an error that matches " .. show.value(pattern),
    failed and "the error " .. show.value(raised) or "no error"
end }

checks.returned_arguments = { least = 1, own_message = math.huge, count = true, check = function(count, expected)
  return count - 1 == expected, ("%s values"):format(expected), ("%d values"):format(count - 1)
end }

for alias, name in pairs {
  equals = "equal", match = "matches", errors = "error", error_match = "error_matches", matches_error = "error_matches",
  match_error = "error_matches", has_error = "error",
} do
  checks[alias] = checks[name]
end

local FILLERS = { is = true, are = true, was = true, has = true, does = true, ["have"] = true, be = true }
local NEGATIONS = { ["not"] = true, no = true }

-- "is_not.equal" as the name of a check, and whether it is turned round.
local function read(tokens)
  local rest, negated = {}, false
  for _, token in ipairs(tokens) do
    if NEGATIONS[token] then
      negated = not negated
    elseif not FILLERS[token] then
      rest[#rest + 1] = token
    end
  end
  return table.concat(rest, "_"), negated
end

-- A message of the test's own, behind the other arguments; behind a pattern a number or a boolean is none.
local function own_message(check, arguments)
  for index = check.own_message or check.least + 1, arguments.n do
    local value = arguments[index]
    local is_other = check.searches and (type(value) == "boolean" or tonumber(value))
    if value ~= nil and not is_other then
      return type(value) == "string" and value or show.value(value)
    end
  end
end

local function fail(check, negated, message, expected, got, more)
  local lines = { message, ("expected: %s%s"):format(negated and "anything but " or "", expected), "got:      " .. got, more }
  local text = {}
  for index = 1, 4 do
    text[#text + 1] = lines[index]
  end
  error(setmetatable({ message = table.concat(text, "\n"), expected = expected, got = got, check = check }, Failure), 0)
end

local function apply(tokens, message, ...)
  local name, negated = read(tokens)
  local check, arguments = checks[name], table.pack(...)
  if not check then
    error(("assert.%s: no such assertion%s"):format(table.concat(tokens, "."), nearest.hint(name, checks)), 0)
  elseif arguments.n < check.least then
    error(("assert.%s needs %d arguments, and has %d"):format(table.concat(tokens, "."), check.least, arguments.n), 0)
  end
  local passed, expected, got, more
  if check.count then
    passed, expected, got, more = check.check(arguments.n, ...)
  else
    passed, expected, got, more = check.check(...)
  end
  if passed == negated then
    fail(name, negated, message or own_message(check, arguments), expected, got, more)
  end
  return ...
end

local Chain = {}

function Chain.__index(self, key)
  for token in tostring(key):lower():gmatch "[^_]+" do
    self.tokens[#self.tokens + 1] = token
  end
  return self
end

function Chain.__call(self, ...)
  local tokens = rawget(self, "tokens")
  if #tokens == 1 and tokens[1] == "message" then -- assert.message("why").is_true(x)
    return setmetatable({ tokens = {}, message = tostring((...)) }, Chain)
  end
  return apply(tokens, rawget(self, "message"), ...)
end

--- `assert` for tests.
---@return table
function assertions.new()
  return setmetatable({}, {
    __index = function(_, key) return setmetatable({ tokens = {} }, Chain)[key] end,
    __call = function(_, value, message, ...)
      if not value then
        error(message == nil and "assertion failed!" or message, 0)
      end
      return value, message, ...
    end,
  })
end

return assertions
