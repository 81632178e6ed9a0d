local alive = require "molbuild.progress.alive"

describe("the sign of life", function()
  local now, emitted, a

  before_each(function()
    now, emitted = 100, {}
    a = alive.new {
      every = 10,
      now = function() return now end,
      emit = function(fields) emitted[#emitted + 1] = fields end,
    }
  end)

  local function event(name, runtime, step)
    a:event { event = name, runtime = runtime, step = step }
  end

  -- Let SECONDS pass, ticking exactly when it asks to be; gives how often that was.
  local function pass(seconds)
    local to, ticks = now + seconds, 0
    local pause = a:tick()
    while now + pause <= to do
      now = now + pause
      pause, ticks = a:tick(), ticks + 1
    end
    now = to
    return ticks
  end

  it("comes every so often while a step is silent, with the seconds of the step and since the last line", function()
    event("step_started", "hermes", "build")
    now = now + 4
    a:lines { event = "line", runtime = "hermes", step = "build" }
    pass(25)
    assert.same({
      { runtime = "hermes", step = "build", seconds = 14, silent = 10 },
      { runtime = "hermes", step = "build", seconds = 24, silent = 20 },
    }, emitted)
  end)

  it("counts from the step's begin where there was no line", function()
    event("step_started", "hermes", "head")
    pass(10)
    assert.same({ { runtime = "hermes", step = "head", seconds = 10, silent = 10 } }, emitted)
  end)

  it("does not come while lines or events do", function()
    event("step_started", "hermes", "build")
    for index = 1, 9 do
      pass(8)
      if index % 2 == 0 then
        a:lines { event = "line", runtime = "hermes" }
      else
        event("progress", "hermes", "build")
      end
    end
    assert.same({}, emitted)
  end)

  it("takes an event that is no line for a sign, but not for output", function()
    event("step_started", "hermes", "lock")
    pass(9)
    event("lock_waiting", "hermes", "lock")
    pass(10)
    assert.same({ { runtime = "hermes", step = "lock", seconds = 19, silent = 19 } }, emitted)
  end)

  it("comes for each runtime by itself", function()
    event("step_started", "hermes", "clone")
    pass(5)
    event("step_started", "codex", "build")
    pass(3)
    a:lines { event = "line", runtime = "codex" }
    pass(12)
    assert.same({
      { runtime = "hermes", step = "clone", seconds = 10, silent = 10 },
      { runtime = "codex", step = "build", seconds = 13, silent = 10 },
      { runtime = "hermes", step = "clone", seconds = 20, silent = 20 },
    }, emitted)
  end)

  it("reports the inner one of nested steps, then the outer one again", function()
    event("step_started", "hermes", "make")
    event("step_started", "hermes", "build")
    pass(10)
    event("step_ended", "hermes", "build")
    pass(10)
    assert.same({ "build", "make" }, { emitted[1].step, emitted[2].step })
    assert.equal(20, emitted[2].seconds)
  end)

  it("comes for a wait for a place, without a step, until the next step begins", function()
    event("job_waiting", "hermes")
    pass(10)
    event("step_started", "hermes", "clone")
    event("step_ended", "hermes", "clone")
    pass(30)
    assert.same({ { runtime = "hermes", seconds = 10, silent = 10 } }, emitted)
  end)

  it("comes for a policy's step that belongs to no runtime", function()
    event("step_started", nil, "pull")
    pass(10)
    assert.same({ { step = "pull", seconds = 10, silent = 10 } }, emitted)
  end)

  it("does not come after the end", function()
    event("step_started", "hermes", "build")
    event("step_ended", "hermes", "build")
    event("job_waiting", "codex")
    event("job_ended", "codex")
    pass(60)
    assert.same({}, emitted)
  end)

  it("looks no more often than it must", function()
    assert.equal(3, pass(30))
    event("step_started", "hermes", "build")
    assert.equal(10, pass(100))
    assert.equal(10, #emitted)
  end)
end)

describe("a silent step of a real run", function()
  local record = require "spec.support.record"
  local run = require "spec.support.run"
  local sh = require "spec.support.sh"

  -- The whole program, from the library in the tree: only its intervals are changed.
  local PROGRAM = [[
    require("molbuild.progress.json").alive_every = 0.2
    require("molbuild.progress.plain").alive_every = 0.2
    os.exit(require("molbuild").main(arg, { version = "0", prefix = "/nonexistent" }))
  ]]
  local POLICY = [[
    return { run = function()
      local jobs = { { runtime = "hermes" }, { runtime = "codex" } }
      return table.unpack(molbuild.job.run_all(jobs, function(job)
        job.tag, job.outcome = job.runtime, "built"
        return molbuild.job.step(job, "build", function()
          molbuild.child.run { argv = { "sh", "-c", "sleep 0.7; echo a line; sleep 0.7" } }
          return job.tag
        end)
      end))
    end }
  ]]

  local function lines_of(mode)
    local dir = sh.temporary "alive"
    sh.write(dir .. "/main.lua", PROGRAM)
    sh.write(dir .. "/p.lua", POLICY)
    local ended = run.run {
      program = assert(require("molbuild.core").sys.executable()), -- what runs this: with sanitizers, if they are in the library
      args = { dir .. "/main.lua", "run", mode, dir .. "/p.lua" },
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }
    sh.remove(dir)
    assert.equal(0, ended.status, ended.stderr)
    return ended.stderr
  end

  it("gives events for each runtime, whose silence ends with a line", function()
    local list = record.events(lines_of "--progress=json")
    for _, name in ipairs { "hermes", "codex" } do
      local signs = record.named(list, "alive", name)
      assert.truthy(#signs >= 2, #signs)
      for _, e in ipairs(signs) do
        assert.equal("build", e.step)
        assert.truthy(e.silent >= 0.2 and e.silent <= e.seconds)
      end
      local last = signs[#signs]
      assert.truthy(last.seconds - last.silent >= 0.6, "the line did not count")
    end
  end)

  it("gives a line as plain lines", function()
    local said = lines_of "--progress=plain"
    assert.truthy(said:find("[hermes] build still running after 0s\n", 1, true), said)
    assert.truthy(said:find("[codex] build still running after ", 1, true), said)
  end)
end)
