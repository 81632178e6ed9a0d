local tty = require "molbuild.progress.tty"
local width = require("molbuild.core").width

describe("the terminal renderer", function()
  local clock, columns, rows, writes

  local function renderer(options)
    clock, columns, rows, writes = 1000, 80, 24, {}
    options = options or {}
    options.width = width
    options.unicode = options.unicode ~= false
    function options.write(s)
      writes[#writes + 1] = s
    end
    function options.columns()
      return columns
    end
    function options.rows()
      return rows
    end
    function options.now()
      return clock
    end
    return tty.new(options)
  end

  -- An event that is drawn at once.
  local function show(r, e)
    clock = clock + 1
    r:event(e)
  end

  -- What the last write shows, without its control sequences.
  local function frame()
    local shown = {}
    for line in (writes[#writes] or ""):gsub("\27%[[?%d]*%a", ""):gsub("\r", ""):gmatch("([^\n]*)\n") do
      shown[#shown + 1] = line
    end
    return shown
  end

  local function building(r, name)
    show(r, { event = "job_started", runtime = name })
    show(r, { event = "step_started", runtime = name, step = "build" })
    show(r, { event = "progress", runtime = name, step = "build", done = 4, total = 9, text = "RUN pip install" })
  end

  it("shows step, count, bar, time and newest line of a runtime", function()
    local r = renderer()
    building(r, "claude-code")
    clock = clock + 70
    r:tick()
    assert.same({ "claude-code  build 4/9 [####-----]  1m12s  RUN pip install" }, frame())
  end)

  it("puts runtimes below each other in columns", function()
    local r = renderer()
    building(r, "claude-code")
    show(r, { event = "job_started", runtime = "codex" })
    show(r, { event = "step_started", runtime = "codex", step = "head" })
    assert.same({
      "claude-code  build 4/9 [####-----]  4s  RUN pip install",
      "codex        head                   1s",
    }, frame())
  end)

  it("shows the newest line that says something", function()
    local r = renderer()
    building(r, "hermes")
    show(r, { event = "line", runtime = "hermes", text = "Collecting\ta\27[2J" })
    show(r, { event = "line", runtime = "hermes", text = "  " })
    assert.same({ "hermes  build 4/9 [####-----]  4s  Collecting a[2J" }, frame())
  end)

  it("shows what a build prints rather than what its builder says of itself", function()
    local r = renderer()
    building(r, "hermes")
    local function newest(line)
      show(r, { event = "line", runtime = "hermes", text = line })
      return frame()[1]:match "%d+s  (.*)$"
    end
    for _, line in ipairs {
      "#9 [6/8] RUN pip install", "#9 sha256:588e32290af1d00deb6107b120cacfea", "#9 CACHED", "#9 ...", "",
      " ---> Running in 543f1d4b8d6d", "Removing intermediate container 543f1d4b8d6d", "Step 4/9 : RUN pip install",
    } do
      local before = frame()[1]:match "%d+s  (.*)$"
      local after = newest(line)
      assert.truthy(after == before or after == "[6/8] RUN pip install", line)
    end
    assert.equal("Collecting httpx", newest "#9 0.417 Collecting httpx")
    assert.equal("Collecting httpx", newest "#9 DONE 4.5s")
    assert.equal("Downloading httpx.whl", newest "#9 1.417   Downloading httpx.whl  ")
    assert.equal("exporting layers", newest "#12 exporting layers")
    assert.equal("Step by step", newest "Step by step")
  end)

  it("shows who holds the lock, and a runtime that waits for a place", function()
    local r = renderer()
    show(r, { event = "job_started", runtime = "hermes" })
    show(r, { event = "step_started", runtime = "hermes", step = "lock" })
    show(r, {
      event = "lock_waiting", runtime = "hermes", path = "/l", seconds = 30,
      holder = { pid = 41, host = "mill", start = os.time { year = 2026, month = 1, day = 2, hour = 3 },
        purpose = "build hermes" },
    })
    assert.same({
      "local-build: waiting for the lock held by pid 41 on mill since 2026-01-02 03:00:00 (build hermes), waited 30s",
      "hermes  lock  2s  held by pid 41 on mill (build hermes)",
    }, frame())
    show(r, { event = "job_started", runtime = "codex" })
    show(r, { event = "job_waiting", runtime = "codex" })
    assert.same({
      "hermes  lock     4s  held by pid 41 on mill (build hermes)",
      "codex   waiting  1s",
    }, frame())
    show(r, { event = "lock_acquired", runtime = "hermes", path = "/l", seconds = 61 })
    assert.same({ "local-build: hermes: got the lock after 1m01s", "hermes  lock     5s", "codex   waiting  2s" }, frame())
  end)

  it("says that a lock is held by someone it does not know", function()
    local r = renderer()
    show(r, { event = "step_started", runtime = "hermes", step = "lock" })
    show(r, { event = "lock_waiting", runtime = "hermes", path = "/l", seconds = 0 })
    assert.same({ "local-build: waiting for the lock /l", "hermes  lock  1s  held by another process" }, frame())
  end)

  it("never cuts the name of an image", function()
    local r = renderer()
    for _, case in ipairs {
      { 80, "hermes  ✓ built  3s  registry/path/template-hermes:0123456789ab" },
      { 60, "hermes  ✓ built  3s  template-hermes:0123456789ab" },
      { 48, "hermes  ✓ built  3s" },
    } do
      columns = case[1]
      show(r, { event = "job_started", runtime = "hermes" })
      show(r, {
        event = "job_ended", runtime = "hermes", ok = true, seconds = 3, outcome = "built",
        image = "registry/path/template-hermes:0123456789ab",
      })
      assert.same({ case[2] }, frame())
    end
  end)

  it("names the step of a failure, not one that had ended well", function()
    local r = renderer()
    building(r, "hermes")
    show(r, { event = "step_ended", runtime = "hermes", step = "build", ok = true, seconds = 1 })
    show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 5 })
    assert.same({ "hermes  ✗ failed  5s" }, frame())
    building(r, "hermes")
    show(r, { event = "step_ended", runtime = "hermes", step = "build", ok = false, seconds = 1 })
    show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 5 })
    assert.same({ "hermes  ✗ failed in build  5s" }, frame())
  end)

  it("tells what was ended from what failed", function()
    local r = renderer()
    building(r, "hermes")
    show(r, { event = "job_ended", runtime = "hermes", ok = false, cancelled = true, seconds = 5 })
    assert.same({ "hermes  ✗ ended in build  5s" }, frame())
    show(r, { event = "job_started", runtime = "codex" })
    show(r, { event = "job_waiting", runtime = "codex" })
    show(r, { event = "job_ended", runtime = "codex", ok = false, cancelled = true, seconds = 5 })
    assert.same({ "codex   ✗ ended while waiting  5s" }, frame())
  end)

  it("leaves finished lines above the live ones", function()
    local r = renderer()
    building(r, "hermes")
    building(r, "codex")
    show(r, {
      event = "job_ended", runtime = "hermes", ok = true, seconds = 72, outcome = "built", image = "m/h:0f",
    })
    assert.same({
      "hermes  ✓ built  1m12s  m/h:0f",
      "codex   build 4/9 [####-----]  3s  RUN pip install",
    }, frame())
    show(r, { event = "job_ended", runtime = "codex", ok = false, seconds = 5 })
    assert.same({ "codex   ✗ failed in build  5s" }, frame())
  end)

  it("uses no marks without UTF-8", function()
    local r = renderer { unicode = false }
    show(r, { event = "job_ended", runtime = "hermes", ok = true, seconds = 0, outcome = "hit", image = "m/h:0f" })
    assert.same({ "hermes  ok up to date  0s  m/h:0f" }, frame())
    show(r, { event = "job_ended", runtime = "codex", ok = false, seconds = 0 })
    assert.same({ "codex   failed  0s" }, frame())
  end)

  it("puts log lines and retries above the live lines", function()
    local r = renderer()
    building(r, "hermes")
    show(r, { event = "log", runtime = "hermes", level = "warn", message = "m" })
    assert.same({ "local-build: warning: m", "hermes  build 4/9 [####-----]  3s  RUN pip install" }, frame())
    show(r, {
      event = "retry", runtime = "hermes", what = "HEAD", attempt = 2, attempts = 3, seconds = 1, message = "refused",
    })
    assert.equal("local-build: HEAD: refused; attempt 2 of 3 in 1.0s", frame()[1])
  end)

  it("puts output lines there with -v only", function()
    local r = renderer { verbose = true }
    building(r, "hermes")
    show(r, { event = "line", runtime = "hermes", text = "out" })
    assert.same({ "out", "hermes  build 4/9 [####-----]  3s  out" }, frame())
    r = renderer()
    building(r, "hermes")
    show(r, { event = "line", runtime = "hermes", text = "out" })
    assert.same({ "hermes  build 4/9 [####-----]  3s  out" }, frame())
  end)

  it("shows the newest of many lines, and with -v all of them", function()
    local r = renderer { verbose = true }
    building(r, "hermes")
    clock = clock + 1
    r:lines({ event = "line", runtime = "hermes" }, "one\n\ntwo\tx\n  \n")
    assert.same({ "one", "", "two x", "  ", "hermes  build 4/9 [####-----]  3s  two x" }, frame())
    r = renderer()
    building(r, "hermes")
    clock = clock + 1
    r:lines({ event = "line", runtime = "hermes" }, ("an older one\n"):rep(10000) .. "two\n")
    assert.same({ "hermes  build 4/9 [####-----]  3s  two" }, frame())
    clock = clock + 1
    r:lines({ event = "line", runtime = "hermes" }, "\n \n")
    r:tick()
    assert.same({ "hermes  build 4/9 [####-----]  4s  two" }, frame())
  end)

  it("cuts lines to a column less than the terminal has", function()
    local r = renderer()
    building(r, "hermes")
    show(r, { event = "job_started", runtime = "claude-code" })
    for _, text in ipairs { ("x"):rep(200), ("日"):rep(200), ("e\u{301}"):rep(200) } do
      show(r, { event = "line", runtime = "hermes", text = text })
      for wide = 1, 90 do
        columns = wide
        clock = clock + 1
        r:tick()
        for _, line in ipairs(frame()) do
          assert.is_true(width.columns(line) < wide or line == "", ("%d columns: %s"):format(wide, line))
          assert.is_truthy(utf8.len(line))
        end
      end
    end
  end)

  it("cuts whole characters, and leaves cells out that do not fit", function()
    local r = renderer()
    building(r, "hermes")
    clock = 1073
    for _, case in ipairs {
      { 42, "hermes  build 4/9 [####-----]  1m12s  日" },
      { 41, "hermes  build 4/9 [####-----]  1m12s  日" },
      { 40, "hermes  build 4/9 [####-----]  1m12s" },
      { 30, "hermes  build 4/9 [####-----]" },
      { 29, "hermes  build 4/9 [####-----" },
    } do
      columns = case[1]
      clock = clock + 0.15
      r:event { event = "line", runtime = "hermes", text = ("日"):rep(200) }
      assert.same({ case[2] }, frame())
    end
  end)

  it("says how many do not fit, those that wait for a place last", function()
    local r = renderer()
    rows = 4
    show(r, { event = "job_started", runtime = "a" })
    show(r, { event = "job_waiting", runtime = "a" })
    for _, name in ipairs { "b", "c", "d" } do
      show(r, { event = "job_started", runtime = name })
    end
    clock = clock + 1
    r:tick()
    local shown = frame()
    assert.same({ "b", "c", "... and 2 more" }, { shown[1]:sub(1, 1), shown[2]:sub(1, 1), shown[3] })
    rows = 5
    clock = clock + 1
    r:tick()
    assert.equal(4, #frame())
  end)

  it("draws over the lines it drew before", function()
    local r = renderer()
    building(r, "hermes")
    building(r, "codex")
    show(r, { event = "line", runtime = "codex", text = "x" })
    assert.truthy(writes[#writes]:find("\27[2A\r\27[?7lhermes", 1, true))
    assert.truthy(writes[#writes]:find("x\27[K\n", 1, true))
  end)

  it("erases them before lines that go above", function()
    local r = renderer()
    building(r, "hermes")
    building(r, "codex")
    show(r, { event = "log", level = "info", message = "x" })
    assert.truthy(writes[#writes]:find("\27[2A\r\27[2K\27[B\27[2K\27[B\27[2A\r", 1, true))
  end)

  it("erases the rows its lines take in a terminal that became narrower", function()
    local r = renderer()
    building(r, "hermes")
    show(r, { event = "line", runtime = "hermes", text = ("日"):rep(40) })
    assert.equal(79, width.columns(frame()[1]))
    -- 35 columns, then 22 wide characters: four rows with one column left, six of four characters; not 79 / 9.
    columns = 9
    clock = clock + 1
    r:tick()
    assert.truthy(writes[#writes]:find("\27[10A\r\27[2K", 1, true))
  end)

  it("counts lines, not rows, where the terminal crops", function()
    local r = renderer { reflows = false }
    building(r, "hermes")
    show(r, { event = "line", runtime = "hermes", text = ("x"):rep(200) })
    columns = 20
    clock = clock + 1
    r:tick()
    assert.truthy(writes[#writes]:find("\27[1A\r\27[2K\27[B\27[1A\r", 1, true))
  end)

  it("draws at most ten times a second", function()
    local r = renderer { verbose = true }
    building(r, "hermes")
    clock = clock + 1
    local before = #writes
    for i = 1, 1000 do
      clock = clock + 0.001
      r:event { event = "line", runtime = "hermes", text = "line " .. i }
      r:tick()
    end
    assert.is_true(#writes - before <= 11)
    clock = clock + 0.1
    r:tick()
    assert.equal("line 1000", frame()[#frame() - 1])
  end)

  it("draws nothing when nothing changed", function()
    local r = renderer()
    building(r, "hermes")
    clock = clock + 0.5
    r:tick()
    local before = #writes
    clock = clock + 0.2
    r:tick()
    assert.equal(before, #writes)
  end)

  it("keeps a bounded amount of lines between two frames", function()
    local r = renderer { verbose = true }
    building(r, "hermes")
    local before = #writes
    for _ = 1, 200 do
      r:event { event = "line", runtime = "hermes", text = ("x"):rep(1000) }
    end
    assert.equal(before + 3, #writes)
  end)

  it("draws each frame in one write, without wrapping, the cursor hidden", function()
    local r = renderer()
    building(r, "hermes")
    assert.equal(
      "\27[?2026h\27[?25l\27[?7lhermes  starting  0s\27[K\n\27[?7h\27[?2026l", writes[1])
    assert.is_nil(writes[2]:find("\27[?25l", 1, true))
  end)

  it("colours lines without counting the colours", function()
    local r = renderer { color = true }
    building(r, "hermes")
    show(r, { event = "line", runtime = "hermes", text = ("x"):rep(200) })
    assert.truthy(writes[#writes]:find("\27[36mbuild 4/9 [####-----]\27[0m", 1, true))
    assert.equal(79, #frame()[1])
  end)

  it("shows failures below everything when the run has ended", function()
    local r = renderer()
    building(r, "hermes")
    building(r, "codex")
    show(r, { event = "failed", runtime = "hermes", kind = "build", message = "m", step = "build", tail = { "t" } })
    show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 3 })
    show(r, { event = "job_ended", runtime = "codex", ok = true, seconds = 3, outcome = "built", image = "i" })
    r:event { event = "run_ended", exit = 8, seconds = 3 }
    assert.same({
      "local-build: hermes: failed in step build",
      "local-build: the last line:",
      "  | t",
      "molbuild: local-build: m",
    }, frame())
  end)

  it("leaves the last state on the terminal, and the cursor as it was, when it is closed", function()
    local r = renderer()
    building(r, "hermes")
    r:event { event = "log", level = "info", message = "late" }
    r:close()
    local all = #writes
    assert.equal("\27[0m\27[?7h\27[?25h", writes[all])
    table.remove(writes)
    assert.same({ "local-build: late", "hermes  build 4/9 [####-----]  2s  RUN pip install" }, frame())
    r:close()
    assert.equal(all - 1, #writes)
  end)

  it("gives the terminal back when it cannot draw any more", function()
    local r = renderer()
    building(r, "hermes")
    function r._finish()
      error "out of memory"
    end
    assert.is_false((pcall(r.close, r)))
    assert.equal("\27[0m\27[?7h\27[?25h", writes[#writes])
  end)

  it("leaves a terminal alone on which it drew nothing", function()
    local r = renderer()
    r:event { event = "run_started", version = "1", script = "s", path = "/s", args = {} }
    r:tick()
    r:close()
    assert.same({}, writes)
  end)

  it("writes no control sequence that came with an event", function()
    local r = renderer { verbose = true }
    local evil = "a\27[31m\27]0;t\7\r\n\u{9B}2Jb"
    for name in pairs(require("molbuild.events").schema) do
      for _, runtime in ipairs { "r", evil } do
        show(r, {
          event = name, time = 1, runtime = runtime, step = evil, text = evil, message = evil, path = evil,
          script = evil, level = "info", seconds = 1, ok = false, done = 1, total = 1, kind = "build", what = evil,
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
    local all = table.concat(writes)
    for sequence in all:gmatch("\27[^%a]*%a?") do
      assert.is_true(ours[sequence] or sequence:find("^\27%[%d+A$") ~= nil, ("%q"):format(sequence))
    end
    assert.is_nil(all:find("\u{9B}", 1, true))
    assert.is_nil(all:find("\7", 1, true))
  end)

  it("gives a policy without jobs a line under its script's name", function()
    local r = renderer()
    r:event { event = "run_started", version = "1", script = "./p/mine.lua", path = "/p/mine.lua", args = {} }
    show(r, { event = "step_started", step = "clone" })
    assert.same({ "mine.lua  clone  0s" }, frame())
    show(r, { event = "run_ended", exit = 0, seconds = 1 })
    assert.equal("mine.lua  ✓ done  1s", frame()[#frame()])
    r = renderer()
    r:event { event = "run_started", version = "1", script = "./p/mine.lua", path = "/p/mine.lua", args = {} }
    show(r, { event = "step_started", step = "clone" })
    r:close(true)
    table.remove(writes)
    assert.equal("mine.lua  ✓ done  0s", frame()[#frame()])
  end)
end)
