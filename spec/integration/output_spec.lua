-- What becomes of the program's own output: stdout and stderr that cannot be written, or are not read.
local record = require "spec.support.record"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local BUILD = os.getenv "BUILD" or "build"

describe("molbuild's own output", function()
  local w

  before_each(function()
    w = world.new { forge = false }
  end)

  after_each(function()
    w:close()
  end)

  local function policy(body)
    sh.write(w.dir .. "/p.lua", ("return { run = function()\n%s\nend }"):format(body))
    return w.dir .. "/p.lua"
  end

  local function unread(descriptor, kind)
    return { prefix = { BUILD .. "/test/unread", descriptor, kind, w.dir .. "/got" } }
  end

  describe("when the reader of stderr has gone", function()
    for _, mode in ipairs { "plain", "json", "quiet" } do
      it("is no reason to stop, with --progress=" .. mode, function()
        local path = policy 'molbuild.log.info "before" molbuild.core.sys.sleep(0.01) molbuild.log.info "after" return "it"'
        local run = w:run({ "run", "--progress=" .. mode, path }, nil, unread(2, "gone"))
        assert.equal(0, run.status)
        assert.equal("it\n", run.stdout)
      end)
    end

    it("is none for help and mistakes, either", function()
      assert.equal(2, w:run({ "run", "--nonsense" }, nil, unread(2, "gone")).status)
    end)
  end)

  describe("the result", function()
    it("is not printed when the trace cannot be written", function()
      local path = policy(('os.remove "%s/t/t.json" os.remove "%s/t" return "it"'):format(w.dir, w.dir))
      sh.run("mkdir " .. w.dir .. "/t")
      local run = w:run { "run", "--trace=" .. w.dir .. "/t/t.json", path }
      assert.equal(1, run.status)
      assert.equal("", run.stdout)
      assert.truthy(run.stderr:find("--trace: ", 1, true), run.stderr)
    end)

    it("that cannot be written is a failure, in the trace, too", function()
      local trace = w.dir .. "/t.json"
      local run = w:run({ "run", "--progress=json", "--trace=" .. trace, policy 'return "it"' }, nil, { redirect = ">/dev/full" })
      assert.equal(1, run.status)
      local failed = record.named(record.events(run.stderr), "failed")
      assert.equal(1, #failed)
      assert.truthy(failed[1].message:find("^cannot write the result: .*No space left"), failed[1].message)
      local text = sh.read(trace)
      assert.truthy(text:find('"exit":1', 1, true), text)
      assert.is_nil(text:find('"exit":0', 1, true), text)
    end)

    it("is in a trace that says how the run ended", function()
      local trace = w.dir .. "/t.json"
      local run = w:run { "run", "--trace=" .. trace, policy 'return "it"' }
      assert.equal("it\n", run.stdout)
      assert.truthy(sh.read(trace):find('"name":"run [^}]*"args":{[^}]*"exit":0'), sh.read(trace))
    end)
  end)

  describe("when stderr has no reader", function()
    -- A child prints much more than any queue holds, and continues.
    local FLOOD = [[
      local flood = 'seq -f "line %0500.0f" 1 4000; echo done'
      molbuild.child.run { argv = { "sh", "-c", flood }, log_file = DIR .. "/log" }
    ]]

    local function flood(rest)
      return policy(("local DIR = %q\n"):format(w.dir) .. FLOOD .. rest)
    end

    local function read_now()
      sh.run("kill -USR1 $(cat " .. w.dir .. "/got.pid)")
    end

    local function got()
      return sh.read(w.dir .. "/got") or ""
    end

    for _, kind in ipairs { "socket", "terminal" } do
      it("still has its result, and the log is whole: a " .. kind, function()
        local run = w:start({ "run", "-v", "--progress=plain", flood 'return "it"' }, nil, unread(2, kind))
        local ended = run:wait()
        assert.equal(0, ended.status)
        assert.equal("it\n", ended.stdout)
        local log = sh.read(w.dir .. "/log")
        assert.equal(4001, select(2, log:gsub("\n", "")))
        assert.equal("done\n", log:sub(-5))
      end)

    end

    it("ends by one TERM, and by --timeout", function()
      local path = flood "molbuild.core.sys.sleep(100)"
      local run = w:start({ "run", "-v", "--progress=plain", path }, nil, unread(2, "pipe"))
      sh.wait_for(function() return (sh.read(w.dir .. "/log") or ""):find "done\n$" end)
      run:signal "TERM"
      assert.equal(143, run:wait().status)
      run = w:start({ "run", "-v", "--progress=plain", "--timeout=1", path }, nil, unread(2, "terminal"))
      assert.equal(9, run:wait().status)
    end)

    it("counts what it drops, where that is missing, when it is read again", function()
      local path = flood [[
        molbuild.log.info "first"
        while not molbuild.core.fs.lstat(DIR .. "/go") do molbuild.core.sys.sleep(0.05) end
        molbuild.log.info "last"
        return "it"
      ]]
      local run = w:start({ "run", "-v", "--progress=plain", path }, nil, unread(2, "pipe"))
      sh.wait_for(function() return (sh.read(w.dir .. "/log") or ""):find "done\n$" end)
      read_now()
      sh.run("touch " .. w.dir .. "/go")
      assert.equal(0, run:wait().status)
      sh.wait_for(function() return got():find "molbuild: last\n$" end)
      local before, dropped, after = got():match(
        "^(.*\n)molbuild: warning: (%d+) lines were dropped: stderr was not read\n(.*)$")
      assert.truthy(before, got():sub(-300))
      assert.truthy(after == "molbuild: first\nmolbuild: last\n", after:sub(1, 300))
      -- The line that names the running script is there, too.
      assert.equal(4001 + 1, select(2, before:gsub("\n", "")) + math.tointeger(tonumber(dropped)))
      for line in before:gmatch "[^\n]*" do
        assert.truthy(line == "" or line:find "^line %d+$" or line:find "^molbuild: running ", line)
      end
    end)

    it("counts in an event with --progress=json", function()
      local path = flood 'return "it"'
      local run = w:start({ "run", "--progress=json", path }, nil, unread(2, "pipe"))
      assert.equal(0, run:wait().status)
      sh.wait_for(function() return got():find '"event":"run_ended"[^\n]*\n$' end)
      local list = record.events(got())
      local lines = #record.named(list, "line")
      local dropped = record.named(list, "log")[1].message:match "^(%d+) lines were dropped: stderr was not read$"
      assert.equal(4001, lines + math.tointeger(tonumber(dropped)))
      assert.equal("run_ended", list[#list].event)
    end)

    it("continues in one piece on a terminal that was stopped", function()
      local path = policy(("local DIR = %q\n"):format(w.dir)
        .. 'return molbuild.job.run_all({ { runtime = "hermes", tag = "it" } }, function(job)\n' .. FLOOD .. [[
        while not molbuild.core.fs.lstat(DIR .. "/go") do molbuild.core.sys.sleep(0.05) end
        molbuild.log.info "last"
        return "it"
      end)[1] ]])
      local run = w:start({ "run", "-v", "--progress=tty", path }, { TERM = "xterm" }, unread(2, "terminal"))
      sh.wait_for(function() return (sh.read(w.dir .. "/log") or ""):find "done\n$" end)
      read_now()
      sh.run("touch " .. w.dir .. "/go")
      assert.equal(0, run:wait().status)
      sh.wait_for(function() return got():find "molbuild: last\r\n" end)
      assert.truthy(got():find("%d+ lines were dropped: stderr was not read\r\n"))
      assert.truthy(got():find "\27%[%?25h[^\27]*$", "the cursor is hidden")
      assert.equal(select(2, got():gsub("\27%[%?2026h", "")), select(2, got():gsub("\27%[%?2026l", "")))
    end)

    it("ends with what was mistaken", function()
      sh.run("mkfifo " .. w.dir .. "/fifo")
      local fill = ("sh -c 'exec 9<>%s/fifo; dd if=/dev/zero bs=64k count=1 >&9 2>/dev/null; exec \"$@\" 2>&9' sh"):format(w.dir)
      assert.equal(2, w:start({ "run", "--nonsense" }, nil, { prefix = fill }):wait().status)
    end)
  end)

  describe("when stdout has no reader", function()
    local LONG = 'return ("x"):rep(200000)'

    for _, kind in ipairs { "pipe", "terminal" } do
      it("fails by --timeout rather than with half a result and success: a " .. kind, function()
        local run = w:start({ "run", "--timeout=1", policy(LONG) }, nil, unread(1, kind))
        local ended = run:wait()
        assert.equal(9, ended.status)
        assert.truthy(ended.stderr:find("--timeout", 1, true), ended.stderr)
      end)
    end

    it("fails by a signal", function()
      local run = w:start({ "run", "-v", policy('molbuild.log.info "here"\n' .. LONG) }, nil, unread(1, "pipe"))
      sh.wait_for(function() return (run:so_far() or ""):find "here" end)
      run:signal "TERM"
      assert.equal(143, run:wait().status)
    end)

    it("waits until it is read, and then has all of it", function()
      local run = w:start({ "run", policy(LONG) }, nil, unread(1, "pipe"))
      sh.wait_for(function() return (sh.read(w.dir .. "/got.pid") or "") ~= "" end)
      sh.run("kill -USR1 $(cat " .. w.dir .. "/got.pid)")
      assert.equal(0, run:wait().status)
      sh.wait_for(function() return #(sh.read(w.dir .. "/got") or "") == 200001 end)
    end)

    it("is no success when the reader ends before the end of the result", function()
      local run = w:start({ "run", policy(LONG) }, nil, unread(1, "pipe"))
      sh.wait_for(function() return (sh.read(w.dir .. "/got.pid") or "") ~= "" end)
      sh.run("kill -KILL $(cat " .. w.dir .. "/got.pid)")
      assert.equal(1, run:wait().status)
    end)
  end)

  describe("started with a closed descriptor", function()
    -- What the run itself opens first would get the number.
    local function files()
      local path = policy(([[
        molbuild.log.info "unread"
        molbuild.child.run { argv = { "echo", "output" }, log_file = "%s/log" }
        assert(molbuild.core.fs.write_atomic("%s/file", "content", 384))
        return "it"
      ]]):format(w.dir, w.dir))
      return path, function()
        assert.equal("output\n", sh.read(w.dir .. "/log"))
        assert.equal("content", sh.read(w.dir .. "/file"))
      end
    end

    for _, case in ipairs { { "0<&-", 0, "it\n" }, { "1>&-", 1 }, { "2>&-", 0, "it\n" }, { "0<&- 1>&- 2>&-", 1 } } do
      it("writes its own files alone, and the result only where there is a stdout: " .. case[1], function()
        local path, check = files()
        local run = w:run({ "run", "-v", "--trace=" .. w.dir .. "/t.json", path }, nil, { redirect = case[1] })
        assert.equal(case[2], run.status, run.stderr)
        assert.equal(case[3] or "", run.stdout)
        check()
        assert.equal("{", sh.read(w.dir .. "/t.json"):sub(1, 1))
      end)
    end

    it("fails for help, too, when that is stdout", function()
      assert.equal(1, w:run({ "version" }, nil, { redirect = ">&-" }).status)
    end)
  end)
end)
