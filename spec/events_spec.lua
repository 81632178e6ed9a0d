local core = require "molbuild.core"
local documented = require("spec.support.record").documented
local events = require "molbuild.base.events"
local schema = require "spec.support.schema"

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

  it("gives all lines in one call to a sink that accepts that", function()
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
  job_ended = {
    ok = true, cancelled = false, skipped = false, seconds = 2, outcome = "built", image = "a:b", sha = "0f",
  },
  step_started = { step = "clone" },
  step_ended = { step = "clone", ok = true, seconds = 1 },
  line = { text = "x" },
  progress = { done = 4, total = 9, text = "RUN x" },
  log = { level = "warn", message = "m" },
  building = { image = "a:b", url = "https://h/o/r", sha = "0f", platform = "linux/amd64" },
  lock_waiting = {
    holder = { pid = 1, host = "h", start = 1700000000, purpose = "build hermes" }, path = "/l", seconds = 30,
  },
  lock_acquired = { path = "/l", seconds = 31.5 },
  retry = { what = "HEAD", attempt = 2, attempts = 3, seconds = 0.5, message = "refused" },
  alive = { seconds = 30, silent = 20 },
  result = { image = "a:b", sha = "0f", image_id = "sha256:00", outcome = "hit", seconds = 1, steps = { head = 0.1 },
    wanted = "0e", behind_s = 60, building = { pid = 7, host = "h", seconds = 3, step = "build", commit = "0e" } },
  failed = {
    kind = "build", exit = 8, retry = false, message = "m", hint = "h", step = "build", log = "/l", tail = { "x" }, traceback = "t",
  },
}

-- As the json renderer writes it.
local function line_of(name, fields)
  local out = {}
  local renderer = require("molbuild.progress.json").new { write = function(text) out[#out + 1] = text end }
  renderer:event(emitted(name, fields, { runtime = "hermes", step = "build" }))
  return out[1]
end

local function copy_without(fields, left_out)
  local copy = {}
  for name, value in pairs(fields) do
    copy[name] = name ~= left_out and value or nil
  end
  return copy
end

describe("docs/events.schema.json", function()
  local page = schema.read "events"

  -- Run FN(name, definition, full) for every event.
  local function each(fn)
    for _, name in ipairs(page.properties.event.enum) do
      fn(name, page.definitions[name], FULL[name])
    end
  end

  -- The validator must object to every line.
  local function refuses_all(lines)
    local _, said = schema.check("events", table.concat(lines))
    for number, line in ipairs(lines) do
      assert.truthy(said:find(("line %d: "):format(number), 1, true), line)
    end
  end

  it("accepts every event, full and with only its required fields", function()
    local lines = {}
    each(function(name, definition, full)
      lines[#lines + 1] = line_of(name, full)
      local least = {}
      for _, field in ipairs(definition.required or {}) do
        least[field] = full[field]
      end
      lines[#lines + 1] = line_of(name, least)
    end)
    assert(schema.check("events", table.concat(lines)))
  end)

  it("refuses each without a field that it must have", function()
    local lines = {}
    each(function(name, definition, full)
      for _, field in ipairs(definition.required or {}) do
        if field ~= "step" then -- each event may have that one
          lines[#lines + 1] = line_of(name, copy_without(full, field))
        end
      end
    end)
    refuses_all(lines)
  end)

  it("refuses each with a field of another type", function()
    local lines = {}
    each(function(name, _, full)
      for field in pairs(full) do
        local wrong = copy_without(full)
        wrong[field] = { 7 }
        lines[#lines + 1] = line_of(name, wrong)
      end
    end)
    refuses_all(lines)
  end)

  it("refuses an unknown event, an unknown field, a word that is not among the choices and another version", function()
    refuses_all {
      '{"v":1,"time":1,"event":"nonsense"}\n',
      line_of("line", { text = "x", colour = "red" }),
      line_of("log", { level = "warn|error", message = "m" }),
      line_of("run_started", { version = "1", script = "s", path = "/s", args = { "a", 2 } }),
      '{"v":2,"time":1,"event":"job_started"}\n',
    }
  end)

  it("has every event that the library emits", function()
    local found = 0
    for line in io.popen("grep -rhoE 'emit[a-z_]*\\(?[ ]?\"[a-z_]+\"' lua/molbuild"):lines() do
      local name = line:match '"(.+)"'
      assert.truthy(page.definitions[name], name)
      found = found + 1
    end
    assert.truthy(found > 12, found)
  end)

  it("has the version that is written", function()
    assert.equal(events.version, page.properties.v.const)
  end)
end)

describe("docs/events.md", function()
  local page, tables = schema.read "events", documented()

  it("describes every event with its fields and their types", function()
    for _, name in ipairs(page.properties.event.enum) do
      assert.same({ [name] = schema.fields(page.definitions[name]) }, { [name] = tables["`" .. name .. "`"] })
    end
  end)

  it("describes no event that does not exist", function()
    for heading in pairs(tables) do
      local name = heading:match("^`(.+)`$")
      assert.truthy(not name or page.definitions[name], heading)
    end
  end)

  it("describes the fields of every event", function()
    local expected = schema.fields(page)
    expected.event = "string"
    assert.same(expected, tables["Every event"])
  end)
end)
