local cache = require "molbuild.repository.cache"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local log = require "molbuild.base.log"
local task = require "molbuild.base.task"

describe("an event inside a callback", function()
  local seen

  -- Runs FN in a task with a runtime and a step, beside one with another runtime.
  local function as_hermes(fn, options)
    return task.run(function()
      local scope = task.scope()
      scope.events = function(e)
        seen[#seen + 1] = e
      end
      scope.wants_lines = options and options.wants_lines
      local other = task.spawn(function()
        task.scope().runtime = "codex"
        core.sys.sleep(0.01)
      end)
      local own = task.spawn(function()
        task.scope().runtime, task.scope().step = "hermes", "check"
        return fn()
      end)
      other:join()
      return own:join()
    end)
  end

  local function said(message)
    for _, e in ipairs(seen) do
      if e.message == message then
        return { e.event, e.runtime, e.step }
      end
    end
  end

  before_each(function()
    seen = {}
  end)

  for name, wants in pairs { ["shown"] = true, ["not shown"] = false } do
    it("on_line is its task's, where lines are " .. name, function()
      as_hermes(function()
        child.run {
          argv = { "sh", "-c", "echo one; sleep 0.05; echo two" },
          on_line = function(line)
            log.info("line %s", line)
          end,
        }
      end, { wants_lines = wants })
      assert.same({ "log", "hermes", "check" }, said "line one")
      assert.same({ "log", "hermes", "check" }, said "line two")
    end)
  end

  it("on_line is its task's after another callback raised", function()
    as_hermes(function()
      local ok, failure = pcall(child.run, { argv = { "echo", "x" }, on_line = function() error "oops" end })
      assert(not ok and tostring(failure):find "oops", failure)
      child.run { argv = { "echo", "x" }, on_line = function() log.info "after" end }
    end)
    assert.same({ "log", "hermes", "check" }, said "after")
  end)

  it("the wait for a lock is its task's", function()
    local dir = assert(core.fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/lock."))
    as_hermes(function()
      local first = task.spawn(function()
        local lock <close> = cache.lock(dir, "x", { purpose = "be first" })
        core.sys.sleep(lock:held() and 0.1)
      end)
      core.sys.sleep(0.01)
      cache.lock(dir, "x", { purpose = "be second" }):close()
      first:join()
    end)
    core.fs.remove_tree(dir)
    local kinds = {}
    for _, e in ipairs(seen) do
      assert.same({ "hermes", "check" }, { e.runtime, e.step })
      kinds[#kinds + 1] = e.event
    end
    assert.same({ "lock_waiting", "lock_acquired" }, kinds)
  end)
end)

describe("child.last_words", function()
  it("are the last line that says something, else how it ended", function()
    assert.equal("error: no", child.last_words { tail = "one\nerror: no\n\n  \n", code = 1 })
    assert.equal("exit status 1", child.last_words { tail = " \n\n", code = 1 })
  end)

  it("names the signal that ended a program, whatever it had printed", function()
    assert.equal("ended by SIGKILL (9)", child.last_words { tail = "", signal = 9 })
    assert.equal("ended by SIGTERM (15)", child.last_words { tail = "half of the work\n", signal = 15 })
  end)
end)

describe("a log that cannot be written", function()
  it("is why the child does not run, and no log is named", function()
    local dir = assert(core.fs.mkdtemp "/tmp/molbuild-child.")
    assert(core.fs.mkdirp(dir .. "/log", 448))
    local options = { argv = { "true" }, log_file = dir .. "/log" }
    local ok, failure = task.run(function() return pcall(child.run, options) end)
    local other, missing = task.run(function() return pcall(child.run, { argv = { "/none" }, log_file = dir .. "/other" }) end)
    core.fs.remove_tree(dir)
    assert.same({ false, false }, { ok, other })
    assert.truthy(failure.message:find("cannot write the log " .. dir .. "/log", 1, true), failure.message)
    assert.is_nil(failure.log)
    assert.equal(dir .. "/other", missing.log)
  end)
end)
