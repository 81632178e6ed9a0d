-- molbuild run --detach: how the run of another process is shown by this one.
local core = require "molbuild.core"
local detached = require "molbuild.detached"
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

describe("a run that another process does", function()
  local process_follow, send, shown, lines, stdout, sink, settings, child, options

  before_each(function()
    process_follow, send = core.process.follow, core.writer.send
    shown, lines, stdout, options = {}, {}, {}, nil
    settings = { words = {}, jobs = 3 }
    sink = {
      results = { asked = {} }, renderer = { close = function() shown[#shown + 1] = "closed" end },
      event = function(e) shown[#shown + 1] = e.event .. (e.message and " " .. e.message or "") end,
      lines = function(e, text) lines[#lines + 1] = e.step .. ": " .. text end,
      is_slow = function() return false end,
    }
    core.process.follow = function(how) -- luacheck: ignore 122
      options = how
      how.on_start(4711)
      return child(how)
    end
    core.writer.send = function(fd, text) -- luacheck: ignore 122
      assert.equal(1, fd)
      stdout[#stdout + 1] = text
      return true
    end
  end)
  after_each(function()
    core.process.follow, core.writer.send = process_follow, send -- luacheck: ignore 122
  end)

  local function show(args)
    return detached.run(settings, "ensure.lua", args or { "hermes" }, sink, "/bin/molbuild", task.run)
  end

  local ENDED = '{"v":1,"event":"run_ended","exit":%d,"seconds":1}\n'

  it("has this one's command line, without what is only this one's", function()
    child = function(how)
      how.on_output(ENDED:format(0))
      return true
    end
    assert.equal(0, show { "--branch=next", "hermes" })
    assert.equal("/bin/molbuild", options.program)
    assert.same({ MOLBUILD_BEHIND = "followed" }, options.env)
    assert.same({ "molbuild", "run", "--progress=json", "--jobs=3", "--", "ensure.lua", "--branch=next", "hermes" }, options.argv)
    settings = { words = {}, jobs = 2, verb = "gc", verbose = true, json = true, trace = "/t", lock_timeout = 0.5, timeout = 7 }
    show {}
    assert.same({
      "molbuild", "gc", "--progress=json", "--jobs=2", "-v", "--output=json", "--trace=/t", "--lock-timeout=0.5", "--",
      "ensure.lua",
    }, options.argv)
  end)

  it("is shown by its events, in whatever pieces they come", function()
    local text = '{"v":1,"event":"words","words":"{\\"prefix\\":\\"p\\",\\"slow\\":[\\"build\\"]}"}\n'
      .. '{"v":1,"event":"job_started","runtime":"hermes"}\n'
      .. '{"v":1,"event":"line","runtime":"hermes","step":"build","text":"one"}\n'
      .. '{"v":1,"event":"line","runtime":"hermes","step":"build","text":"two"}\n'
      .. '{"v":1,"event":"line","runtime":"hermes","step":"check","text":"three"}\n'
      .. '{"v":1,"event":"alive","runtime":"hermes","seconds":1,"silent":1}\n'
      .. "a library's own message\n"
      .. '{"v":1,"event":"result","image":"a:b"}\n' .. ENDED:format(8)
    for size in pairs { [1] = true, [7] = true, [1000000] = true } do
      shown, lines = {}, {}
      child = function(how)
        for at = 1, #text, size do how.on_output(text:sub(at, at + size - 1)) end
        return true
      end
      assert.equal(8, show())
      assert.same({ "job_started", "log a library's own message", "result" }, shown)
      assert.equal("build: one\nbuild: two\ncheck: three\n", (table.concat(lines):gsub("one\ntwo", "one\nbuild: two")))
    end
    assert.same({ prefix = "p", slow = { "build" } }, settings.words)
    assert.equal("hermes", sink.results.asked[1])
  end)

  it("gives its result when that comes, and its messages before", function()
    child = function(how)
      how.on_result "tag-"
      how.on_result "1\n"
      how.on_output('{"v":1,"event":"result","image":"a:b"}\n')
      sh.wait_for(function() core.sys.sleep(0.01) return stdout[1] end)
      how.on_output(ENDED:format(0))
      return true
    end
    assert.equal(0, show())
    assert.same({ "tag-1\n" }, stdout)
    assert.same({ "result", "closed" }, shown)
    assert.is_true(sink.delivered)
  end)

  it("waits for a reader that is slow, and for no longer", function()
    local slow, answers = true, {}
    sink.lines = function() return slow end
    sink.is_slow = function() return slow end
    child = function(how)
      answers[1] = how.on_output('{"v":1,"event":"line","step":"s","text":"x"}\n')
      answers[2] = how.on_output ""
      slow = false
      answers[3] = how.on_output "" or "on"
      how.on_output(ENDED:format(0))
      return true
    end
    show()
    assert.same({ "wait", "wait", "on" }, answers)
  end)

  it("continues when this process is ended, which names the other one", function()
    child = function()
      task.current():cancel(errors.new { kind = "signal", message = "ended by SIGTERM (15)", signal = 15 })
      return nil, "the process is not followed any more", "cancelled"
    end
    local ok, failure = pcall(show)
    assert.is_false(ok)
    assert.same({ "signal", "ended by SIGTERM (15); the run continues as the process 4711" }, { failure.kind, failure.message })
    assert.equal("the next run of the same joins it; to stop it: kill 4711", failure.hint)
    assert.equal(143, errors.exit_code(failure))
  end)

  it("is an error when it ends without a result, or does not start", function()
    child = function() return true end
    local ok, failure = pcall(show)
    assert.is_false(ok)
    assert.equal("the process 4711, which ran this, has ended without a result", failure.message)
    core.process.follow = function() return nil, "cannot start /bin/molbuild: no", "EAGAIN" end -- luacheck: ignore 122
    ok, failure = pcall(show)
    assert.same({ false, "failed", "cannot start /bin/molbuild: no" }, { ok, failure.kind, failure.message })
    ok, failure = pcall(detached.run, settings, "x", {}, sink, nil, task.run)
    assert.same({ false, "usage" }, { ok, failure.kind })
  end)

  it("is an error when its result cannot be written", function()
    core.writer.send = function() return nil, "cannot write to descriptor 1: Broken pipe", "EPIPE" end -- luacheck: ignore 122
    child = function(how)
      how.on_result "tag\n"
      how.on_output(ENDED:format(0))
      return true
    end
    local ok, failure = pcall(show)
    assert.same({ false, "cannot write the result: cannot write to descriptor 1: Broken pipe" }, { ok, failure.message })
  end)
end)
