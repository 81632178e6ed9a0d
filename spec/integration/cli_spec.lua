-- The command line, as its users meet it.
local record = require "spec.support.record"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("molbuild", function()
  local w

  before_each(function()
    w = world.new { forge = false }
  end)

  after_each(function()
    w:close()
  end)

  local function policy(name, text)
    sh.write(w.dir .. "/" .. name, text)
    return w.dir .. "/" .. name
  end

  it("prints its version", function()
    local run = w:run { "version" }
    assert.equal(0, run.status)
    assert.equal("molbuild " .. sh.read("VERSION"), run.stdout)
  end)

  it("prints its help on stdout", function()
    local run = w:run { "--help" }
    assert.equal(0, run.status)
    assert.truthy(run.stdout:find("Usage: molbuild", 1, true))
  end)

  it("prints the help of a command on stdout, and fails if stdout cannot be written", function()
    for _, arguments in ipairs { { "run", "--help" }, { "help", "run" } } do
      local run = w:run(arguments)
      assert.equal(0, run.status)
      assert.truthy(run.stdout:find("Usage: molbuild run", 1, true), run.stdout)
      assert.truthy(run.stdout:find("--lock-timeout", 1, true))
      assert.equal(1, w:run(arguments, nil, { redirect = ">/dev/full" }).status)
    end
  end)

  it("names the help for the mistake", function()
    assert.truthy(w:run({ "run", "--nonsense" }).stderr:find("\nhint: molbuild run --help\n", 1, true))
    assert.truthy(w:run({ "nonsense" }).stderr:find("\nhint: molbuild --help\n", 1, true))
  end)

  it("has no bound with --timeout=0, nor with one larger than any run", function()
    local path = policy("quick.lua", 'return { run = function() molbuild.core.sys.sleep(0.05) return "done" end }')
    for _, seconds in ipairs { "0", "0.0", "99999999999", ("9"):rep(400) } do
      local run = w:run { "run", "--timeout=" .. seconds, "--lock-timeout=" .. seconds, path }
      assert.equal("done\n", run.stdout, run.stderr)
    end
  end)

  it("loads no module from the current directory", function()
    for _, name in ipairs { "cjson", "argparse", "mine" } do
      policy(name .. ".lua", 'io.stderr:write "not to be run\\n" os.exit(99)')
    end
    local here = { cwd = w.dir }
    local run = w:run({ "run", "--progress=json", "--output=json", policy("p.lua", "return { run = function() return 1 end }") },
      nil, here)
    assert.equal(0, run.status, run.stderr)
    assert.equal('{"value":1}\n', run.stdout)
    assert.equal(0, w:run({ "--help" }, nil, here).status)
    local path = "./?.lua;" .. w.dir .. "/none/?.lua;?.lua;;"
    run = w:run({ "run", policy("q.lua", "require 'mine'") }, { LUA_PATH = path }, here)
    assert.equal(70, run.status, run.stderr)
    assert.truthy(run.stderr:find("no file '" .. w.dir .. "/none/mine.lua'", 1, true), run.stderr)
    assert.is_nil(run.stderr:find("not to be run", 1, true), run.stderr)
  end)

  for _, case in ipairs {
    { {}, "no command given" },
    { { "nonsense" }, "unknown command nonsense" },
    { { "run" }, "no script named" },
    { { "run", "--nonsense", "x.lua" }, "unknown option --nonsense" },
    { { "run", "--progress" }, "option --progress needs a value" },
    { { "run", "--trace=", "x.lua" }, "option --trace needs a value" },
    { { "run", "--progress=pink", "x.lua" }, 'option --progress cannot be "pink": use one of auto, tty, plain, json, quiet' },
    { { "run", "--output=text json", "x.lua" }, 'option --output cannot be "text json": use one of text, json' },
    { { "run", "--jobs=0", "x.lua" }, 'option --jobs needs a whole number of at least 1, not "0"' },
    { { "run", "--timeout=1h", "x.lua" }, 'option --timeout needs a number of seconds, such as 90 or 0.5, not "1h"' },
    { { "run", "" }, "no script named" },
    { { "run", "--no-wait=1", "x.lua" }, "option --no-wait takes no value" },
    { { "eject" }, "no script named\nhint: molbuild eject [--test] SCRIPT [DIR]" },
  } do
    it("answers with one line and exit 2 to: " .. table.concat(case[1], " "), function()
      local run = w:run(case[1])
      assert.equal(2, run.status)
      assert.equal("", run.stdout)
      assert.truthy(run.stderr:find(case[2], 1, true), run.stderr)
      assert.is_nil(run.stderr:find("traceback", 1, true))
    end)
  end

  for _, arguments in ipairs {
    { "run", "--progress=json", "--nonsense", "x.lua" },
    { "run", "--progress", "json", "--jobs=0", "x.lua" },
    { "run", "--jobs=0", "--progress=json", "x.lua" },
    { "run", "--progress=json" },
    { "run", "--progress=json", "nowhere.lua" },
    { "run", "--progress=json", "ensure.lua", "x" },
    { "run", "--progress=json", "--trace=/nonexistent/x", "ensure.lua", "hermes" },
  } do
    it("reports a mistake in objects to a reader of objects: " .. table.concat(arguments, " "), function()
      local run = w:run(arguments)
      assert.equal(2, run.status, run.stderr)
      assert.equal("", run.stdout)
      local list = record.events(run.stderr)
      local failed, ended = list[#list - 1], list[#list]
      assert.same({ "failed", "usage" }, { failed.event, failed.kind })
      assert.same({ "run_ended", 2 }, { ended.event, ended.exit })
    end)
  end

  it("reports what a policy prints in objects, too", function()
    local path = policy("loud.lua", [[
      print("loading", 1)
      return { run = function() print "running" error { } end }
    ]])
    local run = w:run { "run", "--progress=json", path }
    assert.equal(70, run.status)
    local kinds = {}
    for index, e in ipairs(record.events(run.stderr)) do
      kinds[index] = e.event .. (e.event == "log" and " " .. e.message or "")
    end
    assert.same({ "run_started", "log loading\t1", "log running", "failed", "run_ended" }, kinds)
  end)

  it("prints a policy's own values as objects with --output=json", function()
    local path = policy("values.lua", 'return { run = function() return "one", 2 end }')
    assert.equal('{"value":"one"}\n{"value":2}\n', w:run({ "run", "--output=json", path }).stdout)
    path = policy("fails.lua", 'return { run = function() error "x" end }')
    local results = record.results(w:run({ "run", "--output=json", path }).stdout)
    assert.same({ 1, "failed", "bug", 70 }, { #results, results[1].outcome, results[1].error.kind, results[1].error.exit })
  end)

  for name, path in pairs { ["a directory"] = "", ["nothing"] = "/none/trace.json", ["a device"] = false } do
    it("finds out before the work that --trace names a place that cannot be written: " .. name, function()
      local script = policy("touch.lua", ('return { run = function() molbuild.core.fs.write_atomic(%q, "", 420) end }')
        :format(w.dir .. "/done"))
      local file = path and w.dir .. path or "/dev/null"
      local run = w:run { "run", "--trace=" .. file, script }
      assert.equal(2, run.status, run.stderr)
      assert.truthy(run.stderr:find("molbuild: --trace: cannot write " .. file, 1, true), run.stderr)
      assert.is_nil(sh.read(w.dir .. "/done"))
      assert.truthy(sh.run "ls -l /dev/null":find "^c")
    end)
  end

  it("says where it looked for a script that is missing", function()
    local run = w:run({ "run", "nowhere.lua" }, { MOLBUILD_PATH = "/p1:/p2", XDG_CONFIG_HOME = "/config" })
    assert.equal(2, run.status)
    for _, path in ipairs {
      "/p1/nowhere.lua, /p2/nowhere.lua, /config/molbuild/scripts/nowhere.lua, /etc/molbuild/scripts/nowhere.lua",
      "./nowhere.lua",
    } do
      assert.truthy(run.stderr:find(path, 1, true), run.stderr)
    end
  end)

  it("names file and line of a syntax error, exit 70", function()
    local path = policy("broken.lua", "local x = 1\nreturn {{\n")
    local run = w:run { "run", path }
    assert.equal(70, run.status)
    -- Lua cuts the beginning of a long path off.
    assert.truthy(run.stderr:find("/broken.lua:3:", 1, true), run.stderr)
  end)

  it("shows the traceback of a bug, exit 70", function()
    local path = policy("bug.lua", "return { run = function()\n  local x = nil\n  return x.y\nend }\n")
    local run = w:run { "run", path }
    assert.equal(70, run.status)
    assert.truthy(run.stderr:find("/bug.lua:3:", 1, true), run.stderr)
    assert.truthy(run.stderr:find("traceback", 1, true))
  end)

  for kind, status in pairs {
    failed = 1, usage = 2, missing_tool = 3, remote = 4, auth = 5, not_found = 6, template = 7, build = 8, timeout = 9,
    locked = 10, bug = 70,
  } do
    it(("ends with %d for an error of kind %s"):format(status, kind), function()
      local path = policy("kind.lua",
        ('return { run = function() molbuild.raise { kind = %q, message = "so it is", hint = "do this" } end }'):format(kind))
      local run = w:run { "run", path }
      assert.equal(status, run.status)
      assert.equal("", run.stdout)
      assert.truthy(run.stderr:find("molbuild: so it is\nhint: do this\n", 1, true), run.stderr)
    end)
  end

  it("prints the values that run returns, one per line", function()
    local path = policy("values.lua", 'return { run = function(args) return "one", 2, table.unpack(args) end }')
    assert.equal("one\n2\n--three\n-q\n", w:run({ "run", "-q", path, "--three", "-q" }).stdout)
  end)

  it("keeps a policy's print off stdout", function()
    local path = policy("print.lua", 'return { run = function() print("loud") return "result" end }')
    local run = w:run { "run", path }
    assert.equal("result\n", run.stdout)
    assert.truthy(run.stderr:find("loud", 1, true))
  end)

  it("fails when stdout is full", function()
    local path = policy("full.lua", 'return { run = function() return "result" end }')
    local run = w:run({ "run", path }, nil, { redirect = ">/dev/full" })
    assert.equal(1, run.status)
    assert.truthy(run.stderr:find("cannot write the result", 1, true))
  end)

  it("fails when stdout is closed", function()
    local path = policy("closed.lua", 'return { run = function() return "result" end }')
    local run = w:run({ "run", path }, nil, { redirect = ">&-" })
    assert.equal(1, run.status)
    assert.truthy(run.stderr:find("cannot write the result", 1, true))
  end)

  it("runs a fork from $MOLBUILD_PATH before the shipped script, and says which file ran", function()
    sh.run("mkdir " .. w.dir .. "/fork")
    policy("fork/ensure.lua", 'return { run = function() return "mine" end }')
    local run = w:run({ "run", "ensure.lua", "hermes" }, { MOLBUILD_PATH = w.dir .. "/fork" })
    assert.equal("mine\n", run.stdout)
    assert.truthy(run.stderr:find(w.dir .. "/fork/ensure.lua", 1, true))
  end)

  it("takes the next one on the path when a fork loads the policy it is named after", function()
    sh.run("mkdir " .. w.dir .. "/fork")
    policy("fork/ensure.lua", [[
      local ensure = molbuild.load "ensure.lua"
      function ensure.run() return "fork of " .. ensure.branch end
      return ensure
    ]])
    local run = w:run({ "run", "ensure.lua", "hermes" }, { MOLBUILD_PATH = w.dir .. "/fork" })
    assert.equal("fork of main\n", run.stdout, run.stderr)
  end)

  it("says when a file of the current directory was not used", function()
    policy("ensure.lua", "error 'not me'")
    local out = w:run({ "run", "ensure.lua", "nonsense" }, nil, { cwd = w.dir }).stderr
    assert.truthy(out:find("./ensure.lua was not used", 1, true), out)
    assert.is_nil(out:find("not me", 1, true))
  end)

  it("ejects a copy to change, and never overwrites one", function()
    local run = w:run { "eject", "ensure.lua", w.dir }
    assert.equal(w.dir .. "/ensure.lua\n", run.stdout, run.stderr)
    assert.equal(sh.read "scripts/ensure.lua", sh.read(w.dir .. "/ensure.lua"))
    sh.write(w.dir .. "/ensure.lua", "changed")
    run = w:run { "eject", "ensure.lua", w.dir }
    assert.equal(1, run.status)
    assert.truthy(run.stderr:find("already exists", 1, true))
    assert.equal("changed", sh.read(w.dir .. "/ensure.lua"))
  end)

  it("ends with 128+n when a signal ends it", function()
    local path = policy("sleep.lua", 'return { run = function() print "ready" molbuild.core.sys.sleep(60) return "late" end }')
    for name, status in pairs { INT = 130, TERM = 143, HUP = 129 } do
      local run = w:start { "run", path }
      sh.wait_for(function() return (run:so_far() or ""):find "ready" end)
      run:signal(name)
      local ended = run:wait()
      assert.equal(status, ended.status, name)
      assert.equal("", ended.stdout)
    end
  end)

  it("says that it is still ending, and how to end it immediately", function()
    local path = policy("deaf.lua", [[return { run = function()
      molbuild.child.run {
        argv = { "sh", "-c", "trap '' TERM; echo here; while :; do sleep 0.1; done" }, grace = 600,
        on_line = function(line) print(line) end,
      }
    end }]])
    local run = w:start { "run", "--progress=json", path }
    sh.wait_for(function() return run:so_far():find("here", 1, true) end)
    run:signal "INT"
    local again = "stopping the running steps; send the signal again to kill them"
    sh.wait_for(function() return run:so_far():find(again, 1, true) end)
    run:signal "INT"
    local ended = run:wait()
    assert.equal(130, ended.status)
    assert.equal(1, #record.named(record.events(ended.stderr), "failed"))
  end)

  it("has as many places as there are processors, and two at least, where --jobs does not say", function()
    local path = policy("places.lua", [[return { run = function(args)
      local at_once, most = 0, 0
      local list = {}
      for index = 1, math.tointeger(args[1]) do list[index] = index end
      molbuild.task.map(list, {}, function()
        local place <close> = molbuild.job.place()
        at_once = at_once + 1
        most = math.max(most, at_once)
        molbuild.core.sys.sleep(0.05)
        at_once = at_once - 1
      end)
      return most
    end }]])
    local processors = tonumber(sh.run "nproc")
    local function most(prefix, ...)
      local run = w:run({ "run", ... }, nil, { prefix = prefix })
      assert.equal(0, run.status, run.stderr)
      return tonumber(run.stdout)
    end
    assert.equal(math.max(2, processors), most("", path, tostring(processors + 3)))
    assert.equal(2, most("taskset -c " .. sh.run "taskset -cp $$ | sed 's/.*: //; s/[-,].*//'", path, "5"))
    assert.equal(3, most("", "--jobs=3", path, "5"))
  end)

  it("ends the run after --timeout, exit 9", function()
    local path = policy("sleep.lua", "return { run = function() molbuild.core.sys.sleep(60) end }")
    local run = w:run { "run", "--timeout=0.3", path }
    assert.equal(9, run.status)
    assert.truthy(run.stderr:find("--timeout", 1, true))
  end)
end)
