-- The lines of a build that another process does: read from its log, while this process waits for the lock.
local cache = require "molbuild.repository.cache"
local core = require "molbuild.core"
local follow = require "molbuild.repository.follow"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

describe("the log of another process's build", function()
  local dir, shown, holder

  before_each(function()
    dir, shown = sh.temporary "follow", {}
    holder = { pid = 1, host = "h", start = os.time() - 5, purpose = "build hermes at 0123456789ab, step build" }
    local scope = task.scope()
    scope.wants_lines, scope.lines = true, function(_, text) shown[#shown + 1] = text end
    scope.events = function() end
  end)
  after_each(function()
    local scope = task.scope()
    scope.wants_lines, scope.lines, scope.events = nil, nil, nil
    core.mask.clear()
    sh.remove(dir)
  end)

  local function write(text, mode)
    local file <close> = assert(io.open(dir .. "/log", mode or "a"))
    file:write(text)
  end

  local function look_at(path)
    return follow.new(function() return path or dir .. "/log" end)
  end

  it("is shown from its beginning, in whole lines, each once", function()
    local look = look_at()
    look(holder)
    write "one\ntw"
    look(holder)
    look(holder)
    write "o\nthree\n"
    look(holder)
    assert.same({ "one\n", "two\nthree\n" }, shown)
  end)

  it("is shown again from its beginning when it is written again, or is another file", function()
    local look = look_at()
    write "first\n"
    look(holder)
    write("2\n", "w")
    look(holder)
    sh.write(dir .. "/new", "third one\n")
    sh.run { "mv", dir .. "/new", dir .. "/log" }
    look(holder)
    assert.same({ "first\n", "2\n", "third one\n" }, shown)
  end)

  it("is not shown when it is older than the holder's lock: it is a former build's", function()
    write "old\n"
    holder.start = os.time() + 60
    look_at()(holder)
    assert.same({}, shown)
  end)

  it("is not shown where no lines are wanted, the holder is not known, or it is no file", function()
    write "one\n"
    task.scope().wants_lines = false
    look_at()(holder)
    task.scope().wants_lines = true
    look_at()(nil)
    follow.new(function() end)(holder)
    look_at(dir)(holder)
    sh.run { "ln", "-s", dir .. "/log", dir .. "/link" }
    look_at(dir .. "/link")(holder)
    assert.same({}, shown)
  end)

  it("is masked again", function()
    assert(core.mask.secret "open-sesame")
    write "say open-sesame\n"
    look_at()(holder)
    assert.same({ "say ***\n" }, shown)
  end)

  it("is shown by a task that waits for the lock, to its last line", function()
    local seen = {}
    task.run(function()
      task.scope().events = function(e) seen[#seen + 1] = e.event end
      local held = cache.lock(dir, "x", { purpose = "build x at 0123456789ab" })
      local waiter = task.spawn(function()
        task.scope().locks = {} -- as another process
        cache.lock(dir, "x", { follow = function(by)
          assert.equal("build x at 0123456789ab", by.purpose)
          return dir .. "/log"
        end }):close()
      end)
      write "one\n"
      sh.wait_for(function() core.sys.sleep(0.01) return shown[1] end)
      write "two\n"
      held:close()
      waiter:join()
    end)
    assert.same({ "one\n", "two\n" }, shown)
    assert.same({ "lock_waiting", "lock_acquired" }, seen)
  end)
end)
