local plain = require "molbuild.progress.plain"
local words = require "spec.support.words"

describe("the plain renderer", function()
  local writes

  local function renderer(options)
    writes = {}
    options = options or {}
    options.words = options.words or words
    options.write = function(s)
      writes[#writes + 1] = s
    end
    return plain.new(options)
  end

  local function play(r, list)
    for _, e in ipairs(list) do
      r:event(e)
    end
  end

  local function lines()
    local all = {}
    for line in table.concat(writes):gmatch("([^\n]*)\n") do
      all[#all + 1] = line
    end
    return all
  end

  local STARTED = { event = "run_started", version = "1", script = "ensure.lua", path = "/p/ensure.lua", args = {} }

  it("shows a build", function()
    local r = renderer()
    play(r, {
      STARTED,
      { event = "job_started", runtime = "hermes" },
      { event = "step_started", runtime = "hermes", step = "head" },
      { event = "step_ended", runtime = "hermes", step = "head", ok = true, seconds = 0.2 },
      { event = "step_started", runtime = "hermes", step = "clone" },
      { event = "step_ended", runtime = "hermes", step = "clone", ok = true, seconds = 3.4 },
      { event = "step_started", runtime = "hermes", step = "build" },
      { event = "line", runtime = "hermes", step = "build", text = "Collecting x" },
      { event = "progress", runtime = "hermes", step = "build", done = 4, total = 9, text = "RUN pip install" },
      { event = "step_ended", runtime = "hermes", step = "build", ok = true, seconds = 72 },
      { event = "result", runtime = "hermes", image = "m/h:0f", outcome = "built", steps = {} },
      { event = "job_ended", runtime = "hermes", ok = true, seconds = 80 },
      { event = "run_ended", exit = 0, seconds = 80 },
    })
    assert.same({
      "local-build: running /p/ensure.lua",
      "clone",
      "clone done in 3s",
      "build",
      "build 4/9  RUN pip install",
      "build done in 1m12s",
      "local-build: m/h:0f built",
    }, lines())
  end)

  it("shows a hit in one line", function()
    local r = renderer()
    play(r, {
      STARTED,
      { event = "job_started", runtime = "hermes" },
      { event = "step_started", runtime = "hermes", step = "head" },
      { event = "step_ended", runtime = "hermes", step = "head", ok = true, seconds = 0.2 },
      { event = "step_started", runtime = "hermes", step = "alias" },
      { event = "step_ended", runtime = "hermes", step = "alias", ok = true, seconds = 0 },
      { event = "result", runtime = "hermes", image = "m/h:0f", outcome = "hit", steps = {} },
      { event = "job_ended", runtime = "hermes", ok = true, seconds = 0.2, outcome = "hit" },
      { event = "run_ended", exit = 0, seconds = 0.2 },
    })
    r:close()
    assert.same({ "local-build: m/h:0f up to date (/p/ensure.lua)" }, lines())
  end)

  it("shows every output line with -v", function()
    local r = renderer { verbose = true }
    play(r, {
      { event = "line", runtime = "hermes", text = "Step 1/2" },
      { event = "line", runtime = "hermes", text = "" },
      { event = "line", runtime = "hermes", text = "a\27[2Jb\nc" },
    })
    assert.same({ "Step 1/2", "", "a[2Jb | c" }, lines())
  end)

  it("shows many lines in one call as it shows each", function()
    local many, several = "a\tb\n\n5%1 c\n", { event = "line", runtime = "her%mes" }
    renderer():lines(several, many)
    assert.same({}, writes)
    renderer({ verbose = true }):lines(several, many)
    assert.same({ "a b\n\n5%1 c\n" }, writes)
    renderer({ verbose = true, several = true }):lines(several, many)
    assert.same({ "[her%mes] a b\n[her%mes] \n[her%mes] 5%1 c\n" }, writes)
  end)

  it("names the runtime when there are several", function()
    local r = renderer { several = true, verbose = true }
    play(r, {
      { event = "job_waiting", runtime = "hermes" },
      { event = "step_started", runtime = "hermes", step = "build" },
      { event = "line", runtime = "hermes", text = "out" },
      { event = "log", runtime = "hermes", level = "info", message = "m" },
      { event = "log", level = "info", message = "of the run" },
    })
    assert.same({
      "[hermes] waiting for a slot",
      "[hermes] build",
      "[hermes] out",
      "local-build: hermes: m",
      "local-build: of the run",
    }, lines())
  end)

  it("finds out that there are several", function()
    local r = renderer()
    play(r, {
      { event = "job_started", runtime = "hermes" },
      { event = "job_waiting", runtime = "codex" },
      { event = "step_started", runtime = "hermes", step = "clone" },
    })
    assert.same({ "[codex] waiting for a slot", "[hermes] clone" }, lines())
  end)

  it("says logs, locks and retries as local-build: lines", function()
    local r = renderer()
    local holder = { pid = 41, host = "mill", start = 1767322800,
      purpose = "build hermes" }
    play(r, {
      { event = "log", level = "info", message = "one" },
      { event = "log", level = "warn", message = "two" },
      { event = "log", level = "error", message = "three\nlines" },
      { event = "lock_waiting", holder = holder, path = "/l", seconds = 0 },
      { event = "lock_waiting", holder = holder, path = "/l", seconds = 30.2 },
      { event = "lock_waiting", path = "/l", seconds = 60 },
      { event = "lock_acquired", path = "/l", seconds = 61 },
      { event = "retry", what = "HEAD", attempt = 2, attempts = 3, seconds = 0.75, message = "refused" },
    })
    assert.same({
      "local-build: one",
      "local-build: warning: two",
      "local-build: error: three | lines",
      "local-build: waiting for the lock held by pid 41 on mill since 2026-01-02T03:00:00Z (build hermes)",
      "local-build: waiting for the lock held by pid 41 on mill since 2026-01-02T03:00:00Z (build hermes), waited 30s",
      "local-build: waiting for the lock /l, waited 1m00s",
      "local-build: acquired the lock after 1m01s",
      "local-build: HEAD: refused; attempt 2 of 3 in 0.8s",
    }, lines())
  end)

  it("keeps local-build: at the beginning of the line with colours, too", function()
    local r = renderer { color = true }
    r:event { event = "log", level = "warn", message = "m" }
    assert.same({ "local-build: \27[33mwarning: \27[0mm" }, lines())
  end)

  it("shows a failure with the step, the end of the output, the log and a hint", function()
    local r = renderer()
    local tail = {}
    for i = 1, 50 do
      tail[i] = "line " .. i
    end
    r:event {
      event = "failed", runtime = "hermes", kind = "build", message = "docker build m/h:0f: exit status 1",
      hint = "look", step = "build", log = "/c/hermes/0f.log", tail = tail,
    }
    local shown = lines()
    assert.equal("local-build: hermes: failed in step build", shown[1])
    assert.equal("local-build: the last 40 lines:", shown[2])
    assert.equal("  | line 11", shown[3])
    assert.equal("  | line 50", shown[42])
    assert.same({
      "local-build: the whole log: /c/hermes/0f.log",
      "molbuild: local-build: docker build m/h:0f: exit status 1",
      "hint: look",
    }, { table.unpack(shown, 43) })
  end)

  it("shows a failure of the run in a line", function()
    local r = renderer()
    r:event { event = "failed", kind = "usage", message = "no such runtime" }
    r:event { event = "run_ended", exit = 2, seconds = 0 }
    r:close()
    assert.same({ "molbuild: local-build: no such runtime" }, lines())
  end)

  it("shows no output of what was interrupted", function()
    local r = renderer()
    r:event { event = "failed", kind = "signal", message = "ended by SIGINT (2)", tail = { "x" } }
    assert.same({ "molbuild: local-build: ended by SIGINT (2)" }, lines())
  end)

  it("reports the failures of several runtimes when they happen, and all of them at the end in the order of their start",
  function()
    local r = renderer()
    play(r, {
      { event = "job_started", runtime = "hermes" },
      { event = "job_started", runtime = "codex" },
      { event = "failed", runtime = "codex", kind = "build", message = "two", step = "build", tail = { "c" } },
      { event = "failed", runtime = "hermes", kind = "auth", message = "one", step = "head" },
      { event = "log", runtime = "hermes", level = "info", message = "still here" },
    })
    local at_once = {
      "local-build: codex: failed in step build: two",
      "local-build: hermes: failed in step head: one",
      "local-build: hermes: still here",
    }
    assert.same(at_once, lines())
    r:event { event = "run_ended", exit = 5, seconds = 1 }
    r:close()
    assert.same({
      at_once[1], at_once[2], at_once[3],
      "local-build: hermes: failed in step head",
      "molbuild: local-build: one",
      "local-build: codex: failed in step build",
      "local-build: the last line:",
      "  | c",
      "molbuild: local-build: two",
    }, lines())
  end)

  it("shows failures kept back when it is closed before the end", function()
    local r = renderer { several = true }
    r:event { event = "failed", runtime = "codex", kind = "bug", message = "oops", traceback = "stack traceback:" }
    assert.same({ "local-build: codex: failed: oops" }, lines())
    r:close()
    r:close()
    assert.same({
      "local-build: codex: failed: oops",
      "local-build: codex: failed", "molbuild: local-build: oops", "  stack traceback:",
    }, lines())
  end)

  it("writes whole lines only", function()
    local r = renderer { verbose = true, several = true }
    play(r, {
      STARTED,
      { event = "line", runtime = "a", text = "x" },
      { event = "log", runtime = "a", level = "info", message = "m" },
      { event = "failed", runtime = "a", kind = "build", message = "m", tail = { "t" }, step = "build" },
      { event = "run_ended", exit = 8, seconds = 0 },
    })
    assert.equal(4, #writes)
    for _, text in ipairs(writes) do
      assert.equal("\n", text:sub(-1))
    end
  end)

  it("copes with every event there is", function()
    local r = renderer { verbose = true }
    for _, name in ipairs(require("spec.support.schema").read("events").properties.event.enum) do
      assert.has_no.errors(function()
        r:event {
          event = name, time = 1, runtime = "a", step = "s", text = "", message = "", path = "/p", script = "s",
          level = "info", seconds = 1, silent = 1, ok = true, done = 1, total = 1, kind = "build", what = "w", attempt = 2,
          attempts = 3, image = "i", outcome = "built", steps = {}, version = "1", args = {}, exit = 1,
        }
      end)
    end
  end)
end)
