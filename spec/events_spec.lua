local core = require "molbuild.core"
local documented = require("spec.support.record").documented
local events = require "molbuild.events"

local function emitted(name, fields, scope)
  local seen = {}
  scope = scope or {}
  scope.events = function(e)
    seen[#seen + 1] = e
  end
  events.emit(name, fields, scope)
  assert.equal(1, #seen)
  return seen[1]
end

describe("events.emit", function()
  after_each(function()
    core.mask.clear()
  end)

  it("adds name, time, runtime and step", function()
    local before = core.sys.now()
    local e = emitted("line", { text = "hello" }, { runtime = "hermes", step = "build" })
    assert.is_true(e.time >= before and e.time <= core.sys.now())
    e.time = nil
    assert.same({ event = "line", text = "hello", runtime = "hermes", step = "build" }, e)
  end)

  it("keeps the step that the event names itself", function()
    assert.equal("clone", emitted("step_ended", { step = "clone", ok = true, seconds = 1 }, { step = "build" }).step)
  end)

  it("does nothing without a sink", function()
    assert.has_no.errors(function()
      events.emit("line", { text = "x" }, {})
    end)
  end)

  it("leaves the caller's table alone", function()
    local fields = { text = "x" }
    emitted("line", fields)
    assert.same({ text = "x" }, fields)
  end)

  it("masks secrets in every text, deep ones too", function()
    assert(core.mask.secret('s3cret/"quoted"'))
    local e = emitted("failed", { kind = "build", message = 'got s3cret/"quoted"', tail = { 's3cret/"quoted"!' } })
    assert.equal("got ***", e.message)
    assert.equal("***!", e.tail[1])
  end)
end)

describe("events.emit_lines", function()
  it("gives every line as an event", function()
    local seen = {}
    events.emit_lines("one\n\ntwo\n", {
      runtime = "hermes",
      step = "build",
      events = function(e)
        e.time = nil
        seen[#seen + 1] = e
      end,
    })
    assert.same({
      { event = "line", runtime = "hermes", step = "build", text = "one" },
      { event = "line", runtime = "hermes", step = "build", text = "" },
      { event = "line", runtime = "hermes", step = "build", text = "two" },
    }, seen)
  end)

  it("gives all at once to who takes them so", function()
    local seen = {}
    events.emit_lines("one\ntwo\n", {
      runtime = "hermes",
      events = function() error "one by one" end,
      lines = function(e, text)
        assert.is_number(e.time)
        seen = { e.event, e.runtime, e.text, text }
      end,
    })
    assert.same({ "line", "hermes", nil, "one\ntwo\n" }, seen)
  end)

  it("does nothing without a sink", function()
    assert.has_no.errors(function()
      events.emit_lines("x\n", {})
    end)
  end)
end)

-- One of every event, as full as it can be.
local FULL = {
  run_started = { version = "1.0", script = "ensure.lua", path = "/p/ensure.lua", args = { "hermes" } },
  run_ended = { exit = 0, seconds = 1.5 },
  job_started = {},
  job_waiting = {},
  job_ended = { ok = true, cancelled = false, seconds = 2, outcome = "built", image = "a:b" },
  step_started = { step = "clone" },
  step_ended = { step = "clone", ok = true, seconds = 1 },
  line = { text = "x" },
  progress = { done = 4, total = 9, text = "RUN x" },
  log = { level = "warn", message = "m" },
  lock_waiting = {
    holder = { pid = 1, host = "h", start = 1700000000, purpose = "build hermes" }, path = "/l", seconds = 30,
  },
  lock_acquired = { path = "/l", seconds = 31.5 },
  retry = { what = "HEAD", attempt = 2, attempts = 3, seconds = 0.5, message = "refused" },
  result = { image = "a:b", sha = "0f", image_id = "sha256:00", outcome = "hit", seconds = 1, steps = { head = 0.1 } },
  failed = {
    kind = "build", message = "m", hint = "h", step = "build", log = "/l", tail = { "x" }, traceback = "t",
  },
}

describe("events.check", function()
  for name in pairs(events.schema) do
    it("accepts " .. name, function()
      assert.is_true(events.check(emitted(name, FULL[name], { runtime = "hermes" })))
    end)

    for field, wanted in pairs(events.schema[name]) do
      it(("refuses %s with a wrong %s"):format(name, field), function()
        local e = emitted(name, FULL[name])
        e[field] = function() end
        assert.is_nil((events.check(e)))
      end)

      it(("%s %s without %s"):format(wanted:sub(-1) == "?" and "accepts" or "refuses", name, field), function()
        local e = emitted(name, FULL[name])
        e[field] = nil
        assert.equal(wanted:sub(-1) == "?" or nil, (events.check(e)))
      end)
    end
  end

  it("refuses an unknown event", function()
    local ok, message = events.check { event = "nonsense", time = 1 }
    assert.is_nil(ok)
    assert.equal("unknown event nonsense", message)
  end)

  it("refuses an unknown field", function()
    local ok, message = events.check { event = "line", time = 1, text = "x", colour = "red" }
    assert.is_nil(ok)
    assert.equal("line: unknown field colour", message)
  end)

  it("refuses a word that is not among the choices", function()
    local ok, message = events.check { event = "log", time = 1, level = "warn|error", message = "m" }
    assert.is_nil(ok)
    assert.equal("log: field level is not info|warn|error", message)
  end)

  it("refuses a list with something else in it", function()
    assert.is_nil((events.check {
      event = "run_started", time = 1, version = "1", script = "s", path = "/s", args = { "a", 2 },
    }))
  end)
end)

describe("docs/events.md", function()
  it("tells every event with its fields and their types", function()
    local page = documented()
    for name, fields in pairs(events.schema) do
      assert.same({ [name] = fields }, { [name] = page["`" .. name .. "`"] })
    end
  end)

  it("tells no event that is none", function()
    for heading in pairs(documented()) do
      local name = heading:match("^`(.+)`$")
      assert.truthy(not name or events.schema[name], heading)
    end
  end)

  it("tells the fields of every event", function()
    local expected = { v = "integer" }
    for name, kind in pairs(events.common) do
      expected[name] = kind
    end
    assert.same(expected, documented()["Every event"])
  end)
end)
