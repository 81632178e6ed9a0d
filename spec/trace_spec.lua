local cjson = require "cjson"
local trace = require "molbuild.trace"

describe("a trace", function()
  local clock, t

  before_each(function()
    clock = 100
    t = trace.new(function()
      return clock
    end)
  end)

  -- Plays { seconds, event, fields } and gives the document.
  local function play(list)
    for _, item in ipairs(list) do
      clock = 100 + item[1]
      local e = item[3] or {}
      e.event, e.time = item[2], 0
      t:event(e)
    end
    return cjson.decode(t:json())
  end

  local function lanes(document)
    local names = {}
    for _, e in ipairs(document.traceEvents) do
      if e.ph == "M" then
        names[e.tid] = e.args.name
      end
    end
    return names
  end

  -- { "lane: name begin-end" } of the bars, in milliseconds, sorted.
  local function bars(document)
    local names, found = lanes(document), {}
    for _, e in ipairs(document.traceEvents) do
      if e.ph == "X" then
        found[#found + 1] = ("%s: %s %d-%d"):format(names[e.tid], e.name, e.ts // 1000, (e.ts + e.dur) // 1000)
      end
    end
    table.sort(found)
    return found
  end

  it("has a lane for the run and one for each runtime", function()
    local document = play {
      { 0, "job_started", { runtime = "hermes" } },
      { 0, "job_started", { runtime = "codex" } },
    }
    local names = lanes(document)
    assert.same({ "molbuild", "hermes", "codex" }, { names[0], names[1], names[2] })
  end)

  it("is in the order of time, a bar before those inside it", function()
    local document = play {
      { 0, "run_started", { version = "1", script = "ensure.lua", path = "/p/ensure.lua", args = {} } },
      { 0.1, "job_started", { runtime = "hermes" } },
      { 0.1, "step_started", { runtime = "hermes", step = "head" } },
      { 0.2, "job_started", { runtime = "codex" } },
      { 0.3, "log", { runtime = "codex", level = "warn", message = "early" } },
      { 0.4, "step_ended", { runtime = "hermes", step = "head", ok = true } },
      { 0.5, "job_ended", { runtime = "hermes", ok = true } },
    }
    local order = {}
    for _, e in ipairs(document.traceEvents) do
      if e.ph ~= "M" then
        order[#order + 1] = e.name
      end
    end
    assert.same({ "run ensure.lua", "hermes", "head", "codex", "warn" }, order)
  end)

  it("has a bar for every step, lock wait and build step", function()
    local document = play {
      { 0, "run_started", { version = "1", script = "ensure.lua", path = "/p/ensure.lua", args = {} } },
      { 0.1, "job_started", { runtime = "hermes" } },
      { 0.1, "step_started", { runtime = "hermes", step = "head" } },
      { 0.3, "step_ended", { runtime = "hermes", step = "head", ok = true, seconds = 0.2 } },
      { 0.3, "step_started", { runtime = "hermes", step = "lock" } },
      { 0.3, "lock_waiting", { runtime = "hermes", path = "/l", seconds = 0 } },
      { 30.3, "lock_waiting", { runtime = "hermes", path = "/l", seconds = 30 } },
      { 40, "lock_acquired", { runtime = "hermes", path = "/l", seconds = 39.7 } },
      { 40, "step_ended", { runtime = "hermes", step = "lock", ok = true, seconds = 39.7 } },
      { 40, "step_started", { runtime = "hermes", step = "build" } },
      { 41, "progress", { runtime = "hermes", done = 1, total = 2, text = "FROM scratch" } },
      { 43, "progress", { runtime = "hermes", done = 2, total = 2, text = "COPY . ." } },
      { 44, "step_ended", { runtime = "hermes", step = "build", ok = true, seconds = 4 } },
      { 44, "job_ended", { runtime = "hermes", ok = true, seconds = 43.9 } },
      { 45, "run_ended", { exit = 0, seconds = 45 } },
    }
    assert.same({
      "hermes: 1/2 FROM scratch 41000-43000",
      "hermes: 2/2 COPY . . 43000-44000",
      "hermes: build 40000-44000",
      "hermes: head 100-300",
      "hermes: hermes 100-44000",
      "hermes: lock 300-40000",
      "hermes: lock wait 300-40000",
      "molbuild: run ensure.lua 0-45000",
    }, bars(document))
  end)

  it("keeps runtimes apart", function()
    local document = play {
      { 0, "step_started", { runtime = "hermes", step = "build" } },
      { 1, "step_started", { runtime = "codex", step = "build" } },
      { 2, "step_ended", { runtime = "hermes", step = "build", ok = true, seconds = 2 } },
      { 4, "step_ended", { runtime = "codex", step = "build", ok = true, seconds = 3 } },
    }
    assert.same({ "codex: build 1000-4000", "hermes: build 0-2000" }, bars(document))
  end)

  it("shows a wait for a place", function()
    local document = play {
      { 0, "job_started", { runtime = "hermes" } },
      { 0, "job_waiting", { runtime = "hermes" } },
      { 5, "step_started", { runtime = "hermes", step = "head" } },
      { 6, "job_ended", { runtime = "hermes", ok = false, seconds = 6 } },
    }
    assert.same({
      "hermes: head 5000-6000", "hermes: hermes 0-6000", "hermes: waiting for a slot 0-5000",
    }, bars(document))
  end)

  it("ends unfinished bars now, and marks them", function()
    play { { 1, "step_started", { runtime = "hermes", step = "build" } } }
    clock = 103
    local document = cjson.decode(t:json())
    assert.same({ "hermes: build 1000-3000" }, bars(document))
    assert.is_true(document.traceEvents[#document.traceEvents].args.unfinished)
  end)

  it("can be asked twice", function()
    play { { 1, "step_started", { runtime = "hermes", step = "build" } } }
    assert.equal(t:json(), t:json())
  end)

  it("marks failures, retries and logs", function()
    local document = play {
      { 1, "failed", { runtime = "hermes", kind = "build", message = "m" } },
      { 2, "retry", { what = "HEAD", attempt = 2, attempts = 3, seconds = 1, message = "refused" } },
      { 3, "log", { level = "warn", message = "w" } },
    }
    local marks = {}
    for _, e in ipairs(document.traceEvents) do
      if e.ph == "i" then
        marks[#marks + 1] = { e.name, e.ts }
      end
    end
    assert.same({ { "failed", 1000000 }, { "retry HEAD", 2000000 }, { "warn", 3000000 } }, marks)
  end)

  it("leaves the events it was given alone", function()
    local e = { event = "step_started", time = 0, runtime = "hermes", step = "build" }
    t:event(e)
    t:json()
    assert.same({ event = "step_started", time = 0, runtime = "hermes", step = "build" }, e)
  end)

  it("ends an end without a beginning well", function()
    assert.same({}, bars(play { { 1, "step_ended", { runtime = "hermes", step = "build", ok = true, seconds = 1 } } }))
  end)
end)
