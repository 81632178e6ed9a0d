-- The globals of a policy.
local environment = require "molbuild.policy.environment"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"

describe("a policy's globals", function()
  local globals, said

  before_each(function()
    said = {}
    globals = environment.new { log = { info = function(format, ...) said[#said + 1] = format:format(...) end } }
  end)

  local function run(source)
    return assert(load(source, "@my.lua", "t", globals))()
  end

  local function refusal(source)
    local ok, failure = pcall(run, source)
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "bug"), tostring(failure))
    return failure.message
  end

  it("are Lua's own, and the library", function()
    assert.equal(3, run "return math.max(1, 3)")
    assert.equal(globals.molbuild, run "return molbuild")
    assert.equal("table", run "return type(os) == type(io) and type(_G)")
    assert.equal(os.time, run "return os.time")
    assert.equal(globals, run "return _G")
  end)

  for source, message in pairs {
    ["x = 1"] = "my.lua:1: the global x is set: write `local x`",
    ["function helper() end"] = "my.lua:1: the global helper is set: write `local helper`",
    ["\nreturn pirnt"] = 'my.lua:2: no global pirnt; did you mean "print"?',
    ["return molbiuld"] = 'my.lua:1: no global molbiuld; did you mean "molbuild"?',
    ["return helper"] = "my.lua:1: no global helper",
    ["_G.x = 1"] = "my.lua:1: the global x is set: write `local x`",
    ["os.exit(0)"] =
      "my.lua:1: os.exit must not be called in a policy: return from the function, or raise an error with molbuild.raise",
    ["_G.os.exit(0)"] =
      "my.lua:1: os.exit must not be called in a policy: return from the function, or raise an error with molbuild.raise",
    ['require("os").exit(0)'] =
      "my.lua:1: os.exit must not be called in a policy: return from the function, or raise an error with molbuild.raise",
    ["os.execute 'true'"] = "my.lua:1: os.execute must not be called in a policy: run programs with molbuild.child.run",
    ["io.popen 'true'"] = "my.lua:1: io.popen must not be called in a policy: run programs with molbuild.child.run",
    ["io.output 'x'"] = "my.lua:1: io.output must not be set in a policy: open a file, and write to it",
    ["io.stdout:close()"] = "my.lua:1: io.stdout:close must not be called in a policy: stdout belongs to the program",
  } do
    it(("refuse %s"):format(source:gsub("\n", " ")), function() assert.equal(message, refusal(source)) end)
  end

  it("write to the log, never to stdout", function()
    run [[print("a", 1, nil) io.write("b", 2, "\n") io.stdout:write("c\nd"):write "e" io.output():write "f"]]
    assert.same({ "a\t1\tnil", "b2", "c", "d", "e", "f" }, said)
  end)

  it("leave the globals of the program alone", function()
    pcall(run, "x = 1")
    assert.is_nil(rawget(_G, "x"))
    assert.are_not.equal(os.exit, run "return os.exit")
  end)

  it("have coroutines of the policy's own", function()
    assert.equal(2, run [[
      local co = coroutine.wrap(function() coroutine.yield(1) return 2 end)
      co()
      return co()
    ]])
  end)

  it("refuse a yield outside of them, in that task alone", function()
    task.run(function()
      local stray = task.spawn(function() return run "\n\ncoroutine.yield(1)" end)
      local other = task.spawn(function() return "fine" end)
      local ok, failure = pcall(stray.join, stray)
      assert.is_false(ok)
      assert.equal("my.lua:3: coroutine.yield outside of a coroutine of the policy's own", failure.message)
      assert.equal("fine", other:join())
    end)
  end)
end)
