local quiet = require "molbuild.progress.quiet"
local words = require "spec.support.words"

describe("the quiet renderer", function()
  local out, renderer

  before_each(function()
    out = {}
    renderer = quiet.new {
      words = words,
      write = function(s)
        out[#out + 1] = s
      end,
    }
  end)

  it("shows nothing of a run that goes well", function()
    for _, name in ipairs { "run_started", "job_started", "log", "line", "result", "job_ended", "run_ended" } do
      renderer:event { event = name, runtime = "hermes", level = "warn", message = "m", text = "x" }
    end
    renderer:lines({ event = "line", runtime = "hermes" }, "x\n")
    renderer:close()
    assert.same({}, out)
  end)

  it("shows them in the order the runtimes were started", function()
    renderer:event { event = "job_started", runtime = "hermes" }
    renderer:event { event = "job_waiting", runtime = "codex" }
    renderer:event { event = "failed", runtime = "codex", kind = "auth", message = "two" }
    renderer:event { event = "failed", runtime = "hermes", kind = "auth", message = "one" }
    renderer:close()
    assert.same({
      "local-build: hermes: failed\nmolbuild: local-build: one\n"
        .. "local-build: codex: failed\nmolbuild: local-build: two\n",
    }, out)
  end)

  it("shows failures at the end, once", function()
    renderer:event { event = "failed", kind = "remote", message = "no answer", hint = "wait" }
    assert.same({}, out)
    renderer:event { event = "run_ended", exit = 4, seconds = 1 }
    renderer:close()
    assert.same({ "molbuild: local-build: no answer\nhint: wait\n" }, out)
  end)
end)
