-- Trying again what failed for a moment: when, how often, after which pause.
local errors = require "molbuild.base.errors"
local retry = require "molbuild.base.retry"
local task = require "molbuild.base.task"

--- Run retry.run() with a function that fails COUNT times in the way of FAILURE. Gives how often it was called, the
--- events, and what pcall() said.
local function try(count, failure, options)
  local calls, list = 0, {}
  local how = { what = "the lookup", attempts = 3, within = 30, random = function() return 0 end }
  for name, value in pairs(options or {}) do how[name] = value end
  local outcome = table.pack(pcall(task.run, function()
    task.scope().events = function(event) list[#list + 1] = event end
    return retry.run(how, function(left)
      assert.is_true(left > 0 and left <= how.within)
      calls = calls + 1
      if calls <= count then errors.raise(failure) end
      return "done", calls
    end)
  end))
  return calls, list, table.unpack(outcome, 1, outcome.n)
end

local BUSY = { kind = "remote", message = "busy", status = 503 }

describe("retry.run", function()
  it("gives what the function gives", function()
    local _, list, ok, result, more = try(0, BUSY)
    assert.same({ true, "done", 1 }, { ok, result, more })
    assert.same({}, list)
  end)

  for name, failure in pairs {
    ["a refused connection"] = { code = "connect" }, ["a reset one"] = { code = "reset" },
    ["a name that was not resolved"] = { code = "resolve" }, ["408"] = { status = 408 }, ["429"] = { status = 429 },
    ["500"] = { status = 500 }, ["502"] = { status = 502 }, ["503"] = { status = 503 }, ["504"] = { status = 504 },
    ["522"] = { status = 522 }, ["599"] = { status = 599 },
  } do
    it("tries again after " .. name, function()
      local calls, list, ok = try(1, failure)
      assert.is_true(ok)
      assert.equal(2, calls)
      assert.equal(1, #list)
    end)
  end

  for name, failure in pairs {
    ["404"] = { status = 404 }, ["600"] = { status = 600 }, ["a timeout"] = { code = "timeout" },
    ["a bad certificate"] = { code = "tls" }, ["a refusal of a proxy"] = { code = "denied" },
  } do
    it("does not after " .. name, function()
      local calls, list, ok = try(1, failure)
      assert.is_false(ok)
      assert.equal(1, calls)
      assert.same({}, list)
    end)
  end

  it("names the whole time when the rest of it has ended a program", function()
    local rest = { kind = "timeout", bound = "timeout", message = "git took longer than 3.99999 s; it printed nothing" }
    local _, _, _, failure = try(1, rest, { within = 4 })
    assert.equal("git took longer than 4 s; it printed nothing", failure.message)
    _, _, _, failure = try(1, { kind = "timeout", code = "timeout", message = "git took longer than 3.5 s" }, { within = 4 })
    assert.equal("git took longer than 3.5 s", failure.message) -- a bound of its own
  end)

  it("does not retry after an error that is not one of the system", function()
    local calls = 0
    assert.is_false(pcall(task.run, function()
      retry.run({ what = "x", attempts = 3, within = 30 }, function()
        calls = calls + 1
        error "503"
      end)
    end))
    assert.equal(1, calls)
  end)

  it("says each attempt that comes, and gives up after the last", function()
    local calls, list, ok, failure = try(9, BUSY, { random = function() return 0.5 end })
    assert.same({ 3, false, "busy" }, { calls, ok, failure.message })
    assert.same({ "retry", 2, 3, 0.5, "busy", "the lookup" },
      { list[1].event, list[1].attempt, list[1].attempts, list[1].seconds, list[1].message, list[1].what })
    assert.same({ 3, 1.0 }, { list[2].attempt, list[2].seconds })
    assert.equal(2, #list)
  end)

  it("pauses longer each time, whatever the jitter is", function()
    local values = { 1, 0 }
    local _, list = try(9, BUSY, { random = function() return table.remove(values, 1) end })
    assert.is_true(list[1].seconds < list[2].seconds)
  end)

  it("waits as long as it was asked to", function()
    local _, list = try(1, { status = 429, retry_after = "1" })
    assert.equal(1, list[1].seconds)
    _, list = try(1, { status = 429, retry_after = "0" })
    assert.equal(0.35, list[1].seconds)
    _, list = try(1, { status = 429, retry_after = "soon" })
    assert.equal(0.35, list[1].seconds)
  end)

  it("ends immediately, with the reason, when the requested wait is longer than the time left", function()
    local calls, list, ok, failure = try(1, { message = "busy", status = 503, retry_after = "3600" })
    assert.same({ 1, 0, false }, { calls, #list, ok })
    assert.equal("busy (the server requests a wait of 3600 s, longer than the time left)", failure.message)
  end)

  it("stops trying when the time is over", function()
    local calls, list, ok = try(9, BUSY, { within = 0.3 })
    assert.same({ 1, 0, false }, { calls, #list, ok })
  end)

  it("has no bound but the attempts where none is given", function()
    local lefts = {}
    local ok = pcall(task.run, function()
      retry.run({ what = "x", attempts = 2, random = function() return 0 end }, function(left)
        lefts[#lefts + 1] = tostring(left)
        errors.raise(BUSY)
      end)
    end)
    assert.is_false(ok)
    assert.same({ "nil", "nil" }, lefts)
  end)

  it("ends with its task", function()
    local calls = 0
    local ok, failure = pcall(task.run, function()
      task.timeout(0.05, function()
        retry.run({ what = "x", attempts = 3, within = 30 }, function()
          calls = calls + 1
          errors.raise(BUSY)
        end)
      end)
    end)
    assert.is_false(ok)
    assert.equal("timeout", failure.kind)
    assert.equal(1, calls)
  end)
end)

describe("retry.after", function()
  local NOW = 784111777 -- Sun, 06 Nov 1994 08:49:37 GMT

  for value, seconds in pairs {
    ["0"] = 0, ["120"] = 120, [" 7 "] = 7,
    ["Sun, 06 Nov 1994 08:49:37 GMT"] = 0,
    ["Sun, 06 Nov 1994 08:50:07 GMT"] = 30,
    ["Mon, 07 Nov 1994 08:49:37 GMT"] = 86400,
    ["Thu, 01 Jan 1970 00:00:00 GMT"] = 0,
  } do
    it(("understands %q"):format(value), function()
      assert.equal(seconds, retry.after(value, NOW))
    end)
  end

  it("knows the days of leap years", function()
    assert.equal(951782400, retry.after("Tue, 29 Feb 2000 00:00:00 GMT", 0))
    assert.equal(1709251200, retry.after("Fri, 01 Mar 2024 00:00:00 GMT", 0))
    assert.equal(4107542400, retry.after("Mon, 01 Mar 2100 00:00:00 GMT", 0))
  end)

  for _, value in ipairs {
    "", "soon", "-1", "1.5", "Sun, 06 Foo 1994 08:49:37 GMT", "1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:42 GMT",
    "Sun Nov  6 08:49:38 1994",
  } do
    it(("takes no notice of %q"):format(value), function()
      assert.is_nil(retry.after(value, NOW))
    end)
  end

  it("takes no notice of none", function()
    assert.is_nil(retry.after(nil, NOW))
  end)
end)

describe("retry.look_again", function()
  --- Call the function with each of COMMITS. Gives the lines that were said, and what pcall() said.
  local function look(commits, pauses)
    local lines = {}
    local ok, failure = pcall(task.run, function()
      task.scope().events = function(event) lines[#lines + 1] = event.message end
      local again = retry.look_again("main", "https://h/o/x", pauses)
      for _, commit in ipairs(commits) do again(commit) end
    end)
    return lines, ok, failure
  end

  it("waits a little where the branch has moved, and ends by the third look", function()
    local lines, ok, failure = look({ "a", "b", "c" }, { moved = 0.01, same = 60 })
    assert.same({
      "git cannot get a: main has moved on, or a replica is behind; looking it up again in 0.01 s",
      "git cannot get b: main has moved on, or a replica is behind; looking it up again in 0.01 s",
    }, lines)
    assert.is_false(ok)
    assert.same({ "remote", "main keeps moving at https://h/o/x" }, { failure.kind, failure.message })
  end)

  it("waits longer where it has not", function()
    local commit = ("a"):rep(40)
    local lines, ok, failure = look({ commit, commit, commit }, { moved = 0.01, same = 0.02 })
    assert.truthy(lines[2]:find("again in 0.02 s", 1, true))
    assert.is_false(ok)
    assert.equal("main keeps moving at https://h/o/x, or a replica is behind: git cannot get its commit aaaaaaaaaaaa",
      failure.message)
  end)
end)

describe("a bound of zero", function()
  it("leaves no time for an attempt", function()
    local seen
    require("molbuild.base.task").run(function()
      require("molbuild.base.retry").run({ what = "x", attempts = 3, within = 0 }, function(left) seen = left end)
    end)
    assert.equal(0, seen)
  end)
end)
