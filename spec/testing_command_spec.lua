-- molbuild test, and molbuild eject --test.
local cjson = require "cjson"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

-- The interpreter that runs this: another one may not be able to load the core.
local LUA = sh.quote(assert(require("molbuild.core").sys.executable()))
local SCRIPTS = sh.run "pwd" .. "/scripts"

describe("molbuild test", function()
  local dir

  before_each(function() dir = sh.temporary "testing" end)
  after_each(function() sh.remove(dir) end)

  local function molbuild(args, env)
    return run.run { args = args, env = env or {}, cwd = dir }
  end

  local function test(text, ...)
    sh.write(dir .. "/x_test.lua", text)
    return molbuild { "test", ... }
  end

  local PASSES = 'describe("a", function() it("b", function() assert.is_true(true) end) end)\n'

  it("exits with 0 when all pass, and has the counts in the last line", function()
    local result = test(PASSES)
    assert.equal(0, result.status, result.stdout .. result.stderr)
    assert.matches("^1 test: 1 passed, 0 failed %(%d+%.%d%d s%)\n$", result.stdout)
    assert.matches("^ok x_test.lua:1: a b\n1 test:", test(PASSES, "-v").stdout)
  end)

  it("exits with 1 when one fails, and says where, what was expected and what came", function()
    local result = test 'describe("a", function()\n  it("b", function()\n    assert.equal(1, 2)\n  end)\nend)\n'
    assert.equal(1, result.status)
    assert.matches("^FAILED x_test.lua:3: a b\n    expected: 1\n    got:      2\n1 test: 0 passed, 1 failed", result.stdout)
  end)

  it("distinguishes an error from a failure, with its line", function()
    local result = test 'it("b", function()\n  local x\n  x.y = 1\nend)\nit("c", function() error { kind = "odd" } end)\n'
    assert.equal(1, result.status)
    assert.matches("ERROR x_test.lua:3: b\n    attempt to index a nil value (local 'x')\n", result.stdout, 1, true)
    assert.matches('ERROR x_test.lua:5: c\n    { kind = "odd" }\n', result.stdout, 1, true)
    assert.matches("2 tests: 0 passed, 0 failed, 2 errors", result.stdout, 1, true)
  end)

  it("calls hooks in the order of busted, and finally whatever happens", function()
    local text = [[
      local said = {}
      local function say(word) return function() said[#said + 1] = word end end
      setup(say "setup") teardown(function() say "teardown" () io.stderr:write(table.concat(said, " "), "\n") end)
      before_each(say "before")
      after_each(say "after")
      describe("inner", function()
        lazy_setup(say "setup2") before_each(say "before2") after_each(say "after2")
        it("one", function() finally(say "finally") say "one" () error "x" end)
        context("innermost", function() it("two", say "two") pending "three" end)
        it("four", function() pending "not yet" end)
        it "five"
      end)
    ]]
    local result = test(text)
    assert.equal("setup setup2 before before2 one finally after2 after before before2 two after2 after before before2 after2 after "
      .. "teardown\n", result.stderr)
    assert.matches("5 tests: 1 passed, 0 failed, 1 error, 3 pending", result.stdout, 1, true)
    local busted = run.run {
      program = "/bin/sh", cwd = dir,
      args = { "-c", ("cd %s && exec lua5.4 spec/support/busted.lua %s/x_test.lua"):format(sh.quote(SCRIPTS .. "/.."), dir) },
    }
    assert.equal(result.stderr, busted.stderr)
  end)

  it("prints objects with --output=json, the counts last", function()
    local lines = {}
    local result = test(PASSES .. 'it("c", function() assert.equal("x", 1) end)\n', "--output=json")
    assert.equal(1, result.status)
    for line in result.stdout:gmatch "[^\n]+" do lines[#lines + 1] = cjson.decode(line) end
    assert.equal(3, #lines)
    assert.same({ "a b", "passed", 1, "x_test.lua" }, { lines[1].test, lines[1].status, lines[1].line, lines[1].path })
    assert.same({ "failed", 2, 'expected: "x"\ngot:      1' }, { lines[2].status, lines[2].line, lines[2].message })
    assert.same({ 2, 1, 1, 0, 0, 1 }, { lines[3].tests, lines[3].passed, lines[3].failed, lines[3].errors, lines[3].pending,
      lines[3].files })
  end)

  for name, case in pairs {
    ["has no tests"] = { "local x = 1\n", "ERROR x_test.lua: the file has no tests\n    there is no `it` in it\n" },
    ["is no Lua"] = { "\nit('b', function(\n", "ERROR x_test.lua:3: the file cannot be loaded\n    <name> or '...' expected near" },
    ["raises when it is loaded"] = { "\nerror 'boo'\n", "ERROR x_test.lua:2: the file cannot be loaded\n    boo\n" },
    ["has a test without a function"] = {
      "it('b', 1)\n", 'ERROR x_test.lua:1: the file cannot be loaded\n    it "b" needs a function',
    },
  } do
    it("fails for a file that " .. name, function()
      local result = test(case[1])
      assert.equal(1, result.status)
      assert.matches(case[2], result.stdout, 1, true)
      assert.matches("1 test: 0 passed, 0 failed, 1 error", result.stdout, 1, true)
    end)
  end

  it("fails for a missing file, and continues with the others", function()
    local result = test(PASSES, "y_test.lua", "x_test.lua", "p.lua")
    assert.equal(1, result.status)
    assert.matches("ERROR y_test.lua: y_test.lua\n    cannot examine y_test.lua: No such file or directory\n",
      result.stdout, 1, true)
    assert.matches("3 tests: 1 passed, 0 failed, 2 errors", result.stdout, 1, true)
    sh.write(dir .. "/p.lua", "return {}\n")
    assert.matches("ERROR p.lua: p.lua\n    there is no test beside it: p_test.lua\n",
      molbuild({ "test", "p.lua" }).stdout, 1, true)
    sh.run { "mkdir", dir .. "/empty" }
    assert.matches("ERROR empty: empty\n    there is no *_test.lua in it\n", molbuild({ "test", "empty" }).stdout, 1, true)
  end)

  it("takes directories, with all below, and policies, for the tests there", function()
    sh.write(dir .. "/a/b/deep_test.lua", PASSES)
    sh.write(dir .. "/a/.hidden/no_test.lua", "error 'no'")
    sh.write(dir .. "/a/deep.lua", "return {}")
    sh.write(dir .. "/a/deep_test.lua", PASSES)
    assert.matches("^2 tests: 2 passed", molbuild({ "test", "a" }).stdout)
    assert.matches("^1 test: 1 passed", molbuild({ "test", "a/deep.lua" }).stdout)
    assert.matches("^2 tests: 2 passed", molbuild({ "test" }).stdout)
    assert.matches("^2 tests: 2 passed", molbuild({ "test", "a", "a/deep_test.lua", "a/deep.lua" }).stdout)
  end)

  it("refuses options that it does not know, and values that are none", function()
    for args, message in pairs {
      ["--covrage"] = 'unknown option --covrage; did you mean "--coverage"?',
      ["--output=xml"] = 'option --output cannot be "xml": it is one of text, json',
      ["--min-coverage=most"] = 'option --min-coverage needs a percentage, such as 80, not "most"',
      ["--min-coverage"] = "option --min-coverage needs a value", ["--coverage=1"] = "option --coverage takes no value",
    } do
      local result = test(PASSES, args)
      assert.equal(2, result.status)
      assert.equal(("molbuild: %s\nhint: molbuild test --help\n"):format(message), result.stderr)
    end
    assert.matches("--min-coverage", molbuild({ "test", "--help" }).stdout, 1, true)
  end)

  it("does not let a test write among the results", function()
    local result = test('print "hello"\n' .. PASSES)
    assert.equal("hello\n", result.stderr)
    assert.matches("^1 test", result.stdout)
  end)

  local POLICY = [[
local policy = { unused = function() return 1 end }

function policy.twice(text)
  if text == "" then
    return nil
  end
  return text .. text
end

function policy.run(args)
  return policy.twice(args[1])
end

return policy
]]
  local TEST = 'it("b", function()\n  assert.equal("aa\\n", require("molbuild").testing.world():run("a").stdout)\nend)\n'

  it("prints what is not reached with --coverage: lines and steps", function()
    sh.write(dir .. "/x.lua", POLICY)
    local result = test(TEST, "--coverage")
    assert.equal(0, result.status, result.stdout)
    assert.equal("./x.lua: 88 % of 8 lines; not reached: 5\nsteps that no test reaches: unused\ncoverage: 87.5 %\n",
      result.stdout:gsub("1 test:.*", ""))
  end)

  it("counts what a test reaches without a world", function()
    sh.write(dir .. "/x.lua", POLICY)
    local result = test('local x = require("molbuild").load "./x.lua"\nit("b", function() assert.equal("aa", x.twice "a") end)\n',
      "--coverage")
    assert.matches("^%./x%.lua: 75 %% of 8 lines; not reached: 5, 11\ncoverage: 75.0 %%\n1 test: 1 passed", result.stdout)
  end)

  it("neither ends nor prints a result for a test that tries to", function()
    local result = test('it("b", function() io.write "out" os.exit(0) end)\n' .. PASSES)
    assert.equal(1, result.status)
    assert.equal("out", result.stderr)
    assert.matches("ERROR x_test.lua:1: b\n    os.exit must not be called in a test", result.stdout, 1, true)
    assert.matches("2 tests: 1 passed, 0 failed, 1 error", result.stdout, 1, true)
  end)

  it("fails below --min-coverage", function()
    sh.write(dir .. "/x.lua", POLICY)
    assert.equal(0, test(TEST, "--min-coverage=80").status)
    local result = test(TEST, "--min-coverage", "90")
    assert.equal(1, result.status)
    assert.matches("coverage: 87.5 %, less than the 90 % of --min-coverage\n1 test: 1 passed, 0 failed", result.stdout, 1, true)
    local last = cjson.decode(test(TEST, "--min-coverage=90", "--output=json").stdout:match '\n({"coverage"[^\n]*)')
    assert.same({ 87.5, 90, { "unused" } }, { last.coverage, last.least, last.steps })
  end)

  it("counts the lines of a policy once that is loaded under two paths", function()
    sh.write(dir .. "/x.lua", POLICY)
    sh.write(dir .. "/y.lua", "local policy = molbuild.load 'x.lua'\nreturn policy\n")
    sh.write(dir .. "/y_test.lua", TEST)
    local result = test(TEST, "x_test.lua", "y_test.lua", "--coverage")
    assert.equal(1, select(2, result.stdout:gsub("x%.lua: 88 %% of 8 lines", "")), result.stdout)
    assert.equal(1, select(2, result.stdout:gsub("x%.lua", "")), result.stdout)
  end)

  it("runs a hundred tests with a world each", function()
    local text = 'local molbuild = require "molbuild"\nfor number = 1, 100 do\n  it("b" .. number, function()\n'
      .. '    local world = molbuild.testing.world { policy = "ensure.lua" }\n'
      .. '    world.forge:push("hermes", { Dockerfile = "FROM " .. number })\n'
      .. '    assert.equal(0, world:run("hermes").exit)\n  end)\nend\n'
    assert.matches("100 tests: 100 passed", test(text).stdout, 1, true)
  end)
end)

describe("molbuild eject --test", function()
  it("writes a policy and a test of it, which passes in both runners", function()
    local dir = sh.temporary "eject"
    finally(function() sh.remove(dir) end)
    for _, name in ipairs { "ensure", "ensure-native" } do
      local ejected = run.run { args = { "eject", "--test", name .. ".lua", dir } }
      assert.equal(("%s/%s.lua\n%s/%s_test.lua\n"):format(dir, name, dir, name), ejected.stdout, ejected.stderr)
    end
    local result = run.run { args = { "test" }, cwd = dir }
    assert.equal(0, result.status, result.stdout .. result.stderr)
    assert.matches("^6 tests: 6 passed", result.stdout)
    assert.is_true(sh.try(("cd %s && %s spec/support/busted.lua %s/ensure_test.lua"):format(sh.quote(SCRIPTS .. "/.."), LUA, dir)))
  end)

  it("overwrites neither, and writes nothing then", function()
    local dir = sh.temporary "eject"
    finally(function() sh.remove(dir) end)
    sh.write(dir .. "/ensure_test.lua", "mine")
    local result = run.run { args = { "eject", "--test", "ensure.lua" }, cwd = dir }
    assert.equal(1, result.status)
    assert.equal("molbuild: ./ensure_test.lua already exists and is not overwritten\n", result.stderr)
    assert.equal("mine", sh.read(dir .. "/ensure_test.lua"))
    assert.is_nil(sh.read(dir .. "/ensure.lua"))
    assert.equal(2, run.run({ args = { "eject", "--test", "ensure-settings.lua" }, cwd = dir }).status)
  end)
end)
