local drawing = require "spec.support.drawing"
local width = require("molbuild.core").width

describe("what the terminal renderer writes", function()
  local t = drawing.new()

  it("cuts lines to a column less than the terminal has", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "job_started", runtime = "claude-code" })
    for _, text in ipairs { ("x"):rep(200), ("日"):rep(200), ("e\u{301}"):rep(200) } do
      t.show(r, { event = "line", runtime = "hermes", text = text })
      for wide = 1, 90 do
        t.columns = wide
        t.clock = t.clock + 1
        r:tick()
        for _, line in ipairs(t.frame()) do
          assert.is_true(width.columns(line) < wide or line == "", ("%d columns: %s"):format(wide, line))
          assert.is_truthy(utf8.len(line))
        end
      end
    end
  end)

  it("cuts whole characters, and leaves cells out that do not fit", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.clock = 1073
    for _, case in ipairs {
      { 42, "hermes  build 4/9 [####-----]  1m12s  日" },
      { 41, "hermes  build 4/9 [####-----]  1m12s  日" },
      { 40, "hermes  build 4/9 [####-----]  1m12s" },
      { 30, "hermes  build 4/9 [####-----]" },
      { 29, "hermes  build 4/9 [####-----" },
    } do
      t.columns = case[1]
      t.clock = t.clock + 0.15
      r:event { event = "line", runtime = "hermes", text = ("日"):rep(200) }
      assert.same({ case[2] }, t.frame())
    end
  end)

  it("says how many do not fit, those that wait for a place last", function()
    local r = t.renderer()
    t.rows = 4
    t.show(r, { event = "job_started", runtime = "a" })
    t.show(r, { event = "job_waiting", runtime = "a" })
    for _, name in ipairs { "b", "c", "d" } do
      t.show(r, { event = "job_started", runtime = name })
    end
    t.clock = t.clock + 1
    r:tick()
    local shown = t.frame()
    assert.same({ "b", "c", "... and 2 more" }, { shown[1]:sub(1, 1), shown[2]:sub(1, 1), shown[3] })
    t.rows = 5
    t.clock = t.clock + 1
    r:tick()
    assert.equal(4, #t.frame())
  end)

  it("draws over the lines it drew before", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.building(r, "codex")
    t.show(r, { event = "line", runtime = "codex", text = "x" })
    assert.truthy(t.writes[#t.writes]:find("\27[2A\r\27[?7lhermes", 1, true))
    assert.truthy(t.writes[#t.writes]:find("x\27[K\n", 1, true))
  end)

  it("erases them before lines that go above", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.building(r, "codex")
    t.show(r, { event = "log", level = "info", message = "x" })
    assert.truthy(t.writes[#t.writes]:find("\27[2A\r\27[2K\27[B\27[2K\27[B\27[2A\r", 1, true))
  end)

  it("erases the rows its lines take in a terminal that became narrower", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "line", runtime = "hermes", text = ("日"):rep(40) })
    assert.equal(79, width.columns(t.frame()[1]))
    -- 35 t.columns, then 22 wide characters: four t.rows with one column left, six of four characters; not 79 / 9.
    t.columns = 9
    t.clock = t.clock + 1
    r:tick()
    assert.truthy(t.writes[#t.writes]:find("\27[10A\r\27[2K", 1, true))
  end)

  it("counts lines, not rows, where the terminal crops", function()
    local r = t.renderer { reflows = false }
    t.building(r, "hermes")
    t.show(r, { event = "line", runtime = "hermes", text = ("x"):rep(200) })
    t.columns = 20
    t.clock = t.clock + 1
    r:tick()
    assert.truthy(t.writes[#t.writes]:find("\27[1A\r\27[2K\27[B\27[1A\r", 1, true))
  end)

  it("draws at most ten times per second", function()
    local r = t.renderer { verbose = true }
    t.building(r, "hermes")
    t.clock = t.clock + 1
    local before = #t.writes
    for i = 1, 1000 do
      t.clock = t.clock + 0.001
      r:event { event = "line", runtime = "hermes", text = "line " .. i }
      r:tick()
    end
    assert.is_true(#t.writes - before <= 11)
    t.clock = t.clock + 0.1
    r:tick()
    assert.equal("line 1000", t.frame()[#t.frame() - 1])
  end)

  it("draws nothing when nothing changed", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.clock = t.clock + 0.5
    r:tick()
    local before = #t.writes
    t.clock = t.clock + 0.2
    r:tick()
    assert.equal(before, #t.writes)
  end)

  it("keeps a bounded amount of lines between two frames", function()
    local r = t.renderer { verbose = true }
    t.building(r, "hermes")
    local before = #t.writes
    for _ = 1, 200 do
      r:event { event = "line", runtime = "hermes", text = ("x"):rep(1000) }
    end
    assert.equal(before + 3, #t.writes)
  end)

  it("draws each frame in one write, without wrapping, the cursor hidden", function()
    local r = t.renderer()
    t.building(r, "hermes")
    assert.equal(
      "\27[?2026h\27[?25l\27[?7lhermes  starting  0s\27[K\n\27[?7h\27[?2026l", t.writes[1])
    assert.is_nil(t.writes[2]:find("\27[?25l", 1, true))
  end)

  it("colours lines without counting the colours", function()
    local r = t.renderer { color = true }
    t.building(r, "hermes")
    t.show(r, { event = "line", runtime = "hermes", text = ("x"):rep(200) })
    assert.truthy(t.writes[#t.writes]:find("\27[36mbuild 4/9 [####-----]\27[0m", 1, true))
    assert.equal(79, #t.frame()[1])
  end)

  it("shows failures below everything when the run has ended", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.building(r, "codex")
    t.show(r, { event = "failed", runtime = "hermes", kind = "build", message = "m", step = "build", tail = { "t" } })
    t.show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 3 })
    t.show(r, { event = "job_ended", runtime = "codex", ok = true, seconds = 3, outcome = "built", image = "i" })
    r:event { event = "run_ended", exit = 8, seconds = 3 }
    assert.same({
      "local-build: hermes: failed in step build",
      "local-build: the last line:",
      "  | t",
      "molbuild: local-build: m",
    }, t.frame())
  end)

  it("leaves the last state on the terminal, and the cursor as it was, when it is closed", function()
    local r = t.renderer()
    t.building(r, "hermes")
    r:event { event = "log", level = "info", message = "late" }
    r:close()
    local all = #t.writes
    assert.equal("\27[0m\27[?7h\27[?25h", t.writes[all])
    table.remove(t.writes)
    assert.same({ "local-build: late", "hermes  build 4/9 [####-----]  2s  RUN pip install" }, t.frame())
    r:close()
    assert.equal(all - 1, #t.writes)
  end)

  it("gives the terminal back when it cannot draw any more", function()
    local r = t.renderer()
    t.building(r, "hermes")
    function r._finish()
      error "out of memory"
    end
    assert.is_false((pcall(r.close, r)))
    assert.equal("\27[0m\27[?7h\27[?25h", t.writes[#t.writes])
  end)

  it("leaves a terminal alone on which it drew nothing", function()
    local r = t.renderer()
    r:event { event = "run_started", version = "1", script = "s", path = "/s", args = {} }
    r:tick()
    r:close()
    assert.same({}, t.writes)
  end)

  it("writes no control sequence that came with an event", function()
    local r = t.renderer { verbose = true }
    local evil = "a\27[31m\27]0;t\7\r\n\u{9B}2Jb"
    for _, name in ipairs(require("spec.support.schema").read("events").properties.event.enum) do
      for _, runtime in ipairs { "r", evil } do
        t.show(r, {
          event = name, time = 1, runtime = runtime, step = evil, text = evil, message = evil, path = evil,
          script = evil, level = "info", seconds = 1, silent = 1, ok = false, done = 1, total = 1, kind = "build", what = evil,
          attempt = 2, attempts = 3, image = evil, outcome = "built", steps = {}, version = evil, args = {}, exit = 1,
          hint = evil, log = evil, tail = { evil },
        })
      end
    end
    r:close()
    local ours = {
      ["\27[?2026h"] = true, ["\27[?2026l"] = true, ["\27[?25l"] = true, ["\27[?25h"] = true, ["\27[?7l"] = true,
      ["\27[?7h"] = true, ["\27[K"] = true, ["\27[2K"] = true, ["\27[B"] = true, ["\27[0m"] = true,
    }
    local all = table.concat(t.writes)
    for sequence in all:gmatch("\27[^%a]*%a?") do
      assert.is_true(ours[sequence] or sequence:find("^\27%[%d+A$") ~= nil, ("%q"):format(sequence))
    end
    assert.is_nil(all:find("\u{9B}", 1, true))
    assert.is_nil(all:find("\7", 1, true))
  end)
end)
