local errors = require "molbuild.base.errors"

describe("an error object", function()
  it("is its message as a string", function()
    assert.equal("it broke", tostring(errors.new { kind = "build", message = "it broke" }))
  end)

  it("keeps every field", function()
    local e = errors.new { kind = "build", message = "m", hint = "h", cause = 7, log = "/l", tail = { "x" } }
    assert.same({ kind = "build", message = "m", hint = "h", cause = 7, log = "/l", tail = { "x" } }, e)
  end)

  it("has the kind failed when none is given", function()
    assert.equal("failed", errors.new({ message = "m" }).kind)
  end)

  it("is raised without a position", function()
    local ok, e = pcall(errors.raise, { kind = "auth", message = "no" })
    assert.is_false(ok)
    assert.is_true(errors.is(e, "auth"))
    assert.equal("no", e.message)
  end)
end)

describe("errors.is", function()
  it("knows error objects and their kinds", function()
    local e = errors.new { kind = "remote", message = "m" }
    assert.is_true(errors.is(e))
    assert.is_true(errors.is(e, "remote"))
    assert.is_false(errors.is(e, "auth"))
  end)

  it("takes nothing else for one", function()
    assert.is_false(errors.is("remote"))
    assert.is_false(errors.is(nil))
    assert.is_false(errors.is({ kind = "remote", message = "m" }))
  end)
end)

describe("errors.wrap", function()
  it("puts words before the message and keeps the rest", function()
    local inner = errors.new { kind = "remote", message = "refused", hint = "look", code = "connect" }
    local e = errors.wrap(inner, "cannot ask")
    assert.same({ "remote", "cannot ask: refused", "look", "connect" }, { e.kind, e.message, e.hint, e.code })
    assert.equal(inner, e.cause)
    assert.equal("refused", inner.message)
  end)

  it("makes a bug of any other value", function()
    local e = errors.wrap("x.lua:1: oops", "step")
    assert.same({ "bug", "step: x.lua:1: oops" }, { e.kind, e.message })
  end)
end)

describe("errors.handler", function()
  it("leaves an error object alone", function()
    local e = errors.new { kind = "auth", message = "m" }
    local _, caught = xpcall(error, errors.handler, e)
    assert.equal(e, caught)
    assert.is_nil(caught.traceback)
  end)

  it("gives a bug its traceback", function()
    local function faulty()
      local nothing = tonumber("x")
      return nothing.field
    end
    local _, caught = xpcall(faulty, errors.handler)
    assert.is_true(errors.is(caught, "bug"))
    assert.truthy(caught.message:find("nothing", 1, true))
    assert.truthy(caught.traceback:find("errors_spec.lua", 1, true))
  end)

  it("takes any value that was raised", function()
    local _, caught = xpcall(error, errors.handler, nil)
    assert.is_true(errors.is(caught, "bug"))
    assert.equal("nil", caught.message)
  end)
end)

describe("errors.exit_code", function()
  local expected = {
    failed = 1, usage = 2, missing_tool = 3, remote = 4, auth = 5, not_found = 6, template = 7, build = 8,
    timeout = 9, locked = 10, bug = 70, cancelled = 1,
  }
  for kind, code in pairs(expected) do
    it(("is %d for %s"):format(code, kind), function()
      assert.equal(code, errors.exit_code(errors.new { kind = kind, message = "m" }))
    end)
  end

  it("is 128 and the signal's number for a signal", function()
    assert.equal(130, errors.exit_code(errors.new { kind = "signal", message = "m", signal = 2 }))
    assert.equal(143, errors.exit_code(errors.new { kind = "cancelled", message = "m", signal = 15 }))
  end)

  it("is the kind's own when a child was ended by a signal", function()
    assert.equal(8, errors.exit_code(errors.new { kind = "build", message = "m", signal = 9 }))
  end)

  it("is 70 for a kind that a policy made up", function()
    assert.equal(70, errors.exit_code(errors.new { kind = "my_own", message = "m" }))
  end)

  it("is 70 for anything that is no error object", function()
    assert.equal(70, errors.exit_code("oops"))
    assert.equal(70, errors.exit_code(nil))
  end)
end)

describe("errors.retry", function()
  local function retry(fields)
    return errors.retry(errors.new(fields))
  end

  for kind, expected in pairs {
    failed = false, usage = false, missing_tool = false, remote = true, auth = false, not_found = false, template = false,
    build = false, timeout = true, locked = true, signal = true, cancelled = true, bug = false, my_own = false,
  } do
    it(("is %s for %s"):format(expected, kind), function()
      assert.equal(expected, retry { kind = kind })
    end)
  end

  for status, expected in pairs {
    [500] = true, [502] = true, [503] = true, [504] = true, [429] = true, [408] = true, [400] = false, [410] = false,
    [302] = false,
  } do
    it(("is %s for the status %d of a server"):format(expected, status), function()
      assert.equal(expected, retry { kind = "remote", status = status })
    end)
  end

  for code, expected in pairs {
    ENOSPC = true, EDQUOT = true, EMFILE = true, EACCES = false, EROFS = false, connect = true, reset = true,
    resolve = true, tls = false, denied = false, redirect = false, too_large = false,
  } do
    it(("is %s for the code %s"):format(expected, code), function()
      local kind = code:find "^E" and "failed" or "remote"
      assert.equal(expected, retry { kind = kind, code = code })
    end)
  end

  for code, expected in pairs {
    disk = true, limit = true, unreachable = true, broken = true, auth = false, trust = false, missing = false,
  } do
    it(("is %s for a build that failed because of %s"):format(expected, code), function()
      assert.equal(expected, retry { kind = "build", code = code })
    end)
  end

  it("is no for a kind that stays, whatever its code or status", function()
    assert.is_false(retry { kind = "auth", code = "connect", status = 503 })
    assert.is_false(retry { kind = "usage", code = "ENOSPC" })
  end)

  it("is what the error itself says", function()
    assert.is_true(retry { kind = "build", retry = true })
    assert.is_false(retry { kind = "remote", code = "connect", retry = false })
  end)

  it("stays with an error that is wrapped", function()
    local inner = errors.new { kind = "build", message = "m", retry = true }
    assert.is_true(errors.retry(errors.wrap(inner, "before")))
  end)

  it("is no for anything that is no error object", function()
    assert.is_false(errors.retry("oops"))
  end)
end)

describe("errors.format", function()
  it("says the message on one line and the hint on the next", function()
    local e = errors.new { kind = "remote", message = "no\nanswer", hint = "wait\27[1m" }
    assert.equal("molbuild: no | answer\nhint: wait[1m", errors.format(e))
  end)

  it("takes another prefix", function()
    assert.equal("molbuild: m", errors.format(errors.new { message = "m" }, "molbuild"))
  end)

  it("shows no traceback of a world error", function()
    local e = errors.new { kind = "remote", message = "m", traceback = "stack traceback:\n\tx" }
    assert.equal("molbuild: m", errors.format(e))
  end)

  it("shows the traceback of a bug", function()
    local e = errors.new { kind = "bug", message = "m", traceback = "stack traceback:\n\tx.lua:1" }
    assert.equal("molbuild: m\n  stack traceback:\n    x.lua:1", errors.format(e))
  end)

  it("shows the policy's lines of a traceback, and the library's when verbose or when there are no others", function()
    local e = errors.new {
      kind = "bug", message = "m",
      traceback = "stack traceback:\n\t[C]: in f\n\t./my.lua:2: in g\n\tmolbuild/base/task.lua:3: in h\n\t(...tail calls...)",
    }
    assert.equal("p: m\n  stack traceback:\n    ./my.lua:2: in g", errors.format(e, "p"))
    assert.equal("p: m\n  stack traceback:\n    ./my.lua:2: in g\n    [C]: in f\n    molbuild/base/task.lua:3: in h\n"
      .. "    (...tail calls...)", errors.format(e, "p", true))
    e.traceback = "stack traceback:\n\tmolbuild/base/task.lua:3: in h"
    assert.equal("p: m\n  stack traceback:\n    molbuild/base/task.lua:3: in h", errors.format(e, "p"))
  end)

  it("shows the text of a table that was raised", function()
    local _, failure = xpcall(error, errors.handler, { message = "no way", hint = "do this" })
    assert.same({ "bug", "no way", "do this" }, { failure.kind, failure.message, failure.hint })
    _, failure = xpcall(error, errors.handler, { hint = "do this" })
    assert.truthy(failure.message:find "^table: ")
  end)

  it("takes a value that is no error object", function()
    assert.equal("molbuild: oops", errors.format("oops"))
  end)
end)

describe("errors.fields", function()
  it("is what a failed event holds", function()
    local e = errors.new {
      kind = "build", message = "m", hint = "h", step = "build", log = "/l", tail = { "a" }, cause = "c", code = "x",
    }
    assert.same(
      {
        kind = "build", exit = 8, retry = false, message = "m", hint = "h", step = "build", log = "/l", tail = { "a" },
      }, errors.fields(e))
  end)

  it("holds the traceback of a bug only", function()
    assert.equal("t", errors.fields(errors.new { kind = "bug", message = "m", traceback = "t" }).traceback)
    assert.is_nil(errors.fields(errors.new { kind = "auth", message = "m", traceback = "t" }).traceback)
  end)
end)

describe("a failure of the system", function()
  it("is no bug when memory runs out, and has no traceback, in any place where it is caught", function()
    local function exhaust() error("not enough memory", 0) end
    local _, raw = xpcall(exhaust, errors.handler) -- the handler is not called then
    assert.equal("not enough memory", raw)
    for _, e in ipairs { errors.handler(raw), errors.object(raw), errors.wrap(raw) } do
      assert.same({ "failed", "out of memory", "ENOMEM" }, { e.kind, e.message, e.code })
      assert.is_nil(e.traceback)
      assert.truthy(e.hint)
    end
    assert.equal(1, errors.exit_code(raw))
    assert.equal("molbuild: out of memory", errors.format(raw):match "^[^\n]*")
    assert.equal("failed", errors.fields(raw).kind)
  end)

  it("is no bug when the core raises it", function()
    local raised = setmetatable({ message = "cannot create the event loop: Too many open files", code = "EMFILE" },
      { __name = "molbuild.failure" })
    local e = errors.handler(raised)
    assert.same({ "failed", "cannot create the event loop: Too many open files", "EMFILE" }, { e.kind, e.message, e.code })
    assert.truthy(e.hint:find("ulimit -n", 1, true))
  end)

  it("stays a bug where a policy's own text only mentions memory", function()
    assert.equal("bug", errors.handler("x.lua:1: not enough memory").kind)
    assert.equal("bug", errors.handler({ message = "m", code = "EIO" }).kind)
  end)

  it("is raised for a primitive that must succeed, with what to do", function()
    assert.equal("value", errors.must("value"))
    local _, e = pcall(errors.must, nil, "cannot read /x: Input/output error", "EIO")
    assert.same({ "failed", "cannot read /x: Input/output error", "EIO" }, { e.kind, e.message, e.code })
    assert.truthy(e.hint)
    _, e = pcall(errors.must, nil, "m", "ENOSPC", { kind = "usage", hint = "my own" })
    assert.same({ "usage", "my own" }, { e.kind, e.hint })
  end)
end)

describe("the kind of a failure of the core", function()
  it("follows from its code, in one place", function()
    for code, kind in pairs {
      timeout = "timeout", stalled = "timeout", locked = "locked", not_found = "missing_tool", cancelled = "cancelled",
      ENOSPC = "failed", too_large = "failed", invalid = "failed",
    } do
      assert.equal(kind, errors.kind_of_code(code), code)
    end
    assert.equal("failed", errors.kind_of_code(nil))
  end)

  it("is that of the server for what a request meets", function()
    for code, kind in pairs {
      timeout = "remote", connect = "remote", tls = "remote", denied = "remote", too_large = "remote",
      cancelled = "cancelled", ENOMEM = "failed",
    } do
      assert.equal(kind, errors.kind_of_code(code, "http"), code)
    end
  end)

  it("is the kind that errors.must raises, unless the caller gives one", function()
    local _, failure = pcall(errors.must, nil, "x", "locked")
    assert.equal("locked", failure.kind)
    _, failure = pcall(errors.must, nil, "x", "locked", { kind = "usage" })
    assert.equal("usage", failure.kind)
  end)
end)

describe("an error that is raised wrongly", function()
  local molbuild = require "molbuild"

  -- The message, with the position of the code in the place of "HERE".
  local function raised(fn)
    local ok, failure = pcall(fn)
    assert.is_false(ok)
    assert.equal("bug", failure.kind)
    return (failure.message:gsub("^spec/errors_spec%.lua:%d+: ", "HERE "))
  end

  for name, case in pairs {
    ["a kind with a mistake"] =
      { { kind = "remtoe", message = "m" }, 'HERE remtoe: no such kind of error; did you mean "remote"?' },
    ["a kind like no other"] = { { kind = "my_own", message = "m" }, "HERE my_own: no such kind of error" },
    ["a kind that is no text"] = { { kind = 7, message = "m" }, "HERE 7: no such kind of error" },
    ["a text"] = { "m", "HERE an error is raised as a table { kind = ..., message = ... }, not as a string" },
    ["nothing"] = { nil, "HERE an error is raised as a table { kind = ..., message = ... }, not as a nil" },
    ["a list"] = { { "m" }, "HERE the text of an error is its field message: { message = ... }" },
  } do
    it("names the line of the code: " .. name, function()
      local fields = case[1]
      assert.equal(case[2], raised(function() molbuild.raise(fields) end))
      assert.equal(case[2], raised(function() errors.raise(fields) end))
      assert.equal(case[2], raised(function() error(errors.new(fields), 0) end))
    end)
  end

  it("is none with a known kind, and with no kind", function()
    assert.equal("timeout", errors.new({ kind = "timeout", message = "m" }).kind)
    assert.equal("failed", errors.new({ message = "m" }).kind)
  end)
end)

describe("a traceback", function()
  local function lines_of(place)
    local traceback = ("stack traceback:\n\t%s: in g\n\tother.lua:1: in h"):format(place)
    return errors.format(errors.new { kind = "bug", message = "m", traceback = traceback }, "p")
  end

  for _, place in ipairs {
    "/etc/molbuild/scripts/mine.lua:2", "/home/molbuild/mine.lua:2", "/home/me/.config/molbuild/scripts/mine.lua:2",
    "./molbuild/mine.lua:2",
  } do
    it("has the lines of a policy in " .. place, function()
      assert.equal(("p: m\n  stack traceback:\n    %s: in g\n    other.lua:1: in h"):format(place), lines_of(place))
    end)
  end

  for _, place in ipairs {
    "molbuild/base/task.lua:2", "./lua/molbuild/base/task.lua:2", "/usr/local/share/lua/5.4/molbuild/base/task.lua:2",
    "/opt/molbuild/lua/molbuild/run.lua:2",
  } do
    it("has no line of the library at " .. place, function()
      assert.equal("p: m\n  stack traceback:\n    other.lua:1: in h", lines_of(place))
    end)
  end
end)
