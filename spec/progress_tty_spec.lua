local drawing = require "spec.support.drawing"

describe("the terminal renderer", function()
  local t = drawing.new()

  it("shows step, count, bar, time and newest line of a runtime", function()
    local r = t.renderer()
    t.building(r, "claude-code")
    t.clock = t.clock + 70
    r:tick()
    assert.same({ "claude-code  build 4/9 [####-----]  1m12s  RUN pip install" }, t.frame())
  end)

  it("puts runtimes below each other in columns", function()
    local r = t.renderer()
    t.building(r, "claude-code")
    t.show(r, { event = "job_started", runtime = "codex" })
    t.show(r, { event = "step_started", runtime = "codex", step = "head" })
    assert.same({
      "claude-code  build 4/9 [####-----]  4s  RUN pip install",
      "codex        head                   1s",
    }, t.frame())
  end)

  it("shows the newest line that says something", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "line", runtime = "hermes", text = "Collecting\ta\27[2J" })
    t.show(r, { event = "line", runtime = "hermes", text = "  " })
    assert.same({ "hermes  build 4/9 [####-----]  4s  Collecting a[2J" }, t.frame())
  end)

  it("shows what a build prints rather than what its builder says of itself", function()
    local r = t.renderer()
    t.building(r, "hermes")
    local function newest(line)
      t.show(r, { event = "line", runtime = "hermes", text = line })
      return t.frame()[1]:match "%d+s  (.*)$"
    end
    for _, line in ipairs {
      "#9 [6/8] RUN pip install", "#9 sha256:588e32290af1d00deb6107b120cacfea", "#9 CACHED", "#9 ...", "",
      " ---> Running in 543f1d4b8d6d", "Removing intermediate container 543f1d4b8d6d", "Step 4/9 : RUN pip install",
    } do
      local before = t.frame()[1]:match "%d+s  (.*)$"
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
    local r = t.renderer()
    t.show(r, { event = "job_started", runtime = "hermes" })
    t.show(r, { event = "step_started", runtime = "hermes", step = "lock" })
    t.show(r, {
      event = "lock_waiting", runtime = "hermes", path = "/l", seconds = 30,
      holder = { pid = 41, host = "mill", start = 1767322800,
        purpose = "build hermes" },
    })
    assert.same({
      "local-build: waiting for the lock held by pid 41 on mill since 2026-01-02T03:00:00Z (build hermes), waited 30s",
      "hermes  lock  2s  held by pid 41 on mill (build hermes)",
    }, t.frame())
    t.show(r, { event = "job_started", runtime = "codex" })
    t.show(r, { event = "job_waiting", runtime = "codex" })
    assert.same({
      "hermes  lock     4s  held by pid 41 on mill (build hermes)",
      "codex   waiting  1s",
    }, t.frame())
    t.show(r, { event = "lock_acquired", runtime = "hermes", path = "/l", seconds = 61 })
    assert.same({ "local-build: hermes: acquired the lock after 1m01s", "hermes  lock     5s", "codex   waiting  2s" }, t.frame())
  end)

  it("says that a lock is held by someone it does not know", function()
    local r = t.renderer()
    t.show(r, { event = "step_started", runtime = "hermes", step = "lock" })
    t.show(r, { event = "lock_waiting", runtime = "hermes", path = "/l", seconds = 0 })
    assert.same({ "local-build: waiting for the lock /l", "hermes  lock  1s  held by another process" }, t.frame())
  end)

  it("never cuts the name of an image", function()
    local r = t.renderer()
    for _, case in ipairs {
      { 80, "hermes  ✓ built  3s  registry/path/template-hermes:0123456789ab" },
      { 60, "hermes  ✓ built  3s  template-hermes:0123456789ab" },
      { 48, "hermes  ✓ built  3s" },
    } do
      t.columns = case[1]
      t.show(r, { event = "job_started", runtime = "hermes" })
      t.show(r, {
        event = "job_ended", runtime = "hermes", ok = true, seconds = 3, outcome = "built",
        image = "registry/path/template-hermes:0123456789ab",
      })
      assert.same({ case[2] }, t.frame())
    end
  end)

  it("names the step of a failure, not one that had ended well", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "step_ended", runtime = "hermes", step = "build", ok = true, seconds = 1 })
    t.show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 5 })
    assert.same({ "hermes  ✗ failed  5s" }, t.frame())
    t.building(r, "hermes")
    t.show(r, { event = "step_ended", runtime = "hermes", step = "build", ok = false, seconds = 1 })
    t.show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 5 })
    assert.same({ "hermes  ✗ failed in build  5s" }, t.frame())
  end)

  it("says why a runtime failed, as far as there is room", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "failed", runtime = "hermes", kind = "build", message = "no route\nto host " .. ("x"):rep(80) })
    t.show(r, { event = "job_ended", runtime = "hermes", ok = false, seconds = 5 })
    local line = t.frame()[1]
    assert.truthy(line:find("^hermes  ✗ failed in build  5s  no route | to host x+$"), line)
    assert.is_true(#line < 84)
  end)

  it("draws all again when it was stopped and continues, but only what stays in the background", function()
    local continued, ours = false, true
    local r = t.renderer {
      continued = function()
        local was = continued
        continued = false
        return was
      end,
      in_foreground = function() return ours end,
    }
    t.building(r, "hermes")
    continued = true
    t.clock = t.clock + 1
    r:tick()
    assert.truthy(t.frame()[1]:find "^hermes  build 4/9")
    continued, ours = true, false
    t.clock = t.clock + 1
    r:tick()
    t.show(r, { event = "log", level = "info", message = "here" })
    assert.equal("local-build: here\n", t.writes[#t.writes])
  end)

  it("distinguishes what was ended from what failed", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "job_ended", runtime = "hermes", ok = false, cancelled = true, seconds = 5 })
    assert.same({ "hermes  ✗ ended in build  5s" }, t.frame())
    t.show(r, { event = "job_started", runtime = "codex" })
    t.show(r, { event = "job_waiting", runtime = "codex" })
    t.show(r, { event = "job_ended", runtime = "codex", ok = false, cancelled = true, seconds = 5 })
    assert.same({ "codex   ✗ ended while waiting  5s" }, t.frame())
    t.show(r, { event = "job_started", runtime = "crewai" })
    t.show(r, { event = "job_ended", runtime = "crewai", ok = false, skipped = true, seconds = 1 })
    assert.same({ "crewai  skipped  1s" }, t.frame())
  end)

  it("leaves finished lines above the live ones", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.building(r, "codex")
    t.show(r, {
      event = "job_ended", runtime = "hermes", ok = true, seconds = 72, outcome = "built", image = "m/h:0f",
    })
    assert.same({
      "hermes  ✓ built  1m12s  m/h:0f",
      "codex   build 4/9 [####-----]  3s  RUN pip install",
    }, t.frame())
    t.show(r, { event = "job_ended", runtime = "codex", ok = false, seconds = 5 })
    assert.same({ "codex   ✗ failed in build  5s" }, t.frame())
  end)

  it("uses no marks without UTF-8", function()
    local r = t.renderer { unicode = false }
    t.show(r, { event = "job_ended", runtime = "hermes", ok = true, seconds = 0, outcome = "hit", image = "m/h:0f" })
    assert.same({ "hermes  ok up to date  0s  m/h:0f" }, t.frame())
    t.show(r, { event = "job_ended", runtime = "codex", ok = false, seconds = 0 })
    assert.same({ "codex   failed  0s" }, t.frame())
  end)

  it("puts log lines and retries above the live lines", function()
    local r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "log", runtime = "hermes", level = "warn", message = "m" })
    assert.same({ "local-build: warning: m", "hermes  build 4/9 [####-----]  3s  RUN pip install" }, t.frame())
    t.show(r, {
      event = "retry", runtime = "hermes", what = "HEAD", attempt = 2, attempts = 3, seconds = 1, message = "refused",
    })
    assert.equal("local-build: HEAD: refused; attempt 2 of 3 in 1.0s", t.frame()[1])
  end)

  it("puts output lines there with -v only", function()
    local r = t.renderer { verbose = true }
    t.building(r, "hermes")
    t.show(r, { event = "line", runtime = "hermes", text = "out" })
    assert.same({ "out", "hermes  build 4/9 [####-----]  3s  out" }, t.frame())
    r = t.renderer()
    t.building(r, "hermes")
    t.show(r, { event = "line", runtime = "hermes", text = "out" })
    assert.same({ "hermes  build 4/9 [####-----]  3s  out" }, t.frame())
  end)

  it("shows the newest of many lines, and with -v all of them", function()
    local r = t.renderer { verbose = true }
    t.building(r, "hermes")
    t.clock = t.clock + 1
    r:lines({ event = "line", runtime = "hermes" }, "one\n\ntwo\tx\n  \n")
    assert.same({ "one", "", "two x", "  ", "hermes  build 4/9 [####-----]  3s  two x" }, t.frame())
    r = t.renderer()
    t.building(r, "hermes")
    t.clock = t.clock + 1
    r:lines({ event = "line", runtime = "hermes" }, ("an older one\n"):rep(10000) .. "two\n")
    assert.same({ "hermes  build 4/9 [####-----]  3s  two" }, t.frame())
    t.clock = t.clock + 1
    r:lines({ event = "line", runtime = "hermes" }, "\n \n")
    r:tick()
    assert.same({ "hermes  build 4/9 [####-----]  4s  two" }, t.frame())
  end)

  it("gives a policy without jobs a line under its script's name", function()
    local r = t.renderer()
    r:event { event = "run_started", version = "1", script = "./p/mine.lua", path = "/p/mine.lua", args = {} }
    t.show(r, { event = "step_started", step = "clone" })
    assert.same({ "mine.lua  clone  0s" }, t.frame())
    t.show(r, { event = "run_ended", exit = 0, seconds = 1 })
    assert.equal("mine.lua  ✓ done  1s", t.frame()[#t.frame()])
    r = t.renderer()
    r:event { event = "run_started", version = "1", script = "./p/mine.lua", path = "/p/mine.lua", args = {} }
    t.show(r, { event = "step_started", step = "clone" })
    r:close(true)
    table.remove(t.writes)
    assert.equal("mine.lua  ✓ done  0s", t.frame()[#t.frame()])
  end)
end)
